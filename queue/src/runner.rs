//! Workers: pools of them take tasks, hand each to its [`Work`], keep its lease and obey its [`Verdict`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{Clock, Lane, ServiceId, Timestamp, WorkerId};
use store::{Tx, tasks::Taken};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, info_span, warn};

use crate::{
    Room, Signals, TaskSource,
    aside::{caught, count_dead_letter},
    lanes,
};

/// What is to become of a task that was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done. If the work has not ended it in its own transaction, the runner does.
    Done,
    /// Again, after this long.
    Retry(Duration),
    /// Again, at this time; not counted as a try.
    RetryAt(Timestamp),
    /// Never again: a dead letter, which an operator can see and replay.
    GiveUp(String),
}

/// A task in the hands of a worker.
#[derive(Debug)]
pub struct Task {
    taken: Taken,
    /// When the lease ends, in microseconds; moved by the renewals.
    until: AtomicI64,
    ended: AtomicBool,
    stop: CancellationToken,
}

impl Task {
    /// A task that was just taken. `stop` asks its work to come to an end soon.
    pub fn new(taken: Taken, stop: CancellationToken) -> Self {
        let until = AtomicI64::new(taken.until.unix_micros());
        Self {
            taken,
            until,
            ended: AtomicBool::new(false),
            stop,
        }
    }

    /// The process is about to end: work that can be carried on later begins nothing new.
    pub fn is_asked_to_stop(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// What was taken.
    pub const fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Whether the lease still holds at `now`. Work that reaches outside asks before every step: a process that was
    /// stopped for a while must not go on with what another has taken over.
    pub fn is_held(&self, now: Timestamp) -> bool {
        now.unix_micros() < self.until.load(Ordering::Relaxed)
    }

    /// Ends the task as part of the transaction that records its outcome; false if the lease was lost.
    pub async fn end(&self, tx: &mut Tx) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::finish(tx, self.taken.id, self.taken.lease).await
    }

    /// Gives the task up as part of the transaction that says so elsewhere; false if the lease was lost. The verdict
    /// must be the same.
    pub async fn bury(&self, tx: &mut Tx, why: &str, at: Timestamp) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::bury(tx, self.taken.id, self.taken.lease, why, at).await
    }
}

/// What to do with a task. Looks at the state first: every task may come twice.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// Works on it.
    async fn work(&self, task: &Task) -> Verdict;
}

/// A set of workers that share a kind of work, so that a flood of one kind delays no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name, which tasks carry.
    pub name: &'static str,
    /// How many tasks it works on at once.
    pub workers: u32,
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a worker that fell silent keeps its task.
    pub lease: Duration,
    /// How often a worker looks for tasks that nobody told it of.
    pub look: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            look: Duration::from_millis(500),
        }
    }
}

/// Runs pools of workers over a source.
#[derive(Clone)]
pub struct Runner {
    source: Arc<dyn TaskSource>,
    work: Arc<dyn Work>,
    clock: Arc<dyn Clock>,
    signals: Signals,
    settings: Settings,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("source", &self.source)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner; nothing runs yet.
    pub fn new(
        source: Arc<dyn TaskSource>,
        work: Arc<dyn Work>,
        clock: Arc<dyn Clock>,
        signals: Signals,
        settings: Settings,
    ) -> Self {
        Self {
            source,
            work,
            clock,
            signals,
            settings,
        }
    }

    /// Who its leases name.
    pub fn worker(&self) -> WorkerId {
        self.source.worker()
    }

    /// Works until `stop`: then takes nothing new, finishes what is in hand, and returns.
    pub async fn run(&self, pools: Vec<Pool>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for pool in pools {
            let (runner, stop) = (self.clone(), stop.clone());
            running.spawn(async move { runner.run_pool(&pool, &stop).await });
        }
        running.join_all().await;
    }

    /// Works on all that is ready in these pools, and on what that makes ready, until nothing is; how many tasks it
    /// was. For tests and for commands that want the work done now.
    pub async fn drain(&self, pools: &[Pool]) -> u32 {
        let mut done = 0;
        loop {
            let before = done;
            for pool in pools {
                let Ok(taken) = self
                    .source
                    .take(pool.name, 16, &Room::of(16), self.settings.lease)
                    .await
                else {
                    return done;
                };
                for task in taken {
                    self.work_on(pool.name, task, CancellationToken::new())
                        .await;
                    done += 1;
                }
            }
            if done == before {
                return done;
            }
        }
    }

    /// Works on one task of this pool, if one is ready; whether there was one. Dropped before it is done, it is a worker
    /// that died: for simulations.
    pub async fn work_one(&self, pool: &str) -> bool {
        let taken = self
            .source
            .take(pool, 1, &Room::of(1), self.settings.lease)
            .await;
        let Some(task) = taken.ok().and_then(|taken| taken.into_iter().next()) else {
            return false;
        };
        self.work_on(pool, task, CancellationToken::new()).await;
        true
    }

    async fn run_pool(&self, pool: &Pool, stop: &CancellationToken) {
        let mut in_hand = InHand::default();
        while !stop.is_cancelled() {
            let took = self.take_more(pool, &mut in_hand, stop).await;
            if took {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.signals.woken(pool.name), if in_hand.count() < pool.workers => {}
                () = in_hand.one_ends() => {}
                () = tokio::time::sleep(self.settings.look) => {}
            }
        }
        while in_hand.count() > 0 {
            in_hand.one_ends().await;
        }
    }

    /// Takes as many tasks as there are workers free; whether there were any.
    async fn take_more(&self, pool: &Pool, in_hand: &mut InHand, stop: &CancellationToken) -> bool {
        in_hand.forget_ended();
        let free = pool.workers - in_hand.count();
        if free == 0 {
            return false;
        }
        let taken = match self
            .source
            .take(
                pool.name,
                free,
                &in_hand.room(pool.workers),
                self.settings.lease,
            )
            .await
        {
            Ok(taken) => taken,
            Err(error) => {
                warn!(
                    pool = pool.name,
                    error = &error as &dyn std::error::Error,
                    "cannot take tasks, will look again"
                );
                return false;
            }
        };
        let some = !taken.is_empty();
        for task in taken {
            let (runner, stop, pool) = (self.clone(), stop.clone(), pool.name);
            in_hand.spawn(task.lane, task.service_id, async move {
                runner.work_on(pool, task, stop).await;
            });
        }
        some
    }

    async fn work_on(&self, pool: &str, taken: Taken, stop: CancellationToken) {
        let span = info_span!("task", task.id = %taken.id, task.kind = %taken.kind, service.id = %taken.service_id);
        let task = Task::new(taken, stop);
        let started = self.clock.now();
        let verdict = async {
            let (name, attempt) = (name(&task), task.taken.attempt);
            debug!(attempt, "Celery task {name} (queue: {pool}) started, retry {attempt}");
            tokio::select! {
                verdict = caught(self.work.work(&task)) => {
                    verdict.unwrap_or_else(|| Verdict::GiveUp("the program failed while working on it".to_owned()))
                }
                () = self.keep_lease(&task) => unreachable!("the lease is kept for as long as the work runs"),
            }
        }
        .instrument(span.clone())
        .await;
        let took = self.clock.now().since(started);
        self.obey(pool, &task, verdict, took).instrument(span).await;
    }

    /// Renews the lease for as long as the work runs. A lease that is lost is not renewed; the work finds out.
    async fn keep_lease(&self, task: &Task) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            match self.source.renew(&task.taken, self.settings.lease).await {
                Ok(Some(until)) => task.until.store(until.unix_micros(), Ordering::Relaxed),
                Ok(None) => {
                    warn!("the lease was lost: another worker has taken over");
                    task.until.store(0, Ordering::Relaxed);
                    std::future::pending::<()>().await;
                }
                Err(error) => warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot renew a lease, will try again"
                ),
            }
        }
    }

    async fn obey(&self, pool: &str, task: &Task, verdict: Verdict, took: Duration) {
        let (taken, name, seconds) = (&task.taken, name(task), took.as_secs_f64());
        if verdict == Verdict::Done {
            debug!("Celery task {name} (queue: {pool}) took {seconds:.4}");
        }
        measure(&taken.kind, &verdict, took);
        let obeyed = match verdict {
            Verdict::Done if task.ended.load(Ordering::Relaxed) => Ok(true),
            Verdict::Done => self.source.finish(taken).await,
            Verdict::Retry(delay) => {
                let attempt = taken.attempt + 1;
                warn!(
                    attempt,
                    "Celery task {name} (queue: {pool}) failed for retry after {seconds:.4}, will be tried again in {} s",
                    delay.as_secs()
                );
                self.source
                    .put_back(taken, self.clock.now().plus(delay), attempt)
                    .await
            }
            Verdict::RetryAt(at) => self.source.put_back(taken, at, taken.attempt).await,
            Verdict::GiveUp(why) => {
                error!(
                    "Celery task {name} (queue: {pool}) failed after {seconds:.4}: {why}; it is not tried again: look at \
                     it with `pillarbox queue look {id}`, and once it is mended `pillarbox queue replay {id}`",
                    id = taken.id
                );
                if task.ended.load(Ordering::Relaxed) {
                    Ok(true)
                } else {
                    self.source.bury(taken, &why).await
                }
            }
        };
        match obeyed {
            Ok(true) => {}
            Ok(false) => warn!(
                "the lease of {} was lost before it ended; whoever has it now looks first",
                taken.kind
            ),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot end {}; its lease will run out and it will be looked at again", taken.kind
            ),
        }
    }
}

fn measure(kind: &str, verdict: &Verdict, took: Duration) {
    let outcome = match verdict {
        Verdict::Done => "done",
        Verdict::Retry(_) | Verdict::RetryAt(_) => "retry",
        Verdict::GiveUp(_) => "given up",
    };
    if matches!(verdict, Verdict::GiveUp(_)) {
        count_dead_letter(kind);
    }
    let kind = kind.to_owned();
    metrics::histogram!("pillarbox_task_seconds", "kind" => kind.clone())
        .record(took.as_secs_f64());
    metrics::counter!("pillarbox_task_attempts_total", "kind" => kind, "outcome" => outcome)
        .increment(1);
}

/// What the operators of the forks know a task by: its kind without its version.
fn name(task: &Task) -> String {
    let kind = &task.taken.kind;
    kind.split_once(".v")
        .map_or(&**kind, |(name, _)| name)
        .to_owned()
}

/// The tasks that a pool is working on.
#[derive(Default)]
struct InHand {
    running: JoinSet<(Lane, ServiceId)>,
    lanes: BTreeMap<Lane, u32>,
    services: BTreeMap<ServiceId, u32>,
}

impl InHand {
    fn count(&self) -> u32 {
        self.lanes.values().sum()
    }

    fn spawn(
        &mut self,
        lane: Lane,
        service: ServiceId,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        *self.lanes.entry(lane).or_default() += 1;
        *self.services.entry(service).or_default() += 1;
        self.running.spawn(async move {
            work.await;
            (lane, service)
        });
    }

    /// What may be taken: each lane up to its capacity, each service up to all workers but one.
    fn room(&self, workers: u32) -> Room {
        let left = |lane: Lane| {
            let in_hand = self.lanes.get(&lane).copied().unwrap_or(0);
            lanes::capacity(lane, workers).saturating_sub(in_hand)
        };
        Room {
            lanes: Lane::ALL.iter().map(|lane| (*lane, left(*lane))).collect(),
            each_service: (workers - 1).max(1),
            in_hand: self.services.clone(),
        }
    }

    async fn one_ends(&mut self) {
        match self.running.join_next().await {
            Some(ended) => self.forget(ended.ok()),
            None => std::future::pending().await,
        }
    }

    fn forget_ended(&mut self) {
        while let Some(ended) = self.running.try_join_next() {
            self.forget(ended.ok());
        }
    }

    fn forget(&mut self, ended: Option<(Lane, ServiceId)>) {
        let Some((lane, service)) = ended else { return };
        if let Some(count) = self.lanes.get_mut(&lane) {
            *count -= 1;
        }
        if let Some(count) = self.services.get_mut(&service) {
            *count -= 1;
            if *count == 0 {
                self.services.remove(&service);
            }
        }
    }
}
