//! Publishing with confirms.

use std::{sync::atomic::Ordering, time::Duration};

use lapin::{
    BasicProperties, Confirmation,
    options::BasicPublishOptions,
    types::{FieldTable, ShortString},
};
use tokio::{sync::Semaphore, time::timeout};

use super::connection::{Link, Session};
use crate::LogError;

/// How long a broker may take to confirm, with opening a connection; a caller waits for it.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(4);
/// Publications in flight at once. A broker writes what comes together in one flush, so more would not end sooner.
const MAX_IN_FLIGHT: usize = 64;
/// As AMQP numbers it: survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// Publishes messages and waits until a majority has them.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Link,
    in_flight: Semaphore,
}

impl Publisher {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
        }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Publishes a message to a queue; when this returns, it is durable.
    pub(super) async fn publish(
        &self,
        queue: ShortString,
        body: &[u8],
        headers: FieldTable,
    ) -> Result<(), LogError> {
        let publishing = async {
            let _permit = self.in_flight.acquire().await;
            let session = self.link.session().await?;
            let mut watch = SilenceWatch::new(&session);
            let published = publish_on(&session, queue, body, headers).await;
            watch.ended = true;
            published
        };
        let published = timeout(CONFIRM_TIMEOUT, publishing).await;
        published.unwrap_or_else(|_| Err(LogError::new("the broker does not confirm in time")))
    }
}

/// Abandons a connection on which nothing was confirmed while a publication waited in vain, so that the next one does not
/// wait too. If others were confirmed, only this one is slow.
struct SilenceWatch<'a> {
    session: &'a Session,
    confirmed_before: u64,
    ended: bool,
}

impl<'a> SilenceWatch<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            confirmed_before: session.confirmed.load(Ordering::Relaxed),
            ended: false,
        }
    }
}

impl Drop for SilenceWatch<'_> {
    fn drop(&mut self) {
        let is_silent = self.session.confirmed.load(Ordering::Relaxed) == self.confirmed_before;
        if !self.ended && is_silent {
            self.session.abandon();
        }
    }
}

async fn publish_on(
    session: &Session,
    queue: ShortString,
    body: &[u8],
    headers: FieldTable,
) -> Result<(), LogError> {
    if session.is_blocked() {
        return Err(LogError::new(
            "the broker takes no messages, for want of memory or disk",
        ));
    }
    // One publication at a time on a channel: a broker announces that it could not route a message, and confirms it
    // afterwards, and among several it is not certain which one was meant. A channel that is dropped on the way is closed.
    let channel = session.confirming_channel().await?;
    let lost = |error| LogError::caused("the broker has not confirmed a group", error);
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    let confirmation = channel
        .basic_publish(
            ShortString::default(),
            queue.clone(),
            options,
            body,
            properties,
        )
        .await
        .map_err(lost)?
        .await
        .map_err(lost)?;
    session.confirmed.fetch_add(1, Ordering::Relaxed);
    match confirmation {
        Confirmation::Ack(None) => {
            session.give_back(channel);
            Ok(())
        }
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
            // The next connection declares the queues.
            session.abandon();
            Err(LogError::new(format!(
                "the broker has no queue {queue} any more"
            )))
        }
        // A channel whose publication was refused for a full queue goes on to be refused until the queue has drained, also
        // when its limit is gone, so it is not used again.
        Confirmation::Nack(None) => Err(LogError::new(format!(
            "the broker refuses a group: the queue {queue} is full, or not enough of its nodes are there"
        ))),
        Confirmation::NotRequested => Err(LogError::new("the broker does not confirm")),
    }
}
