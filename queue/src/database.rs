//! Adapter over the store's own tables: `SKIP LOCKED` on PostgreSQL, a single writer on SQLite.

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
    Store, Tx,
    tasks::{self, Lease, LeasedTask},
};
use uuid::Uuid;

use crate::{ClaimLimits, SourceError, TaskSource, lanes};

/// Task source over the store's tables.
#[derive(Debug)]
pub struct DatabaseSource {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    worker: WorkerId,
    /// Lowest service id whose turn is next, by pool and lane. Each process goes round on its own, because a shared
    /// position would be one more row that all workers update.
    next_service: Mutex<BTreeMap<(String, Lane), ServiceId>>,
    round: AtomicU32,
}

/// The tasks that one call of [`TaskSource::claim`] asks for, and what it has claimed so far.
struct ClaimRequest<'a> {
    pool: &'a str,
    per_service: u32,
    lease: Duration,
    running: BTreeMap<ServiceId, u32>,
    claimed: Vec<LeasedTask>,
}

impl ClaimRequest<'_> {
    /// Returns how many more tasks of a service may be claimed.
    fn left_for(&self, service: ServiceId) -> u32 {
        let running = self.running.get(&service).copied().unwrap_or(0);
        self.per_service.saturating_sub(running)
    }

    fn add(&mut self, service: ServiceId, tasks: Vec<LeasedTask>) {
        *self.running.entry(service).or_default() += length(&tasks);
        self.claimed.extend(tasks);
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl DatabaseSource {
    /// Creates a source over this store, with a worker id of its own.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn RandomSource>) -> Self {
        Self {
            worker: WorkerId::generate(clock.now(), &*random),
            store,
            clock,
            random,
            next_service: Mutex::default(),
            round: AtomicU32::new(0),
        }
    }

    /// Returns up to `count` services that have a task ready, beginning with the one whose turn it is and going round
    /// once.
    async fn ready_services(
        &self,
        pool: &str,
        lane: Lane,
        count: u32,
    ) -> Result<Vec<ServiceId>, SourceError> {
        let lowest = ServiceId::from(Uuid::nil());
        let first = self
            .next_service
            .lock()
            .expect("no one panics holding it")
            .get(&(pool.to_owned(), lane))
            .copied()
            .unwrap_or(lowest);
        let now = self.clock.now();
        // A read before the write: on SQLite an idle worker must not take the single writer's lock only to look.
        let mut session = self.store.read().await?;
        let mut services =
            tasks::list_ready_services(&mut session, pool, lane, first, now, count).await?;
        let missing = count.saturating_sub(length(&services));
        if missing > 0 && first != lowest {
            let from_start =
                tasks::list_ready_services(&mut session, pool, lane, lowest, now, missing).await?;
            services.extend(from_start.into_iter().filter(|service| *service < first));
        }
        Ok(services)
    }

    /// Claims up to `wanted` tasks of a lane, shared between the services that have any.
    async fn claim_from_lane(
        &self,
        lane: Lane,
        wanted: u32,
        request: &mut ClaimRequest<'_>,
    ) -> Result<(), SourceError> {
        let services = self.ready_services(request.pool, lane, wanted).await?;
        if services.is_empty() {
            return Ok(());
        }
        // An equal share for each service first; what one does not use goes to those after it.
        let share = wanted.div_ceil(length(&services)).max(1);
        let mut left = wanted;
        let mut tx = self.store.write().await?;
        for service in services {
            if left == 0 {
                break;
            }
            let count = left.min(share).min(request.left_for(service));
            if count > 0 {
                let tasks = self
                    .claim_of_service(&mut tx, lane, service, count, request)
                    .await?;
                left = left.saturating_sub(length(&tasks));
                request.add(service, tasks);
            }
            // Also when the service is at its limit, or the turn would stay with it.
            self.advance_round_robin(request.pool, lane, service);
        }
        if left == wanted {
            // Another worker was faster; nothing was changed.
            tx.roll_back().await?;
        } else {
            tx.commit().await?;
        }
        Ok(())
    }

    async fn claim_of_service(
        &self,
        tx: &mut Tx,
        lane: Lane,
        service: ServiceId,
        count: u32,
        request: &ClaimRequest<'_>,
    ) -> Result<Vec<LeasedTask>, SourceError> {
        let now = self.clock.now();
        let lease = Lease {
            token: generate(now, &*self.random),
            worker: self.worker,
            until: now.plus(request.lease),
        };
        Ok(tasks::claim(tx, request.pool, lane, service, &lease, now, count).await?)
    }

    /// Gives the next turn to the service after `served`.
    fn advance_round_robin(&self, pool: &str, lane: Lane, served: ServiceId) {
        // The lowest id above the served one; wrapping goes round to the first service.
        let next = Uuid::from_u128(served.as_uuid().as_u128().wrapping_add(1));
        self.next_service
            .lock()
            .expect("no one panics holding it")
            .insert((pool.to_owned(), lane), next.into());
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
        limits: &ClaimLimits,
        lease: Duration,
    ) -> Result<Vec<LeasedTask>, SourceError> {
        let mut request = ClaimRequest {
            pool,
            per_service: limits.per_service,
            lease,
            running: limits.running.clone(),
            claimed: Vec::new(),
        };
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        for lane in lanes::order(round) {
            let left = count.saturating_sub(length(&request.claimed));
            let wanted = left.min(limits.lanes.get(&lane).copied().unwrap_or(0));
            if wanted > 0 {
                self.claim_from_lane(lane, wanted, &mut request).await?;
            }
        }
        Ok(request.claimed)
    }

    async fn renew(
        &self,
        task: &LeasedTask,
        lease: Duration,
    ) -> Result<Option<Timestamp>, SourceError> {
        // Counted from now rather than from the old end: a late renewal must not be short.
        let until = self.clock.now().plus(lease);
        let mut tx = self.store.write().await?;
        let is_held = tasks::renew(&mut tx, task.id, task.lease, until).await?;
        tx.commit().await?;
        Ok(is_held.then_some(until))
    }

    async fn complete(&self, task: &LeasedTask) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let is_held = tasks::complete(&mut tx, task.id, task.lease).await?;
        tx.commit().await?;
        Ok(is_held)
    }

    async fn release(
        &self,
        task: &LeasedTask,
        ready_at: Timestamp,
        attempt: u32,
    ) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let is_held = tasks::release(&mut tx, task.id, task.lease, ready_at, attempt).await?;
        tx.commit().await?;
        Ok(is_held)
    }

    async fn dead_letter(&self, task: &LeasedTask, why: &str) -> Result<bool, SourceError> {
        let mut tx = self.store.write().await?;
        let is_held =
            tasks::dead_letter(&mut tx, task.id, task.lease, why, self.clock.now()).await?;
        tx.commit().await?;
        Ok(is_held)
    }
}
