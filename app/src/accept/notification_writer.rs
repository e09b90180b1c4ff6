//! Commits accepted notifications: the rows, the day's counters and the delivery tasks in one transaction, so that an
//! accepted notification always has a task that delivers it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{Allowance, KeyType, Lane, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask};
use store::{Tx, idempotency_keys::NewKey, notifications::SealedRow};

use super::{
    idempotency_claims::IdempotencyClaims,
    limits::{QuotaCache, QuotaExceeded},
    log_path::{Indexed, LogPath, Rejections},
    quota_requests::{QuotaRequests, QuotaResult},
};
use crate::{
    group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure},
    tasks::{self, Step},
};

/// How often saving looks again for what is stored already.
const MAX_SAVE_TRIES: u32 = 3;

/// Why a notification was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Too many notifications wait already.
    #[error("too many messages wait to be kept")]
    Busy,
    /// The daily quota is used up.
    #[error(transparent)]
    DailyQuota(#[from] QuotaExceeded),
    /// Another notification with the same `Idempotency-Key` is committed.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// The store failed.
    #[error("the message could not be kept")]
    Store(#[source] Arc<store::Error>),
}

impl From<CommitFailure> for CommitError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Busy => {
                metrics::counter!("pillarbox_busy_refusals_total").increment(1);
                Self::Busy
            }
            CommitFailure::Store(error) => Self::Store(error),
        }
    }
}

/// Notifications that may share a delivery task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchKey {
    pub(crate) service: ServiceId,
    pub(crate) step: Step,
    pub(crate) lane: Lane,
    pub(crate) key_type: KeyType,
    /// Whether it counts as sent and its receipt is simulated.
    pub(crate) receipt_is_simulated: bool,
}

/// A notification to commit, with what belongs to its transaction.
#[derive(Debug, Clone)]
pub(crate) struct PendingNotification {
    pub(crate) sealed: SealedRow,
    pub(crate) batch: BatchKey,
    /// The quotas that it spends, each with its limit. None with a test key.
    pub(crate) spends: Vec<(Allowance, i64)>,
    /// The `Idempotency-Key` of its request, if it had one.
    pub(crate) key: Option<NewKey>,
}

/// Writes accepted notifications in a group commit.
#[derive(Debug, Clone)]
pub(crate) struct NotificationWriter {
    infrastructure: Infrastructure,
    quota_cache: QuotaCache,
    log: Option<LogPath>,
}

/// What became of notifications of the intake log.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// Notifications that were stored now.
    pub(crate) stored: usize,
    /// Notifications that were stored before.
    pub(crate) existing: usize,
    /// Notifications whose idempotency key belongs to another one: they are not stored.
    pub(crate) repetitions: Vec<NotificationId>,
}

impl GroupWriter for NotificationWriter {
    type Row = PendingNotification;
    type Error = CommitError;
    const ROWS: &'static str = "messages";

    fn size_bytes(row: &PendingNotification) -> usize {
        row.sealed.size_bytes()
    }

    async fn write(
        &self,
        pending: Vec<PendingNotification>,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        match &self.log {
            None => self.write_directly(pending).await,
            Some(log) => self.write_with(log, pending).await,
        }
    }
}

impl NotificationWriter {
    pub(super) fn new(
        infrastructure: &Infrastructure,
        quota_cache: &QuotaCache,
        log: Option<LogPath>,
    ) -> Self {
        Self {
            infrastructure: infrastructure.clone(),
            quota_cache: quota_cache.clone(),
            log,
        }
    }

    /// Starts the group commit. `SQLite` has one writer; on PostgreSQL two commits run at once.
    pub(super) fn start(&self) -> GroupCommit<Self> {
        let writers = match self.infrastructure.store.kind() {
            store::Kind::Sqlite => 1,
            store::Kind::Postgres => 2,
        };
        GroupCommit::start(self, writers)
    }

    /// Appends to the intake log what goes there first, commits the rest, and appends that too if the database does not
    /// answer in time.
    async fn write_with(
        &self,
        log: &LogPath,
        pending: Vec<PendingNotification>,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        let (count, mut rejections) = (pending.len(), Rejections::new());
        let (first, direct): (Indexed, Indexed) = pending
            .into_iter()
            .enumerate()
            .partition(|(_, one)| log.comes_first(one));
        // What the log could not take. It is not asked for these again.
        let refused = log.append(first, &mut rejections).await;
        let by_log = if log.stands_in() {
            direct.clone()
        } else {
            Indexed::new()
        };
        let can_be_logged: BTreeSet<usize> = by_log.iter().map(|(index, _)| *index).collect();
        let (indexes, rows): (Vec<usize>, Vec<_>) = direct.into_iter().chain(refused).unzip();
        if rows.is_empty() {
            return Ok(in_order(count, rejections));
        }
        let gate = &self.infrastructure.database_gate;
        match gate.run(self.write_directly(rows)).await {
            Ok(rejected) => {
                let rejected = indexes.into_iter().zip(rejected);
                rejections.extend(rejected.filter_map(|(index, why)| Some((index, why?))));
            }
            Err(failure) => {
                let by_log = if failure.is_transient() {
                    by_log
                } else {
                    Indexed::new()
                };
                let is_tried = !by_log.is_empty();
                let failure = Arc::new(failure);
                let left = log.append(by_log, &mut rejections).await;
                let left = left.into_iter().map(|(index, _)| index);
                let never_tried = indexes
                    .into_iter()
                    .filter(|index| !is_tried || !can_be_logged.contains(index));
                let failed = |index| (index, CommitError::Store(failure.clone()));
                rejections.extend(left.chain(never_tried).map(failed));
            }
        }
        Ok(in_order(count, rejections))
    }

    /// Stores notifications of the intake log, and skips those that are stored already. Their quotas are spent whatever is
    /// left of them, because their callers know them as accepted.
    pub(crate) async fn save(
        &self,
        pending: &[PendingNotification],
    ) -> Result<Saved, store::Error> {
        let ids: Vec<NotificationId> = pending.iter().map(|one| one.sealed.id).collect();
        let mut tries = 0;
        loop {
            let mut session = self.infrastructure.store.read().await?;
            let mut existing = store::notifications::list_existing(&mut session, &ids).await?;
            // Holding a connection while waiting for another could make all of them wait for each other.
            drop(session);
            let found = existing.len();
            let fresh: Vec<PendingNotification> = pending
                .iter()
                // A group may hold a notification twice only if the log has mixed up two groups; it is stored once.
                .filter(|one| existing.insert(one.sealed.id))
                .cloned()
                .collect();
            let fresh_ids: Vec<NotificationId> = fresh.iter().map(|one| one.sealed.id).collect();
            if fresh.is_empty() {
                return Ok(Saved {
                    existing: pending.len(),
                    ..Saved::default()
                });
            }
            tries += 1;
            match self.write_directly(fresh).await {
                // A commit that was given up has stored some of them meanwhile.
                Err(store::Error::Exists) if tries < MAX_SAVE_TRIES => {}
                Err(failure) => return Err(failure),
                Ok(rejections) => {
                    let rejected = fresh_ids.into_iter().zip(rejections);
                    let repetitions: Vec<_> = rejected
                        .filter_map(|(id, rejection)| rejection.map(|_| id))
                        .collect();
                    return Ok(Saved {
                        stored: pending.len() - found - repetitions.len(),
                        existing: found,
                        repetitions,
                    });
                }
            }
        }
    }

    /// Claims idempotency keys first and spends counters last, so that counters are locked as briefly as possible. If
    /// a key or a counter rejects a row, everything is done again in the other order.
    async fn write_directly(
        &self,
        mut pending: Vec<PendingNotification>,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        #[expect(clippy::cast_precision_loss, reason = "at most the rows of one commit")]
        metrics::histogram!("pillarbox_commit_batch_size").record(pending.len() as f64);
        let now = self.infrastructure.clock.now();
        let keys = IdempotencyClaims::collect(&mut pending);
        let quotas = QuotaRequests::of(&pending);
        let (batches, rows): (Vec<BatchKey>, Vec<SealedRow>) = pending
            .into_iter()
            .map(|one| (one.batch, one.sealed))
            .unzip();
        let count = rows.len();
        // Before the transaction, because creating a partition waits for those that read the default one.
        self.infrastructure.partitions.ensure_today().await;
        let mut tx = self.infrastructure.store.write().await?;
        if keys.claim(&mut tx, now).await?.is_empty() {
            let pools = self.insert(&mut tx, &batches, &rows, now).await?;
            let spent = quotas.spend(&mut tx, now, &BTreeSet::new()).await?;
            if spent.rejections.is_empty() {
                self.commit(tx, count, &pools, &spent, now).await?;
                return Ok((0..count).map(|_| None).collect());
            }
        }
        // A row is rejected. Start again and spend first, so that only rows that are granted are inserted.
        tx.roll_back().await?;
        self.write_granted(batches, rows, &keys, &quotas, now).await
    }

    /// Commits the rows whose keys are free and whose quotas are granted; the others are rejected.
    async fn write_granted(
        &self,
        batches: Vec<BatchKey>,
        rows: Vec<SealedRow>,
        keys: &IdempotencyClaims,
        quotas: &QuotaRequests,
        now: Timestamp,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        let mut tx = self.infrastructure.store.write().await?;
        let taken = keys.claim(&mut tx, now).await?;
        let mut spent = quotas.spend(&mut tx, now, &taken).await?;
        // A rejected request may be corrected and sent again with its key.
        keys.release(&mut tx, &spent.rejections).await?;
        let is_taken = |index: &usize| (*index, CommitError::KeyTaken);
        spent.rejections.extend(taken.iter().map(is_taken));
        let count = rows.len();
        let (batches, rows): (Vec<BatchKey>, Vec<SealedRow>) = batches
            .into_iter()
            .zip(rows)
            .enumerate()
            .filter(|(index, _)| !spent.rejections.contains_key(index))
            .map(|(_, granted)| granted)
            .unzip();
        let pools = self.insert(&mut tx, &batches, &rows, now).await?;
        self.commit(tx, rows.len(), &pools, &spent, now).await?;
        Ok((0..count)
            .map(|index| spent.rejections.remove(&index))
            .collect())
    }

    /// Inserts rows and the tasks that send them. Returns the pools of these tasks.
    async fn insert(
        &self,
        tx: &mut Tx,
        batches: &[BatchKey],
        rows: &[SealedRow],
        now: Timestamp,
    ) -> Result<BTreeSet<&'static str>, store::Error> {
        let inserted = store::notifications::insert_many(tx, rows).await?;
        // Only a notification of the intake log can be stored already: its quota and its task must not count twice.
        if inserted != rows.len() as u64 {
            return Err(store::Error::Exists);
        }
        let sizes = rows.iter().map(|row| (row.id, row.size_bytes()));
        let tasks = self.tasks(batches.iter().copied().zip(sizes), now);
        let pools = tasks.iter().map(|task| task.pool).collect();
        tx.enqueue(tasks).await?;
        Ok(pools)
    }

    /// Builds the delivery tasks of these notifications, and those that simulate receipts.
    fn tasks(
        &self,
        notifications: impl Iterator<Item = (BatchKey, (NotificationId, usize))>,
        now: Timestamp,
    ) -> Vec<NewTask> {
        let mut batches: BTreeMap<BatchKey, Vec<(NotificationId, usize)>> = BTreeMap::new();
        for (batch, sized) in notifications {
            batches.entry(batch).or_default().push(sized);
        }
        let generate = || TaskId::generate(now, &*self.infrastructure.random);
        let mut tasks = Vec::with_capacity(batches.len());
        for (batch, notifications) in batches {
            for delivery in tasks::delivery_batches(notifications) {
                let (service, step, lane) = (batch.service, batch.step, batch.lane);
                tasks.push(NewTask {
                    pool: step.pool_for(batch.key_type),
                    ..tasks::deliver(generate(), service, step, lane, &delivery, now)
                });
                if batch.receipt_is_simulated {
                    tasks.push(tasks::simulated_receipts(
                        generate(),
                        service,
                        &delivery.ids,
                        now,
                    ));
                }
            }
        }
        tasks
    }

    async fn commit(
        &self,
        tx: Tx,
        rows: usize,
        pools: &BTreeSet<&'static str>,
        spent: &QuotaResult,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        tx.commit().await?;
        // After the commit: the counts of a transaction that failed are not true.
        for ((service, allowance, day), count) in &spent.counters {
            self.quota_cache
                .put(*service, *allowance, *day, *count, now);
        }
        for pool in pools {
            self.infrastructure.notifier.notify(pool);
        }
        metrics::counter!("pillarbox_notifications_kept_total").increment(rows as u64);
        Ok(())
    }
}

/// Returns for each notification of a commit why it was rejected, if it was.
fn in_order(count: usize, mut rejections: Rejections) -> Vec<Option<CommitError>> {
    (0..count).map(|index| rejections.remove(&index)).collect()
}
