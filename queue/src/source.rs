use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use domain::{Lane, ServiceId, Timestamp, WorkerId};
use store::tasks::LeasedTask;

/// The queue could not be reached or refused.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer")]
pub struct SourceError(#[from] pub store::Error);

/// How much a pool of workers may take, so that no lane and no service can fill it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimLimits {
    /// How many tasks of each lane may be taken.
    pub lanes: BTreeMap<Lane, u32>,
    /// How many tasks one service may have in hand.
    pub per_service: u32,
    /// How many it has in hand now.
    pub running: BTreeMap<ServiceId, u32>,
}

impl ClaimLimits {
    /// Room for `count` tasks, whosever and wherever they are.
    pub fn uniform(count: u32) -> Self {
        Self {
            lanes: Lane::ALL.iter().map(|lane| (*lane, count)).collect(),
            per_service: count,
            running: BTreeMap::new(),
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
    async fn claim(
        &self,
        pool: &str,
        count: u32,
        room: &ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<LeasedTask>, SourceError>;

    /// Renews a lease; the new end, or nothing if the lease was lost.
    async fn renew(
        &self,
        task: &LeasedTask,
        lease: Duration,
    ) -> Result<Option<Timestamp>, SourceError>;

    /// Takes a finished task out of the queue; false if the lease was lost.
    async fn complete(&self, task: &LeasedTask) -> Result<bool, SourceError>;

    /// Gives a task back, to be taken from `ready_at` on with `attempt` tries behind it; false if the lease was lost.
    async fn release(
        &self,
        task: &LeasedTask,
        ready_at: Timestamp,
        attempt: u32,
    ) -> Result<bool, SourceError>;

    /// Moves a task to the dead letters; false if the lease was lost.
    async fn dead_letter(&self, task: &LeasedTask, why: &str) -> Result<bool, SourceError>;
}
