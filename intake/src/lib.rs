//! The intake log: what is accepted while the database is slow or away waits here, on disk, until it is saved.
//!
//! A log holds *groups*: sealed bytes, each with the messages of one commit. It knows nothing of what is in them.
//! There is one queue for each channel. The adapter is chosen by an address, see [`open`]; the suite in `conformance`
//! defines what an adapter does:
//!
//! - A group is durable when [`IntakeLog::append`] returns. What that rests on is said by [`IntakeLog::promise`].
//! - A group is delivered until it is acknowledged, so it may arrive twice; the order is not guaranteed.
//! - A group that cannot be saved is set aside, with the reason, and holds up no other.

mod amqp;
#[cfg(feature = "conformance")]
pub mod conformance;
mod spool;

use std::{fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel;

/// A log in front of the database. Cheap to share.
pub type SharedLog = Arc<dyn IntakeLog>;

/// A durable log of groups, in one queue for each channel.
#[async_trait]
pub trait IntakeLog: fmt::Debug + Send + Sync {
    /// Says in one sentence what an accepted message rests on once its group is appended. It is logged at the start.
    fn promise(&self) -> String;

    /// Returns the size of the largest group that can be appended.
    fn max_group_bytes(&self) -> usize;

    /// Appends a group; when this returns, it is durable. Fails within seconds if the log does not answer. A group
    /// whose append failed may be in the log all the same.
    async fn append(&self, queue: Channel, group: Bytes) -> Result<(), AppendError>;

    /// Opens a reader of a queue. Several may be open, in one process or in many; none is given a group that another
    /// one holds.
    async fn reader(&self, queue: Channel) -> Result<Box<dyn LogReader>, LogError>;

    /// Returns how many groups wait. Those that readers hold are counted by a log that knows of them; a broker counts
    /// them again when their reader is gone.
    async fn depth(&self, queue: Channel) -> Result<u64, LogError>;

    /// Returns how many groups were set aside.
    async fn count_aside(&self, queue: Channel) -> Result<u64, LogError>;

    /// Appends what was set aside to the queue again, and returns how many groups that were.
    async fn replay_aside(&self, queue: Channel) -> Result<u64, LogError>;
}

/// Reads one queue. Groups that are neither acknowledged nor set aside are delivered again once it is dropped, or the
/// process is gone.
#[async_trait]
pub trait LogReader: fmt::Debug + Send {
    /// Returns at most `max` groups, the oldest first; none if there is none within `wait`.
    async fn receive(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, LogError>;

    /// Removes groups that are saved.
    async fn acknowledge(&mut self, deliveries: &[DeliveryId]) -> Result<(), LogError>;

    /// Moves a group aside, or the part of it that cannot be saved: `rest` is stored with the reason, then the group is
    /// removed.
    async fn set_aside(
        &mut self,
        delivery: DeliveryId,
        rest: Bytes,
        reason: &str,
    ) -> Result<(), LogError>;
}

/// Id of a delivery, valid for the reader that received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A group that a reader holds.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Id of the delivery.
    pub id: DeliveryId,
    /// The group as it was appended.
    pub group: Bytes,
}

/// Why a group was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It is too large for this log: it has to be saved directly, or in parts.
    #[error("a group of {bytes} bytes is too large for the intake log, which takes {limit}")]
    TooLarge {
        /// Size of the group.
        bytes: usize,
        /// Size of the largest group.
        limit: usize,
    },
    /// The log does not answer, or has refused the group.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A failure of the log. Trying again later is right.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the intake log failed: {what}")]
pub struct LogError {
    what: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl LogError {
    /// Builds an error without a cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// Builds an error from its cause.
    pub fn caused(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            what: what.into(),
            source: Some(Arc::new(source)),
        }
    }
}

/// Returns the name of the queue of a channel (`docs/spec/workers.md` §6).
pub const fn queue_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "save-api-email",
        Channel::Sms => "save-api-sms",
        Channel::Letter => "save-api-letter",
    }
}

/// The channels that have a queue, which are all.
pub const QUEUES: [Channel; 3] = [Channel::Sms, Channel::Email, Channel::Letter];

/// Opens a log by its address: `spool:<directory>`, or `amqp://…` and `amqps://…` for RabbitMQ. Fails if the log cannot keep
/// what it promises. Must be called inside a runtime.
pub async fn open(address: &str) -> Result<SharedLog, LogError> {
    if let Some(directory) = address.strip_prefix("spool:") {
        return Ok(Arc::new(spool::Spool::open(Path::new(directory)).await?));
    }
    if address.starts_with("amqp://") || address.starts_with("amqps://") {
        return Ok(Arc::new(amqp::Amqp::open(address).await?));
    }
    // The address may contain a password, so only its kind is named.
    let kind = address.split(':').next().unwrap_or_default();
    Err(LogError::new(format!(
        "there is no intake log of the kind `{kind}:`; give `spool:<directory>` or `amqp://…`"
    )))
}
