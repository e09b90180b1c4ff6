use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use domain::{Lane, ServiceId, Timestamp, WorkerId};
use store::tasks::LeasedTask;

/// Error of the queue's storage.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer")]
pub struct SourceError(#[from] pub store::Error);

/// How many tasks a pool may claim, so that no lane and no service can occupy all its workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimLimits {
    /// Number of tasks that may be claimed from each lane; a lane that is missing gives none.
    pub lanes: BTreeMap<Lane, u32>,
    /// Number of tasks that one service may have running at a time, those in `running` included.
    pub per_service: u32,
    /// Number of tasks that each service has running now.
    pub running: BTreeMap<ServiceId, u32>,
}

impl ClaimLimits {
    /// Allows `count` tasks of any lane and service.
    pub fn uniform(count: u32) -> Self {
        Self {
            lanes: Lane::ALL.iter().map(|lane| (*lane, count)).collect(),
            per_service: count,
            running: BTreeMap::new(),
        }
    }
}

/// Adapter to where tasks are stored. The `conformance` suite says what an adapter must do; this trait says only how it
/// is called.
#[async_trait]
pub trait TaskSource: Send + Sync + std::fmt::Debug {
    /// Returns the worker that the leases name, so that the tasks of a dead worker can be reclaimed. Every source is a
    /// worker of its own.
    fn worker(&self) -> WorkerId;

    /// Claims up to `count` ready tasks of `pool` within `limits`, each under a lease of its own. Services take turns.
    async fn claim(
        &self,
        pool: &str,
        count: u32,
        limits: &ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<LeasedTask>, SourceError>;

    /// Renews a lease and returns its new end, or `None` if the lease was lost.
    async fn renew(
        &self,
        task: &LeasedTask,
        lease: Duration,
    ) -> Result<Option<Timestamp>, SourceError>;

    /// Deletes a completed task. Returns false if the lease was lost.
    async fn complete(&self, task: &LeasedTask) -> Result<bool, SourceError>;

    /// Releases a task, to be claimed again from `ready_at` on with `attempt` failed attempts. Returns false if the
    /// lease was lost.
    async fn release(
        &self,
        task: &LeasedTask,
        ready_at: Timestamp,
        attempt: u32,
    ) -> Result<bool, SourceError>;

    /// Moves a task to the dead letters. Returns false if the lease was lost.
    async fn dead_letter(&self, task: &LeasedTask, why: &str) -> Result<bool, SourceError>;
}
