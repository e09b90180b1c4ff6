//! Group commit: everything that arrives while the last commit runs shares the next one. There is no timer:
//! take all that waits, commit, answer, repeat.
//!
//! A commit holds the rows, the day's counters and the delivery tasks together, so an accepted message is never without
//! the task that delivers it. What waits is bounded; past the bound the door says so at once.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use domain::{
    Allowance, Channel, Clock, Lane, NotificationId, RandomSource, ServiceId, TaskId, Timestamp,
    UtcDay,
};
use queue::{Enqueue as _, NewTask, Notifier, catch_panic};
use store::{
    Store, Tx,
    idempotency_keys::{self, NewKey},
    notifications::SealedRow,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::error;

use crate::{
    accept::{
        idempotency::oldest_valid,
        limits::{QuotaCache, QuotaExceeded, seconds_left_today},
    },
    partitions::Partitions,
    tasks,
};

/// How many messages may wait for a commit.
const QUEUE_CAPACITY: usize = 4096;
/// And how much of them, in bytes: a few large ones fill the room as well as many small ones.
const QUEUE_CAPACITY_BYTES: usize = 64 << 20;
/// How many messages share a commit at most.
const MAX_COMMIT_ROWS: usize = 512;
/// How many messages share a delivery task at most.
pub(crate) const MAX_TASK_IDS: usize = 100;

/// Why a message was not kept.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// So many messages wait already that this one would wait too long.
    #[error("too many messages wait to be kept")]
    Busy,
    /// The daily quota is used up.
    #[error(transparent)]
    DailyQuota(#[from] QuotaExceeded),
    /// Another message with the same `Idempotency-Key` is kept.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// The store failed.
    #[error("the message could not be kept")]
    Store(#[source] Arc<store::Error>),
}

/// Where a message waits to be handed over: those of one place share tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchKey {
    pub(crate) service: ServiceId,
    pub(crate) channel: Channel,
    pub(crate) lane: Lane,
    /// It counts as handed over, and its receipt is to be made up.
    pub(crate) receipt_is_made_up: bool,
}

/// A message to keep, with what goes with it.
#[derive(Debug)]
pub(crate) struct PendingNotification {
    pub(crate) sealed: SealedRow,
    pub(crate) place: BatchKey,
    /// What it spends, with the limit of each. Nothing for test keys.
    pub(crate) spends: Vec<(Allowance, i64)>,
    /// The `Idempotency-Key` of its request, if it had one.
    pub(crate) key: Option<NewKey>,
}

struct QueuedWrite {
    notification: PendingNotification,
    answer: oneshot::Sender<Result<(), CommitError>>,
    permit: OwnedSemaphorePermit,
}

/// Where messages wait for the next commit.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    sender: mpsc::Sender<QueuedWrite>,
    /// A permit for each byte that may wait.
    byte_budget: Arc<Semaphore>,
}

impl GroupCommit {
    /// Begins to keep. `SQLite` has one writer; on PostgreSQL two commits run at once.
    pub(crate) fn start(writer: &Writer) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let writers = match writer.store.kind() {
            store::Kind::Sqlite => 1,
            store::Kind::Postgres => 2,
        };
        for _ in 0..writers {
            tokio::spawn(writer.clone().run(receiver.clone()));
        }
        Self {
            sender,
            byte_budget: Arc::new(Semaphore::new(QUEUE_CAPACITY_BYTES)),
        }
    }

    /// Keeps a message: when this returns, it is durable.
    pub(crate) async fn commit(&self, parcel: PendingNotification) -> Result<(), CommitError> {
        let (answer, answered) = oneshot::channel();
        let size = parcel.sealed.size_bytes().min(QUEUE_CAPACITY_BYTES);
        let size = u32::try_from(size).expect("the room is smaller");
        let share = self.byte_budget.clone().try_acquire_many_owned(size);
        let share = share.map_err(|_| Self::full())?;
        let waiting = QueuedWrite {
            notification: parcel,
            answer,
            permit: share,
        };
        self.sender.try_send(waiting).map_err(|_| Self::full())?;
        answered.await.unwrap_or(Err(CommitError::Busy))
    }

    fn full() -> CommitError {
        metrics::counter!("pillarbox_busy_refusals_total").increment(1);
        CommitError::Busy
    }
}

/// Writes what waits.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn RandomSource>,
    pub(crate) signals: Notifier,
    pub(crate) spent: QuotaCache,
    pub(crate) partitions: Partitions,
}

impl Writer {
    async fn run(self, receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<QueuedWrite>>>) {
        loop {
            let mut waiting = Vec::with_capacity(MAX_COMMIT_ROWS);
            if receiver
                .lock()
                .await
                .recv_many(&mut waiting, MAX_COMMIT_ROWS)
                .await
                == 0
            {
                return;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most AT_ONCE")]
            metrics::histogram!("pillarbox_commit_batch_size").record(waiting.len() as f64);
            let count = waiting.len();
            // The callers of what waited find that nobody answers, and are told to try again; the next are kept.
            if catch_panic(self.commit_all(waiting)).await.is_none() {
                error!(
                    "the program failed while it kept {count} messages; their callers are told to try again"
                );
            }
        }
    }

    async fn commit_all(&self, waiting: Vec<QueuedWrite>) {
        let mut answers = Vec::with_capacity(waiting.len());
        let mut parcels = Vec::with_capacity(waiting.len());
        // Room is made when the commit is over, not when it begins.
        let mut shares = Vec::with_capacity(waiting.len());
        for QueuedWrite {
            notification: parcel,
            answer,
            permit: share,
        } in waiting
        {
            parcels.push(parcel);
            answers.push(answer);
            shares.push(share);
        }
        match self.write(parcels).await {
            Ok(refusals) => {
                for (answer, refusal) in answers.into_iter().zip(refusals) {
                    // A caller that has gone away does not hear it; its message is kept all the same.
                    let _ = answer.send(refusal.map_or(Ok(()), Err));
                }
            }
            Err(fault) => {
                error!(
                    error = &fault as &dyn std::error::Error,
                    "cannot keep {} messages, their callers are told to try again; look at the database",
                    answers.len()
                );
                let fault = Arc::new(fault);
                for answer in answers {
                    let _ = answer.send(Err(CommitError::Store(fault.clone())));
                }
            }
        }
    }

    /// One commit; for each parcel, in order, why it was refused if it was.
    ///
    /// Idempotency keys are claimed first, always, and counters are spent last, so that they are locked for as short as
    /// can be; only when one of them refuses somebody is all of it done again in the other order.
    async fn write(
        &self,
        mut parcels: Vec<PendingNotification>,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        let now = self.clock.now();
        let keys = IdempotencyClaims::collect(&mut parcels);
        let spending = QuotaRequests::of(&parcels);
        let (rows, tasks, pools) = self.sort(parcels, now);
        // Before the transaction, because creating a partition waits for those that read the default one.
        self.partitions.ensure_today().await;
        let mut tx = self.store.write().await?;
        if !keys.claim(&mut tx, now).await?.is_empty() {
            tx.roll_back().await?;
            return self.insert_granted(rows, &keys, &spending, now).await;
        }
        store::notifications::insert_many(&mut tx, &rows).await?;
        tx.enqueue(tasks).await?;
        let spent = spending.spend(&mut tx, now, &BTreeSet::new()).await?;
        if spent.refusals.is_empty() {
            self.commit(tx, rows.len(), &pools, &spent, now).await?;
            return Ok((0..rows.len()).map(|_| None).collect());
        }
        tx.roll_back().await?;
        self.insert_granted(rows, &keys, &spending, now).await
    }

    async fn insert_granted(
        &self,
        parcels: Vec<SealedRow>,
        keys: &IdempotencyClaims,
        spending: &QuotaRequests,
        now: Timestamp,
    ) -> Result<Vec<Option<CommitError>>, store::Error> {
        let mut tx = self.store.write().await?;
        let taken = keys.claim(&mut tx, now).await?;
        let mut spent = spending.spend(&mut tx, now, &taken).await?;
        keys.release(&mut tx, &spent.refusals).await?;
        let is_taken = |index: &usize| (*index, CommitError::KeyTaken);
        spent.refusals.extend(taken.iter().map(is_taken));
        let granted: Vec<(usize, SealedRow)> = parcels
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !spent.refusals.contains_key(index))
            .collect();
        let count = spending.places.len();
        let mut places = Vec::with_capacity(granted.len());
        let mut rows = Vec::with_capacity(granted.len());
        for (index, row) in granted {
            places.push((spending.places[index], row.id));
            rows.push(row);
        }
        let (tasks, pools) = self.tasks(places, now);
        store::notifications::insert_many(&mut tx, &rows).await?;
        tx.enqueue(tasks).await?;
        self.commit(tx, rows.len(), &pools, &spent, now).await?;
        Ok((0..count)
            .map(|index| spent.refusals.remove(&index))
            .collect())
    }

    fn sort(
        &self,
        parcels: Vec<PendingNotification>,
        now: Timestamp,
    ) -> (Vec<SealedRow>, Vec<NewTask>, Vec<&'static str>) {
        let mut places = Vec::with_capacity(parcels.len());
        let mut rows = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            places.push((parcel.place, parcel.sealed.id));
            rows.push(parcel.sealed);
        }
        let (tasks, pools) = self.tasks(places, now);
        (rows, tasks, pools)
    }

    /// The delivery tasks of these messages, and the pools that take them.
    fn tasks(
        &self,
        messages: Vec<(BatchKey, NotificationId)>,
        now: Timestamp,
    ) -> (Vec<NewTask>, Vec<&'static str>) {
        let mut batches: BTreeMap<BatchKey, Vec<NotificationId>> = BTreeMap::new();
        for (place, id) in messages {
            batches.entry(place).or_default().push(id);
        }
        let mint = || TaskId::generate(now, &*self.entropy);
        let deliver = |place: &BatchKey, ids: &[NotificationId]| {
            tasks::deliver(mint(), place.service, place.channel, place.lane, ids, now)
        };
        let mut tasks: Vec<NewTask> = batches
            .iter()
            .flat_map(|(place, ids)| ids.chunks(MAX_TASK_IDS).map(|ids| deliver(place, ids)))
            .collect();
        for (place, ids) in batches.iter().filter(|(place, _)| place.receipt_is_made_up) {
            tasks.push(tasks::simulated_receipts(mint(), place.service, ids, now));
        }
        let pools: BTreeSet<&'static str> = tasks.iter().map(|task| task.pool).collect();
        (tasks, pools.into_iter().collect())
    }

    async fn commit(
        &self,
        tx: Tx,
        rows: usize,
        pools: &[&str],
        spent: &QuotaResult,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        tx.commit().await?;
        for ((service, allowance), known) in &spent.counters {
            self.spent
                .put(*service, *allowance, now.utc_day(), *known, now);
        }
        for pool in pools {
            self.signals.notify(pool);
        }
        metrics::counter!("pillarbox_notifications_kept_total").increment(rows as u64);
        Ok(())
    }
}

/// The idempotency keys of a commit, each with the place of its message. Most commits have none.
struct IdempotencyClaims(Vec<(usize, NewKey)>);

impl IdempotencyClaims {
    fn collect(parcels: &mut [PendingNotification]) -> Self {
        let parcels = parcels.iter_mut().enumerate();
        Self(
            parcels
                .filter_map(|(index, parcel)| Some((index, parcel.key.take()?)))
                .collect(),
        )
    }

    /// Claims each key for the first message that has it; the places of those whose key is somebody else's.
    async fn claim(&self, tx: &mut Tx, now: Timestamp) -> Result<BTreeSet<usize>, store::Error> {
        if self.0.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (mut first, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (index, key) in &self.0 {
            match first.entry((key.service_id, key.key_hash)) {
                Entry::Vacant(place) => {
                    place.insert((*index, key));
                }
                Entry::Occupied(_) => {
                    taken.insert(*index);
                }
            }
        }
        let (places, keys): (Vec<usize>, Vec<&NewKey>) = first.into_values().unzip();
        let claimed = idempotency_keys::claim(tx, &keys, now, oldest_valid(now)).await?;
        let others = places
            .into_iter()
            .zip(claimed)
            .filter(|(_, is_ours)| !is_ours);
        taken.extend(others.map(|(index, _)| index));
        Ok(taken)
    }

    /// Lets the keys go of those that are refused: a refused request keeps nothing.
    async fn release(
        &self,
        tx: &mut Tx,
        refused: &BTreeMap<usize, CommitError>,
    ) -> Result<(), store::Error> {
        for (_, key) in self
            .0
            .iter()
            .filter(|(index, _)| refused.contains_key(index))
        {
            idempotency_keys::release(tx, key).await?;
        }
        Ok(())
    }
}

/// What the messages of a commit spend, and where their tasks go.
struct QuotaRequests {
    /// In the order of the messages.
    places: Vec<BatchKey>,
    /// In the order of their keys, so that two writers lock counters in the same order.
    wanted: BTreeMap<(ServiceId, Allowance, i64), Vec<usize>>,
}

/// What came of it.
struct QuotaResult {
    refusals: BTreeMap<usize, CommitError>,
    counters: BTreeMap<(ServiceId, Allowance), i64>,
}

impl QuotaResult {
    /// Gives back what messages were granted of a counter that another counter refused.
    async fn refund_rejected(
        &mut self,
        tx: &mut Tx,
        (service, allowance, day): (ServiceId, Allowance, UtcDay),
        served: &[usize],
    ) -> Result<(), store::Error> {
        let refused = served
            .iter()
            .filter(|index| self.refusals.contains_key(index));
        let unused = i64::try_from(refused.count()).expect("a commit is far smaller");
        if unused > 0 {
            store::counters::refund(tx, service, allowance, day, unused).await?;
            self.counters
                .entry((service, allowance))
                .and_modify(|spent| *spent -= unused);
        }
        Ok(())
    }
}

impl QuotaRequests {
    fn of(parcels: &[PendingNotification]) -> Self {
        let mut wanted: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, parcel) in parcels.iter().enumerate() {
            for (allowance, limit) in &parcel.spends {
                wanted
                    .entry((parcel.place.service, *allowance, *limit))
                    .or_default()
                    .push(index);
            }
        }
        Self {
            places: parcels.iter().map(|parcel| parcel.place).collect(),
            wanted,
        }
    }

    /// Spends in one statement a counter; those that find nothing left are refused, and what they were granted of
    /// other counters is given back. Those that are passed over spend nothing.
    async fn spend(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        passed_over: &BTreeSet<usize>,
    ) -> Result<QuotaResult, store::Error> {
        let day = now.utc_day();
        let mut outlay = QuotaResult {
            refusals: BTreeMap::new(),
            counters: BTreeMap::new(),
        };
        let mut granted_to = Vec::with_capacity(self.wanted.len());
        for ((service, allowance, limit), takers) in &self.wanted {
            let takers: Vec<usize> = takers
                .iter()
                .copied()
                .filter(|index| !passed_over.contains(index))
                .collect();
            if takers.is_empty() {
                continue;
            }
            let count = u32::try_from(takers.len()).expect("a commit is far smaller");
            let (granted, spent) =
                store::counters::spend(tx, *service, *allowance, day, count, *limit).await?;
            let (served, refused) = takers.split_at(granted as usize);
            for index in refused {
                let refusal = CommitError::DailyQuota(QuotaExceeded {
                    allowance: *allowance,
                    limit: *limit,
                    wait_seconds: seconds_left_today(now),
                    remaining: 0,
                });
                outlay.refusals.insert(*index, refusal);
            }
            outlay.counters.insert((*service, *allowance), spent);
            granted_to.push((*service, *allowance, served.to_vec()));
        }
        for (service, allowance, served) in granted_to {
            outlay
                .refund_rejected(tx, (service, allowance, day), &served)
                .await?;
        }
        Ok(outlay)
    }
}
