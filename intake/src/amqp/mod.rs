//! A log in quorum queues of RabbitMQ, for several machines.
//!
//! Each queue of the log is one of the broker, and what is set aside waits in another. A group is appended once the broker
//! has confirmed it, which it does when a majority of the queue's nodes has flushed it. Messages are published as mandatory,
//! because a broker confirms what it has no queue for, too. Appending has a connection of its own: a broker that is short of
//! memory stops those that publish, and those that read must go on.

mod address;
mod connection;
mod publisher;
mod queues;
mod reader;
mod server;
mod socket;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel as Queue;
use lapin::{
    options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use tracing::warn;

use crate::{AppendError, IntakeLog, LogError, LogReader};
use address::Address;
use connection::{Broker, Link, OpenError, START_TIMEOUT};
use publisher::Publisher;
use reader::{AmqpReader, answer_of};

/// RabbitMQ 4 takes 16 MiB; earlier versions take more.
const MAX_GROUP_BYTES: usize = 15 << 20;

/// A log in a broker.
#[derive(Debug, Clone)]
pub(crate) struct Amqp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    broker: Arc<Broker>,
    publisher: Publisher,
    reads: Link,
}

impl Amqp {
    /// Opens a log. Fails if the broker refuses what the log needs. A broker that does not answer is no reason: the platform
    /// has to start during its outage too, and no connection is used before its queues are checked.
    pub(crate) async fn open(address: &str) -> Result<Self, LogError> {
        let broker = Arc::new(Broker::new(Address::parse(address)?)?);
        let publisher = Publisher::new(Link::new(&broker, "intake appends"));
        let reads = Link::new(&broker, "intake reads");
        match publisher.link().open(START_TIMEOUT).await {
            Ok(session) => {
                let server = &session.server;
                if !server.is_recommended() {
                    warn!("the broker of the intake log is {server}: use 4.2 or later");
                }
            }
            Err(OpenError::Unfit(error)) => return Err(error),
            Err(OpenError::Away(error)) => warn!(
                error = &error as &dyn std::error::Error,
                "the broker of the intake log does not answer: it is tried again when it is needed, and checked then"
            ),
        }
        Ok(Self(Arc::new(Inner {
            broker,
            publisher,
            reads,
        })))
    }

    fn prefix(&self) -> &str {
        &self.0.broker.address.prefix
    }

    /// Returns how many messages of a queue are held by no reader.
    async fn count(&self, name: ShortString) -> Result<u64, LogError> {
        let (_session, channel) = self.0.reads.channel().await?;
        let passive = QueueDeclareOptions::durable().passive();
        let queue = channel.queue_declare(name, passive, FieldTable::default());
        Ok(u64::from(answer_of(queue).await?.message_count()))
    }
}

#[async_trait]
impl IntakeLog for Amqp {
    fn promise(&self) -> String {
        "a majority of the nodes of a RabbitMQ quorum queue has flushed it".to_owned()
    }

    fn max_group_bytes(&self) -> usize {
        MAX_GROUP_BYTES
    }

    async fn append(&self, queue: Queue, group: Bytes) -> Result<(), AppendError> {
        if group.len() > MAX_GROUP_BYTES {
            return Err(AppendError::TooLarge {
                bytes: group.len(),
                limit: MAX_GROUP_BYTES,
            });
        }
        let name = queues::waiting(self.prefix(), queue);
        let published = self
            .0
            .publisher
            .publish(name, &group, FieldTable::default());
        Ok(published.await?)
    }

    async fn reader(&self, queue: Queue) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(AmqpReader::open(self, queue).await?))
    }

    async fn depth(&self, queue: Queue) -> Result<u64, LogError> {
        self.count(queues::waiting(self.prefix(), queue)).await
    }

    async fn count_aside(&self, queue: Queue) -> Result<u64, LogError> {
        self.count(queues::aside(self.prefix(), queue)).await
    }

    async fn replay_aside(&self, queue: Queue) -> Result<u64, LogError> {
        let aside = queues::aside(self.prefix(), queue);
        let waiting = queues::waiting(self.prefix(), queue);
        // What comes back while this runs is left for the next time.
        let most = self.count(aside.clone()).await?;
        let (_session, channel) = self.0.reads.channel().await?;
        for replayed in 0..most {
            let got = channel.basic_get(aside.clone(), BasicGetOptions::default());
            let Some(got) = answer_of(got).await? else {
                return Ok(replayed);
            };
            let publisher = &self.0.publisher;
            publisher
                .publish(waiting.clone(), &got.data, FieldTable::default())
                .await?;
            // After the confirmation: what is there twice is saved once.
            answer_of(channel.basic_ack(got.delivery_tag, BasicAckOptions::default())).await?;
        }
        Ok(most)
    }
}
