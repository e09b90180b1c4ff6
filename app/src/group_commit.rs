//! Group commit: everything that arrives while the last commit runs shares the next one (design §5). There is no timer:
//! take all that waits, commit, answer, repeat.
//!
//! A commit holds the rows, the day's counters and the delivery tasks together, so an accepted message is never without
//! the task that delivers it. What waits is bounded; past the bound the door says so at once.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Allowance, Channel, Clock, Entropy, Lane, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, Signals};
use store::{Store, notifications::Sealed};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::{limits::Spent, tasks};

/// How many messages may wait for a commit.
const WAITING_ROOM: usize = 4096;
/// How many messages share a commit at most.
const AT_ONCE: usize = 512;
/// How many messages share a delivery task at most.
pub(crate) const BATCH: usize = 100;

/// Why a message was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// So many messages wait already that this one would wait too long.
    #[error("too many messages wait to be kept")]
    Busy,
    /// One more would have passed today's limit.
    #[error("too many messages today")]
    DailyLimit {
        /// Of which kind.
        allowance: Allowance,
        /// How many are allowed.
        limit: i64,
    },
    /// The store failed.
    #[error("the message could not be kept")]
    Store(#[source] Arc<store::Error>),
}

/// A message to keep, with what goes with it.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) sealed: Sealed,
    pub(crate) service: ServiceId,
    pub(crate) channel: Channel,
    pub(crate) lane: Lane,
    /// What it spends, with the limit of each. Nothing for test keys.
    pub(crate) spends: Vec<(Allowance, i64)>,
}

struct Waiting {
    parcel: Parcel,
    answer: oneshot::Sender<Result<(), KeepError>>,
}

/// Where messages wait for the next commit.
#[derive(Debug)]
pub(crate) struct Keeper(mpsc::Sender<Waiting>);

impl Keeper {
    /// Begins to keep. `SQLite` has one writer; on PostgreSQL two commits run at once.
    pub(crate) fn start(writer: Writer) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_ROOM);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let writers = match writer.store.kind() {
            store::Kind::Sqlite => 1,
            store::Kind::Postgres => 2,
        };
        for _ in 0..writers {
            tokio::spawn(writer.clone().run(receiver.clone()));
        }
        Self(sender)
    }

    /// Keeps a message: when this returns, it is durable.
    pub(crate) async fn keep(&self, parcel: Parcel) -> Result<(), KeepError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Waiting { parcel, answer }).map_err(|_| KeepError::Busy)?;
        answered.await.unwrap_or(Err(KeepError::Busy))
    }
}

/// Writes what waits.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) signals: Signals,
    pub(crate) spent: Spent,
}

impl Writer {
    async fn run(self, receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>) {
        loop {
            let mut waiting = Vec::with_capacity(AT_ONCE);
            if receiver.lock().await.recv_many(&mut waiting, AT_ONCE).await == 0 {
                return;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most AT_ONCE")]
            metrics::histogram!("pillarbox_commit_batch_size").record(waiting.len() as f64);
            self.keep_all(waiting).await;
        }
    }

    async fn keep_all(&self, waiting: Vec<Waiting>) {
        let mut answers = Vec::with_capacity(waiting.len());
        let mut parcels = Vec::with_capacity(waiting.len());
        for Waiting { parcel, answer } in waiting {
            parcels.push(parcel);
            answers.push(answer);
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
                    let _ = answer.send(Err(KeepError::Store(fault.clone())));
                }
            }
        }
    }

    /// One commit; for each parcel, in order, why it was refused if it was.
    async fn write(&self, parcels: Vec<Parcel>) -> Result<Vec<Option<KeepError>>, store::Error> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let (refusals, spent) = spend(&mut tx, &parcels, now).await?;

        let mut rows = Vec::with_capacity(parcels.len());
        let mut batches: BTreeMap<(ServiceId, Channel, Lane), Vec<_>> = BTreeMap::new();
        for (parcel, refusal) in parcels.into_iter().zip(&refusals) {
            if refusal.is_none() {
                batches
                    .entry((parcel.service, parcel.channel, parcel.lane))
                    .or_default()
                    .push(parcel.sealed.id);
                rows.push(parcel.sealed);
            }
        }
        let kept = rows.len();
        store::notifications::insert_many(&mut tx, rows).await?;
        let tasks: Vec<NewTask> = batches
            .iter()
            .flat_map(|((service, channel, lane), ids)| {
                ids.chunks(BATCH).map(|ids| tasks::deliver(TaskId::mint(now, &*self.entropy), *service, *channel, *lane, ids, now))
            })
            .collect();
        tx.enqueue(tasks).await?;
        tx.commit().await?;

        for ((service, allowance), known) in spent {
            self.spent.learn(service, allowance, now.utc_day(), known, now);
        }
        for (_, channel, _) in batches.keys() {
            self.signals.wake(tasks::delivery_pool(*channel));
        }
        metrics::counter!("pillarbox_notifications_kept_total").increment(kept as u64);
        Ok(refusals)
    }
}

type Counters = BTreeMap<(ServiceId, Allowance), i64>;

/// Spends what the parcels spend, in one statement a counter; those that find nothing left are refused.
async fn spend(
    tx: &mut store::Tx,
    parcels: &[Parcel],
    now: Timestamp,
) -> Result<(Vec<Option<KeepError>>, Counters), store::Error> {
    // In the order of their keys, so that two writers lock counters in the same order.
    let mut wanted: BTreeMap<(ServiceId, Allowance, i64), Vec<usize>> = BTreeMap::new();
    for (index, parcel) in parcels.iter().enumerate() {
        for (allowance, limit) in &parcel.spends {
            wanted.entry((parcel.service, *allowance, *limit)).or_default().push(index);
        }
    }
    let mut refusals: Vec<Option<KeepError>> = parcels.iter().map(|_| None).collect();
    let mut counters = Counters::new();
    for ((service, allowance, limit), takers) in wanted {
        let count = u32::try_from(takers.len()).expect("a commit is far smaller");
        let (granted, spent) =
            store::counters::spend(tx, service, allowance, now.utc_day(), count, limit).await?;
        for refused in takers.into_iter().skip(granted as usize) {
            refusals[refused] = Some(KeepError::DailyLimit { allowance, limit });
        }
        counters.insert((service, allowance), spent);
    }
    Ok((refusals, counters))
}
