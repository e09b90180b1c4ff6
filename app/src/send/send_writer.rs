//! The group commit of sending: the attempts that batches begin and the results that they record, many batches in one
//! transaction. A batch of one message costs a share of two commits instead of two of its own.

use std::{collections::BTreeSet, sync::Arc};

use domain::{Channel, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask};
use store::{
    Tx,
    attempts::{AttemptEnd, NewAttempt},
    notifications::StatusUpdate,
};
use uuid::Uuid;

use super::{balance, pending_writes::PendingWrites};
use crate::{
    callbacks,
    group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure},
    receipts, tasks,
};

/// Something that a batch writes. Cheap to clone, because a commit that fails is tried again.
#[derive(Debug, Clone)]
pub(crate) enum SendWrite {
    /// Attempts that are about to begin.
    Begin(Arc<Beginning>),
    /// Results.
    Record(Arc<Recording>),
}

/// Attempts that are about to begin.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(super) new: Vec<NewAttempt>,
    /// Ends of earlier attempts whose outcome will not be recorded any more.
    pub(super) unfinished: Vec<AttemptEnd>,
}

/// Results of a batch.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(super) task: TaskId,
    pub(super) lease: Uuid,
    pub(super) service: ServiceId,
    pub(super) channel: Channel,
    pub(super) writes: PendingWrites,
    pub(super) handover: Option<Handover>,
}

/// Tasks that continue a batch, or a part of it.
#[derive(Debug)]
pub(super) struct Handover {
    pub(super) tasks: Vec<NewTask>,
    /// The payload of the batch's task, which keeps the rest. Without it, the task is completed.
    pub(super) keeps: Option<String>,
}

/// Why something was not written, or not all of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SendWriteError {
    /// Another process has begun to send one of these notifications meanwhile. No attempt of the batch has begun.
    #[error("another process has begun to send one of the notifications")]
    BegunElsewhere,
    /// The lease of the task was lost: the results are committed, and nothing is handed over.
    #[error("the lease of the task was lost")]
    LeaseLost,
    #[error("too many results wait for a commit")]
    Busy,
    #[error("the store failed")]
    Store(#[source] Arc<store::Error>),
}

impl SendWriteError {
    /// Returns whether the same write may succeed soon.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Store(error) => error.is_transient(),
            Self::BegunElsewhere | Self::LeaseLost => false,
        }
    }
}

impl From<CommitFailure> for SendWriteError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Busy => Self::Busy,
            CommitFailure::Store(error) => Self::Store(error),
        }
    }
}

/// Writes what batches begin and record.
#[derive(Debug, Clone)]
pub(crate) struct SendWriter {
    infrastructure: Infrastructure,
}

impl GroupWriter for SendWriter {
    type Row = SendWrite;
    type Error = SendWriteError;
    const ROWS: &'static str = "attempts and results of batches";

    fn size_bytes(row: &SendWrite) -> usize {
        match row {
            SendWrite::Begin(beginning) => {
                (beginning.new.len() + beginning.unfinished.len()) * size_of::<AttemptEnd>()
            }
            SendWrite::Record(recording) => recording.size_bytes(),
        }
    }

    async fn write(
        &self,
        rows: Vec<SendWrite>,
    ) -> Result<Vec<Option<SendWriteError>>, store::Error> {
        match self.write_together(&rows).await {
            Ok(Some(rejections)) => return Ok(rejections),
            // A lost connection or a full disk fails each of them alike.
            Err(error) if rows.len() == 1 || error.is_transient() => return Err(error),
            Ok(None) | Err(_) => {}
        }
        // One of them is refused. Each is written alone, so that it fails alone.
        let mut rejections = Vec::with_capacity(rows.len());
        for row in &rows {
            let written = self.write_together(std::slice::from_ref(row)).await;
            rejections.push(match written {
                Ok(Some(mut rejection)) => rejection.pop().flatten(),
                Ok(None) => Some(SendWriteError::BegunElsewhere),
                Err(error) => Some(SendWriteError::Store(Arc::new(error))),
            });
        }
        Ok(rejections)
    }
}

impl SendWriter {
    /// Starts the group commit. `SQLite` has one writer; on PostgreSQL two commits run at once.
    pub(super) fn start(infrastructure: &Infrastructure) -> GroupCommit<Self> {
        let writers = match infrastructure.store.kind() {
            store::Kind::Sqlite => 1,
            store::Kind::Postgres => 2,
        };
        let writer = Self {
            infrastructure: infrastructure.clone(),
        };
        GroupCommit::start(&writer, writers)
    }

    /// Writes all of these in one transaction, and returns for each why it was rejected, if it was. Writes nothing and
    /// returns nothing if one of the attempts has been begun elsewhere.
    async fn write_together(
        &self,
        rows: &[SendWrite],
    ) -> Result<Option<Vec<Option<SendWriteError>>>, store::Error> {
        let now = self.infrastructure.clock.now();
        let mut tx = self.infrastructure.store.write().await?;
        let recordings: Vec<&Recording> = rows.iter().filter_map(SendWrite::recording).collect();
        let mut pools = self.record(&mut tx, &recordings, now).await?;
        if !begin(&mut tx, rows).await? {
            tx.roll_back().await?;
            return Ok(None);
        }
        let lost = hand_over(&mut tx, &recordings, &mut pools).await?;
        // Last, because processes wait for each other at these few rows.
        for channel in [Channel::Email, Channel::Sms, Channel::Letter] {
            let of_channel = recordings.iter().filter(|one| one.channel == channel);
            let ends = of_channel.flat_map(|one| &one.writes.attempts);
            balance::count_errors(&mut tx, channel, ends, now).await?;
        }
        tx.commit().await?;
        for pool in pools {
            self.infrastructure.notifier.notify(pool);
        }
        let rejection = |row: &SendWrite| {
            let recording = row.recording()?;
            lost.contains(&recording.task)
                .then_some(SendWriteError::LeaseLost)
        };
        Ok(Some(rows.iter().map(rejection).collect()))
    }

    /// Writes results with the tasks that they make necessary, and returns the pools of these tasks.
    async fn record(
        &self,
        tx: &mut Tx,
        recordings: &[&Recording],
        now: Timestamp,
    ) -> Result<BTreeSet<&'static str>, store::Error> {
        let (mut updates, mut units) = (Vec::new(), Vec::new());
        let (mut ends, mut not_called) = (Vec::new(), Vec::new());
        let mut simulated = Vec::new();
        for recording in recordings {
            let writes = &recording.writes;
            for poisoned in &writes.poisoned {
                poisoned.dead_letter(tx, now).await?;
            }
            let its_updates = writes.updates();
            simulated.extend(self.simulated_receipts(recording.service, &its_updates, now));
            updates.extend(its_updates);
            units.extend_from_slice(&writes.units);
            ends.extend_from_slice(&writes.attempts);
            not_called.extend_from_slice(&writes.not_called);
        }
        let random = &*self.infrastructure.random;
        let applied = callbacks::apply_in_commit(random, tx, &updates, now).await?;
        store::notifications::set_billable_units(tx, &units).await?;
        store::attempts::complete(tx, &ends).await?;
        store::attempts::delete(tx, &not_called).await?;
        let mut pools: BTreeSet<&'static str> = applied.pools.iter().copied().collect();
        pools.extend(simulated.iter().map(|task| task.pool));
        tx.enqueue(simulated).await?;
        Ok(pools)
    }

    /// Returns the task that simulates receipts for those notifications that only pretend to have been sent.
    fn simulated_receipts(
        &self,
        service: ServiceId,
        updates: &[StatusUpdate],
        now: Timestamp,
    ) -> Option<NewTask> {
        let ids: Vec<NotificationId> = receipts::awaiting_simulated_receipt(updates).collect();
        let id = TaskId::generate(now, &*self.infrastructure.random);
        (!ids.is_empty()).then(|| tasks::simulated_receipts(id, service, &ids, now))
    }
}

/// Inserts the attempts that begin. Returns false if one of them was begun elsewhere.
async fn begin(tx: &mut Tx, rows: &[SendWrite]) -> Result<bool, store::Error> {
    let (mut new, mut unfinished) = (Vec::new(), Vec::new());
    for row in rows {
        if let SendWrite::Begin(beginning) = row {
            new.extend_from_slice(&beginning.new);
            unfinished.extend_from_slice(&beginning.unfinished);
        }
    }
    store::attempts::complete(tx, &unfinished).await?;
    let inserted = store::attempts::insert(tx, &new).await?;
    Ok(inserted == new.len() as u64)
}

/// Ends the tasks of batches, or replaces what they keep, and enqueues those that continue them. Returns the tasks whose
/// lease was lost.
async fn hand_over(
    tx: &mut Tx,
    recordings: &[&Recording],
    pools: &mut BTreeSet<&'static str>,
) -> Result<BTreeSet<TaskId>, store::Error> {
    let (mut ends, mut held) = (Vec::new(), BTreeSet::new());
    let mut all = BTreeSet::new();
    for recording in recordings {
        let (task, lease) = (recording.task, recording.lease);
        match &recording.handover {
            Some(Handover { keeps: None, .. }) => ends.push((task, lease)),
            Some(Handover {
                keeps: Some(payload),
                ..
            }) => {
                if store::tasks::replace_payload(tx, task, lease, payload).await? {
                    held.insert(task);
                }
            }
            None => continue,
        }
        all.insert(task);
    }
    held.extend(store::tasks::complete_many(tx, &ends).await?);
    // If the lease was lost, another worker continues the batch, and these tasks would repeat its work.
    let continued = recordings.iter().filter(|one| held.contains(&one.task));
    let handovers = continued.filter_map(|one| one.handover.as_ref());
    let follow_ups: Vec<NewTask> = handovers.flat_map(|one| one.tasks.clone()).collect();
    pools.extend(follow_ups.iter().map(|task| task.pool));
    tx.enqueue(follow_ups).await?;
    Ok(all.difference(&held).copied().collect())
}

impl SendWrite {
    fn recording(&self) -> Option<&Recording> {
        match self {
            Self::Record(recording) => Some(recording),
            Self::Begin(_) => None,
        }
    }
}

impl Recording {
    fn size_bytes(&self) -> usize {
        let writes = &self.writes;
        let problems = writes.outcomes.iter().map(|one| {
            let texts = [&one.update.problem, &one.update.reference, &one.report];
            texts.into_iter().flatten().map(String::len).sum::<usize>() + size_of::<StatusUpdate>()
        });
        let handover = self.handover.iter();
        let tasks = handover.flat_map(|handover| &handover.tasks);
        problems.sum::<usize>()
            + writes.attempts.len() * size_of::<AttemptEnd>()
            + tasks.map(|task| task.payload.len()).sum::<usize>()
    }
}
