//! The queue in the store's own tables: `SKIP LOCKED` on PostgreSQL, one writer on `SQLite`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{Clock, Lane, RandomSource, ServiceId, Timestamp, WorkerId, generate};
use store::{
    Store,
    tasks::{self, Lease, LeasedTask},
};
use uuid::Uuid;

use crate::{ClaimLimits, SourceError, TaskSource, lanes};

/// Takes tasks from the store's tables.
#[derive(Debug)]
pub struct DatabaseSource {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn RandomSource>,
    worker: WorkerId,
    /// The service whose turn is next, by pool and lane. Each process goes round by itself.
    next: Mutex<BTreeMap<(String, Lane), ServiceId>>,
    round: AtomicU32,
}

impl DatabaseSource {
    /// A source over this store, of a worker that was not there before.
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: Arc<dyn RandomSource>) -> Self {
        Self {
            worker: WorkerId::generate(clock.now(), &*entropy),
            store,
            clock,
            entropy,
            next: Mutex::default(),
            round: AtomicU32::new(0),
        }
    }

    /// The services that have a task ready, from the one whose turn it is on, around the circle once.
    async fn ready_services(
        &self,
        pool: &str,
        lane: Lane,
        count: u32,
    ) -> Result<Vec<ServiceId>, SourceError> {
        let first = self
            .next
            .lock()
            .expect("no one panics holding it")
            .get(&(pool.to_owned(), lane))
            .copied();
        let first = first.unwrap_or_else(|| Uuid::nil().into());
        let now = self.clock.now();
        let mut session = self.store.read().await?;
        let mut turns =
            tasks::list_ready_services(&mut session, pool, lane, first, now, count).await?;
        let missing = count.saturating_sub(u32::try_from(turns.len()).unwrap_or(count));
        if missing > 0 && first.as_uuid() != Uuid::nil() {
            let again = tasks::list_ready_services(
                &mut session,
                pool,
                lane,
                Uuid::nil().into(),
                now,
                missing,
            )
            .await?;
            turns.extend(again.into_iter().filter(|service| *service < first));
        }
        Ok(turns)
    }

    async fn take_from_lane(
        &self,
        place: (&str, Lane),
        wanted: u32,
        room: &ClaimLimits,
        lease_time: Duration,
        in_hand: &mut BTreeMap<ServiceId, u32>,
    ) -> Result<Vec<LeasedTask>, SourceError> {
        let (pool, lane) = place;
        let turns = self.ready_services(pool, lane, wanted).await?;
        if turns.is_empty() {
            return Ok(Vec::new());
        }
        let mut taken = Vec::new();
        let mut tx = self.store.write().await?;
        let share = wanted
            .div_ceil(u32::try_from(turns.len()).unwrap_or(wanted))
            .max(1);
        for service in turns {
            let left = wanted.saturating_sub(u32::try_from(taken.len()).unwrap_or(wanted));
            let held = in_hand.get(&service).copied().unwrap_or(0);
            let count = left.min(share).min(room.per_service.saturating_sub(held));
            if left == 0 {
                break;
            }
            if count > 0 {
                let now = self.clock.now();
                let lease = Lease {
                    token: generate(now, &*self.entropy),
                    worker: self.worker,
                    until: now.plus(lease_time),
                };
                let more = tasks::claim(&mut tx, pool, lane, service, &lease, now, count).await?;
                *in_hand.entry(service).or_default() += u32::try_from(more.len()).unwrap_or(count);
                taken.extend(more);
            }
            self.advance_round_robin(pool, lane, service);
        }
        if taken.is_empty() {
            tx.roll_back().await?;
        } else {
            tx.commit().await?;
        }
        Ok(taken)
    }

    /// The turn goes to the service after `served`.
    fn advance_round_robin(&self, pool: &str, lane: Lane, served: ServiceId) {
        let after = Uuid::from_u128(served.as_uuid().as_u128().wrapping_add(1));
        self.next
            .lock()
            .expect("no one panics holding it")
            .insert((pool.to_owned(), lane), after.into());
    }
}

#[async_trait]
impl TaskSource for DatabaseSource {
    fn worker(&self) -> WorkerId {
        self.worker
    }

    async fn claim(
        &self,
        pool: &str,
        count: u32,
        room: &ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<LeasedTask>, SourceError> {
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        let mut in_hand = room.running.clone();
        let mut taken = Vec::new();
        for lane in lanes::order(round) {
            let left = count.saturating_sub(u32::try_from(taken.len()).unwrap_or(count));
            let wanted = left.min(room.lanes.get(&lane).copied().unwrap_or(0));
            if wanted > 0 {
                taken.extend(
                    self.take_from_lane((pool, lane), wanted, room, lease, &mut in_hand)
                        .await?,
                );
            }
        }
        Ok(taken)
    }

    async fn renew(
        &self,
        task: &LeasedTask,
        lease: Duration,
    ) -> Result<Option<Timestamp>, SourceError> {
        let until = self.clock.now().plus(lease);
        let mut tx = self.store.write().await?;
        let held = tasks::renew(&mut tx, task.id, task.lease, until).await?;
        tx.commit().await?;
        Ok(held.then_some(until))
    }

    async fn complete(&self, task: &LeasedTask) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let held = tasks::complete(&mut tx, task.id, task.lease).await?;
        tx.commit().await?;
        Ok(held)
    }

    async fn release(
        &self,
        task: &LeasedTask,
        ready_at: Timestamp,
        attempt: u32,
    ) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let held = tasks::release(&mut tx, task.id, task.lease, ready_at, attempt).await?;
        tx.commit().await?;
        Ok(held)
    }

    async fn dead_letter(&self, task: &LeasedTask, why: &str) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let held = tasks::dead_letter(&mut tx, task.id, task.lease, why, self.clock.now()).await?;
        tx.commit().await?;
        Ok(held)
    }
}
