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
    Session, Store, Tx,
    tasks::{self, Claimed, KnownService, Lease, LeasedTask},
};

use crate::{
    ClaimLimits, SourceError, TaskMerger, TaskSource, lanes, merging, poison::log_crashed,
    turns::Turns,
};

/// Task source over the store's tables.
#[derive(Debug)]
pub struct DatabaseSource {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    worker: WorkerId,
    /// By pool and lane.
    turns: Mutex<BTreeMap<(String, Lane), Turns>>,
    round: AtomicU32,
    has_rare_sweeps: bool,
    merger: Option<Arc<dyn TaskMerger>>,
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
            turns: Mutex::default(),
            round: AtomicU32::new(0),
            has_rare_sweeps: false,
            merger: None,
        }
    }

    /// Merges tasks as they are claimed, as far as this merger says.
    #[must_use]
    pub fn merging(mut self, merger: Arc<dyn TaskMerger>) -> Self {
        self.merger = Some(merger);
        self
    }

    /// Makes sweeps as rare as where they are expensive, for tests of what happens between them.
    #[must_use]
    pub const fn with_rare_sweeps(mut self) -> Self {
        self.has_rare_sweeps = true;
        self
    }

    fn with_turns<T>(&self, pool: &str, lane: Lane, work: impl FnOnce(&mut Turns) -> T) -> T {
        let mut turns = self.turns.lock().expect("no one panics holding it");
        work(turns.entry((pool.to_owned(), lane)).or_default())
    }

    /// Returns up to `count` services that have a task ready, beginning with the one whose turn it is and going round
    /// once.
    async fn ready_services(
        &self,
        session: &mut Session,
        pool: &str,
        lane: Lane,
        count: u32,
    ) -> Result<Vec<KnownService>, SourceError> {
        let begun = self.clock.now();
        if !self.with_turns(pool, lane, |turns| turns.is_sweep_due(begun)) {
            return self.ready_known_services(session, pool, lane, count).await;
        }
        let services = self.sweep(session, pool, lane, count).await?;
        self.note_sweep(pool, lane, &services, begun);
        let services = services.into_iter();
        Ok(services.map(KnownService::from_the_beginning).collect())
    }

    /// Returns the lanes worth looking at: one statement in place of one for each lane.
    async fn lanes_with_tasks(&self, pool: &str) -> Result<Vec<Lane>, SourceError> {
        let now = self.clock.now();
        let is_sweep_due =
            |lane: &Lane| self.with_turns(pool, *lane, |turns| turns.is_sweep_due(now));
        // This look begins at the beginning of the index, as a sweep does: where one is expensive, so is the other.
        if !Lane::ALL.iter().all(is_sweep_due) {
            return Ok(Lane::ALL.to_vec());
        }
        let mut session = self.store.read().await?;
        let lanes = tasks::list_lanes(&mut session, pool).await?;
        let empty = Lane::ALL.iter().filter(|lane| !lanes.contains(lane));
        empty.for_each(|lane| self.note_sweep(pool, *lane, &[], now));
        Ok(lanes)
    }

    /// Notes what a sweep that began at `begun` has found, and how long it took.
    fn note_sweep(&self, pool: &str, lane: Lane, services: &[ServiceId], begun: Timestamp) {
        // SQLite keeps no old entries: a slow sweep there is a slow disk.
        let took = match self.store.kind() {
            store::Kind::Sqlite => Duration::ZERO,
            store::Kind::Postgres => self.clock.now().since(begun),
        };
        self.with_turns(pool, lane, |turns| {
            turns.swept(services, begun, took);
            if self.has_rare_sweeps {
                turns.postpone_sweep(begun, Duration::from_mins(1));
            }
        });
    }

    /// Looks through all tasks of the lane.
    async fn sweep(
        &self,
        session: &mut Session,
        pool: &str,
        lane: Lane,
        count: u32,
    ) -> Result<Vec<ServiceId>, SourceError> {
        let now = self.clock.now();
        let first = self.with_turns(pool, lane, |turns| turns.next());
        Ok(tasks::list_ready_services(session, pool, lane, first, now, count).await?)
    }

    /// Looks only at the known services, from where their tasks begin, and for new ones.
    async fn ready_known_services(
        &self,
        session: &mut Session,
        pool: &str,
        lane: Lane,
        count: u32,
    ) -> Result<Vec<KnownService>, SourceError> {
        let now = self.clock.now();
        if let Some(known) = self.with_turns(pool, lane, |turns| turns.begin_discovery(now)) {
            let new = tasks::list_unknown_services(session, pool, lane, &known).await?;
            self.with_turns(pool, lane, |turns| turns.discovered(&new));
        }
        let now = self.clock.now();
        let known = self.with_turns(pool, lane, |turns| turns.known_in_turn(now));
        let found = tasks::list_oldest_ready(session, pool, lane, &known, now).await?;
        let took = self.clock.now().since(now);
        let mut ready = self.with_turns(pool, lane, |turns| {
            turns.asked_in(took);
            turns.asked(&known, &found, now)
        });
        ready.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(ready)
    }

    /// Claims up to `wanted` tasks of a lane, shared between the services that have any.
    async fn claim_from_lane(
        &self,
        lane: Lane,
        wanted: u32,
        request: &mut ClaimRequest<'_>,
    ) -> Result<(), SourceError> {
        // A read before the write: on SQLite an idle worker must not take the single writer's lock only to look.
        let mut session = self.store.read().await?;
        let services = self
            .ready_services(&mut session, request.pool, lane, wanted)
            .await?;
        drop(session);
        if services.is_empty() {
            return Ok(());
        }
        // An equal share for each service first; what one does not use goes to those after it.
        let share = wanted.div_ceil(length(&services)).max(1);
        let mut left = wanted;
        let (mut has_changed, mut dead_letters) = (false, Vec::new());
        let mut tx = self.store.write().await?;
        for service in services {
            if left == 0 {
                break;
            }
            let count = left.min(share).min(request.left_for(service.id));
            if count > 0 {
                let claimed = self
                    .claim_of_service(&mut tx, lane, service, count, request)
                    .await?;
                left = left.saturating_sub(length(&claimed.tasks));
                has_changed |= claimed.has_changed;
                dead_letters.extend(claimed.dead_letters);
                request.add(service.id, claimed.tasks);
            }
            // Also when the service is at its limit, or the turn would stay with it.
            self.with_turns(request.pool, lane, |turns| turns.advance(service.id));
        }
        if has_changed {
            tx.commit().await?;
        } else {
            // Another worker was faster.
            tx.roll_back().await?;
        }
        dead_letters.iter().for_each(log_crashed);
        Ok(())
    }

    async fn claim_of_service(
        &self,
        tx: &mut Tx,
        lane: Lane,
        service: KnownService,
        count: u32,
        request: &ClaimRequest<'_>,
    ) -> Result<Claimed, SourceError> {
        let now = self.clock.now();
        let lease = Lease {
            token: generate(now, &*self.random),
            worker: self.worker,
            until: now.plus(request.lease),
        };
        let claimed = tasks::claim(tx, request.pool, lane, service, &lease, now, count).await?;
        let Some(merger) = &self.merger else {
            return Ok(claimed);
        };
        let more = length(&claimed.tasks) == count;
        let ready = (service.from, now);
        let tasks = merging::merge_claimed(tx, &**merger, claimed.tasks, ready, more).await?;
        Ok(Claimed { tasks, ..claimed })
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
        let with_tasks = self.lanes_with_tasks(pool).await?;
        for lane in lanes::order(round) {
            if !with_tasks.contains(&lane) {
                continue;
            }
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
