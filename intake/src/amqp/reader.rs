//! Reads one queue.

use std::{collections::BTreeSet, fmt, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel as Queue;
use futures::{FutureExt as _, StreamExt as _, stream::SelectAll};
use lapin::{
    Channel, Consumer,
    message::Delivery as Message,
    options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use tokio::time::timeout;

use super::{Amqp, connection::Session, queues};
use crate::{Delivery, DeliveryId, LogError, LogReader};

/// A broker delivers within this time. A reader that is to wait less asks it instead.
const DELIVERY_TIME: Duration = Duration::from_millis(100);
/// A broker answers within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// What of a reason is stored with a group; a broker takes headers of a limited size only.
const MAX_REASON_CHARS: usize = 1000;

/// A channel with consumers. When it is closed, the broker delivers again what was not acknowledged.
pub(super) struct AmqpReader {
    log: Amqp,
    queue: Queue,
    name: ShortString,
    channel: Channel,
    session: Arc<Session>,
    consumers: SelectAll<Consumer>,
    /// How many messages the consumers may hold.
    capacity: usize,
    held: BTreeSet<u64>,
}

impl fmt::Debug for AmqpReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpReader")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl AmqpReader {
    pub(super) async fn open(log: &Amqp, queue: Queue) -> Result<Self, LogError> {
        let (session, channel) = log.0.reads.channel().await?;
        Ok(Self {
            log: log.clone(),
            queue,
            name: queues::waiting(log.prefix(), queue),
            channel,
            session,
            consumers: SelectAll::new(),
            capacity: 0,
            held: BTreeSet::new(),
        })
    }

    /// Adds a consumer if those that are there could not deliver so many messages beside those that are held. It may hold
    /// twice as many, so that the next ones arrive while these are saved.
    async fn consume(&mut self, max: usize) -> Result<(), LogError> {
        if self.held.len() + max <= self.capacity {
            return Ok(());
        }
        let failed = |error| LogError::caused("the broker does not deliver", error);
        let count = u16::try_from(2 * max).unwrap_or(u16::MAX);
        self.channel
            .basic_qos(count, BasicQosOptions::default())
            .await
            .map_err(failed)?;
        let consumer = self
            .channel
            .basic_consume(
                self.name.clone(),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(failed)?;
        self.consumers.push(consumer);
        self.capacity += usize::from(count);
        Ok(())
    }

    /// Takes what has arrived.
    fn take_arrived(&mut self, max: usize, into: &mut Vec<Delivery>) -> Result<(), LogError> {
        while into.len() < max {
            match self.consumers.next().now_or_never() {
                None => return Ok(()),
                Some(message) => into.push(self.hold(message)?),
            }
        }
        Ok(())
    }

    fn hold(
        &mut self,
        message: Option<Result<Message, lapin::Error>>,
    ) -> Result<Delivery, LogError> {
        match message {
            Some(Ok(message)) => Ok(self.hold_message(message)),
            Some(Err(error)) => Err(LogError::caused("the broker has stopped to deliver", error)),
            None => Err(LogError::new("the broker has stopped to deliver")),
        }
    }

    fn hold_message(&mut self, message: Message) -> Delivery {
        self.held.insert(message.delivery_tag);
        Delivery {
            id: DeliveryId(message.delivery_tag),
            group: Bytes::from(message.data),
        }
    }

    /// Asks the broker for a message, because the consumers have none.
    async fn get(&mut self) -> Result<Option<Delivery>, LogError> {
        let got = self
            .channel
            .basic_get(self.name.clone(), BasicGetOptions::default());
        let got = answer_of(got).await?;
        Ok(got.map(|got| self.hold_message(got.delivery)))
    }

    async fn receive_some(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, LogError> {
        self.consume(max).await?;
        let mut received = Vec::new();
        self.take_arrived(max, &mut received)?;
        if !received.is_empty() {
            return Ok(received);
        }
        if wait < DELIVERY_TIME {
            received.extend(self.get().await?);
            // What the queue had given the consumers arrives before its answer.
        } else if let Ok(message) = timeout(wait, self.consumers.next()).await {
            received.push(self.hold(message)?);
        }
        self.take_arrived(max, &mut received)?;
        Ok(received)
    }

    async fn acknowledge_one(&mut self, delivery: DeliveryId) -> Result<(), LogError> {
        self.channel
            .basic_ack(delivery.0, BasicAckOptions::default())
            .await
            .map_err(|error| LogError::caused("cannot acknowledge a group", error))?;
        self.held.remove(&delivery.0);
        Ok(())
    }
}

/// Waits for an answer of the broker.
pub(super) async fn answer_of<T>(
    answer: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, LogError> {
    match timeout(ANSWER_TIMEOUT, pin!(answer)).await {
        Ok(answer) => answer.map_err(|error| LogError::caused("the broker refuses", error)),
        Err(_) => Err(LogError::new("the broker does not answer")),
    }
}

#[async_trait]
impl LogReader for AmqpReader {
    async fn receive(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, LogError> {
        let limit = wait + ANSWER_TIMEOUT;
        let received = timeout(limit, self.receive_some(max, wait)).await;
        received.unwrap_or_else(|_| {
            self.session.abandon();
            Err(LogError::new("the broker does not answer"))
        })
    }

    async fn acknowledge(&mut self, deliveries: &[DeliveryId]) -> Result<(), LogError> {
        for delivery in deliveries {
            self.acknowledge_one(*delivery).await?;
        }
        Ok(())
    }

    async fn set_aside(
        &mut self,
        delivery: DeliveryId,
        rest: Bytes,
        reason: &str,
    ) -> Result<(), LogError> {
        let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
        let mut headers = FieldTable::default();
        headers.insert(
            "reason".into(),
            AMQPValue::LongString(LongString::from(reason)),
        );
        let aside = queues::aside(self.log.prefix(), self.queue);
        // Confirmed first: if the program dies between the two, the group is there twice, and not lost.
        self.log.0.publisher.publish(aside, &rest, headers).await?;
        self.acknowledge_one(delivery).await
    }
}
