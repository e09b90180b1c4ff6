//! The group commit of finished callback tasks: what several tasks came to shares a transaction, with the log of attempts
//! and the health of endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use domain::{CallbackId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, PoisonMessage};
use store::{
    Tx,
    callbacks::{
        attempts::{self, Attempt},
        health::{self, PauseRule, PausedEndpoint},
    },
};
use tracing::{error, info};
use uuid::Uuid;

use super::replay::Replay;
use crate::{
    group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure},
    tasks::{self, PausedCallback},
};

/// An endpoint is not paused for fewer failures: a service with three messages a day has not failed for long.
const MIN_FAILURES: u32 = 20;

/// A task whose calls have ended.
#[derive(Debug)]
pub(crate) struct FinishedTask {
    pub(super) id: TaskId,
    pub(super) lease: Uuid,
    /// The tasks that continue it: retries, and what was not started.
    pub(super) follow_ups: Vec<NewTask>,
    /// Callbacks on which the program failed.
    pub(super) poisoned: Vec<PoisonMessage>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) health: Option<Health>,
}

/// What the calls of a task say about their endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    pub(super) callback: CallbackId,
    pub(super) successes: u32,
    pub(super) failures: u32,
}

/// Why a finished task was not committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinishError {
    #[error("too many finished tasks wait for a commit")]
    Busy,
    #[error("the store failed")]
    Store(#[source] Arc<store::Error>),
}

impl From<CommitFailure> for FinishError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Busy => Self::Busy,
            CommitFailure::Store(error) => Self::Store(error),
        }
    }
}

/// Completes tasks and enqueues those that continue them.
#[derive(Debug, Clone)]
pub(crate) struct FinishingWriter {
    infrastructure: Infrastructure,
    pause_after: Duration,
}

/// Endpoints whose state has changed.
#[derive(Debug, Default)]
struct Changes {
    paused: Vec<PausedEndpoint>,
    resumed: Vec<PausedEndpoint>,
}

impl FinishingWriter {
    pub(super) fn start(
        infrastructure: &Infrastructure,
        pause_after: Duration,
    ) -> GroupCommit<Self> {
        let writer = Self {
            infrastructure: infrastructure.clone(),
            pause_after,
        };
        GroupCommit::start(&writer, 1)
    }

    /// Records which endpoints work, and pauses those that have failed for long.
    async fn record_health(
        &self,
        tx: &mut Tx,
        rows: &[FinishedTask],
        now: Timestamp,
    ) -> Result<Changes, store::Error> {
        let mut failures: BTreeMap<CallbackId, u32> = BTreeMap::new();
        let mut working: BTreeSet<CallbackId> = BTreeSet::new();
        for health in rows.iter().filter_map(|row| row.health) {
            if health.successes > 0 {
                working.insert(health.callback);
            } else if health.failures > 0 {
                *failures.entry(health.callback).or_default() += health.failures;
            }
        }
        let working: Vec<CallbackId> = working.into_iter().collect();
        let mut changes = Changes {
            resumed: health::record_successes(tx, &working).await?,
            ..Changes::default()
        };
        let rule = PauseRule {
            failing_since: now.minus(self.pause_after),
            failures: MIN_FAILURES,
        };
        for (callback, count) in failures {
            if !working.contains(&callback) {
                let paused = health::record_failures(tx, callback, count, now, rule).await?;
                changes.paused.extend(paused);
            }
        }
        Ok(changes)
    }

    /// Returns the tasks that send what was held for these endpoints.
    fn replays(&self, resumed: &[PausedEndpoint], now: Timestamp) -> Vec<NewTask> {
        let replay = |endpoint: &PausedEndpoint| {
            let id = TaskId::generate(now, &*self.infrastructure.random);
            let held = Replay::of_held(endpoint.kind);
            tasks::replay_callbacks(id, endpoint.service_id, &held, now)
        };
        resumed.iter().map(replay).collect()
    }
}

impl FinishingWriter {
    /// Returns the tasks that tell services by e-mail that these endpoints are paused.
    fn notices(&self, paused: &[PausedEndpoint], now: Timestamp) -> Vec<NewTask> {
        let notice = |endpoint: &PausedEndpoint| {
            let id = TaskId::generate(now, &*self.infrastructure.random);
            let paused = PausedCallback {
                kind: endpoint.kind,
                since: now.minus(self.pause_after),
            };
            tasks::tell_of_paused_callback(id, endpoint.service_id, &paused, now)
        };
        paused.iter().map(notice).collect()
    }
}

impl Changes {
    fn log(&self) {
        for PausedEndpoint {
            service_id, kind, ..
        } in &self.paused
        {
            metrics::counter!("pillarbox_callback_endpoints_paused_total", "kind" => kind.as_str())
                .increment(1);
            error!(
                service.id = %service_id,
                "callbacks of the kind {kind} to service {service_id} are paused, because none has succeeded for long: \
                 tell the service. They are held, and sent when the endpoint answers again, or with \
                 `pillarbox callback resume {} --service {service_id}`",
                kind.as_str().replace('_', "-")
            );
        }
        for PausedEndpoint {
            service_id, kind, ..
        } in &self.resumed
        {
            info!(
                service.id = %service_id,
                "callbacks of the kind {kind} to service {service_id} are resumed: its endpoint answers"
            );
        }
    }
}

impl GroupWriter for FinishingWriter {
    type Row = FinishedTask;
    type Error = FinishError;
    const ROWS: &'static str = "finished callback tasks";

    fn size_bytes(row: &FinishedTask) -> usize {
        let follow_ups = row.follow_ups.iter().map(|task| task.payload.len());
        let attempts = row.attempts.iter().map(|one| 300 + one.event.len());
        size_of::<FinishedTask>() + follow_ups.sum::<usize>() + attempts.sum::<usize>()
    }

    async fn write(
        &self,
        rows: Vec<FinishedTask>,
    ) -> Result<Vec<Option<FinishError>>, store::Error> {
        let now = self.infrastructure.clock.now();
        let count = rows.len();
        let leases: Vec<(TaskId, Uuid)> = rows.iter().map(|row| (row.id, row.lease)).collect();
        let mut tx = self.infrastructure.store.write().await?;
        let completed = store::tasks::complete_many(&mut tx, &leases).await?;
        let changes = self.record_health(&mut tx, &rows, now).await?;
        let mut follow_ups = self.replays(&changes.resumed, now);
        follow_ups.extend(self.notices(&changes.paused, now));
        let mut attempts = Vec::new();
        for row in rows {
            // An attempt was made, even if another worker has the task now.
            attempts.extend(row.attempts);
            // If the lease was lost, another worker has the task, and these would repeat its work.
            if completed.contains(&row.id) {
                follow_ups.extend(row.follow_ups);
                for message in &row.poisoned {
                    message.dead_letter(&mut tx, now).await?;
                }
            }
        }
        attempts::insert_many(&mut tx, &attempts).await?;
        let ready: BTreeSet<&'static str> = follow_ups
            .iter()
            .filter(|task| task.ready_at <= now)
            .map(|task| task.pool)
            .collect();
        tx.enqueue(follow_ups).await?;
        tx.commit().await?;
        for pool in ready {
            self.infrastructure.notifier.notify(pool);
        }
        changes.log();
        Ok((0..count).map(|_| None).collect())
    }
}
