use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use domain::{Lane, ServiceId, Timestamp, WorkerId};
use store::tasks::Taken;

/// The queue could not be reached or refused.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer")]
pub struct SourceError(#[from] pub store::Error);

/// How much a pool of workers may take, so that no lane and no service can fill it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// How many tasks of each lane may be taken.
    pub lanes: BTreeMap<Lane, u32>,
    /// How many tasks one service may have in hand.
    pub each_service: u32,
    /// How many it has in hand now.
    pub in_hand: BTreeMap<ServiceId, u32>,
}

impl Room {
    /// Room for `count` tasks, whosever and wherever they are.
    pub fn of(count: u32) -> Self {
        Self {
            lanes: Lane::ALL.iter().map(|lane| (*lane, count)).collect(),
            each_service: count,
            in_hand: BTreeMap::new(),
        }
    }
}

/// Where tasks come from. An adapter is defined by the conformance suite, not by this trait.
#[async_trait]
pub trait TaskSource: Send + Sync + std::fmt::Debug {
    /// Who takes tasks here: each lease names it, so that the tasks of a dead one are known.
    fn worker(&self) -> WorkerId;

    /// Takes tasks that are ready in `pool`, at most `count` and no more than `room` allows, each under a lease of its
    /// own. Services take turns.
    async fn take(
        &self,
        pool: &str,
        count: u32,
        room: &Room,
        lease: Duration,
    ) -> Result<Vec<Taken>, SourceError>;

    /// Renews a lease; the new end, or nothing if the lease was lost.
    async fn renew(&self, task: &Taken, lease: Duration) -> Result<Option<Timestamp>, SourceError>;

    /// Takes a finished task out of the queue; false if the lease was lost.
    async fn finish(&self, task: &Taken) -> Result<bool, SourceError>;

    /// Gives a task back, to be taken from `ready_at` on with `attempt` tries behind it; false if the lease was lost.
    async fn put_back(
        &self,
        task: &Taken,
        ready_at: Timestamp,
        attempt: u32,
    ) -> Result<bool, SourceError>;

    /// Moves a task to the dead letters; false if the lease was lost.
    async fn bury(&self, task: &Taken, why: &str) -> Result<bool, SourceError>;
}
