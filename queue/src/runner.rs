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
use store::{Tx, tasks::LeasedTask};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, info_span, warn};

use crate::{
    ClaimLimits, Notifier, TaskSource, lanes,
    poison::{catch_panic, count_dead_letter},
};

/// What is to become of a task that was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It is done. If the work has not ended it in its own transaction, the runner does.
    Completed,
    /// Again, after this long.
    Retry(Duration),
    /// Again, at this time; not counted as a try.
    Snooze(Timestamp),
    /// Never again: a dead letter, which an operator can see and replay.
    Discard(String),
}

/// A task in the hands of a worker.
#[derive(Debug)]
pub struct TaskContext {
    leased: LeasedTask,
    /// When the lease ends, in microseconds; moved by the renewals.
    until: AtomicI64,
    ended: AtomicBool,
    stop: CancellationToken,
}

impl TaskContext {
    /// A task that was just taken. `stop` asks its work to come to an end soon.
    pub fn new(leased: LeasedTask, stop: CancellationToken) -> Self {
        let until = AtomicI64::new(leased.until.unix_micros());
        Self {
            leased,
            until,
            ended: AtomicBool::new(false),
            stop,
        }
    }

    /// The process is about to end: work that can be carried on later begins nothing new.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// What was taken.
    pub const fn leased(&self) -> &LeasedTask {
        &self.leased
    }

    /// Whether the lease still holds at `now`. Work that reaches outside asks before every step: a process that was
    /// stopped for a while must not go on with what another has taken over.
    pub fn holds_lease(&self, now: Timestamp) -> bool {
        now.unix_micros() < self.until.load(Ordering::Relaxed)
    }

    /// Ends the task as part of the transaction that records its outcome; false if the lease was lost.
    pub async fn complete(&self, tx: &mut Tx) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::complete(tx, self.leased.id, self.leased.lease).await
    }

    /// Gives the task up as part of the transaction that says so elsewhere; false if the lease was lost. The verdict
    /// must be the same.
    pub async fn dead_letter(
        &self,
        tx: &mut Tx,
        why: &str,
        at: Timestamp,
    ) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::dead_letter(tx, self.leased.id, self.leased.lease, why, at).await
    }
}

/// What to do with a task. Looks at the state first: every task may come twice.
#[async_trait]
pub trait TaskHandler: Send + Sync + 'static {
    /// Works on it.
    async fn handle(&self, task: &TaskContext) -> TaskOutcome;
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
pub struct RunnerSettings {
    /// How long a worker that fell silent keeps its task.
    pub lease: Duration,
    /// How often a worker looks for tasks that nobody told it of.
    pub poll_interval: Duration,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(500),
        }
    }
}

/// Runs pools of workers over a source.
#[derive(Clone)]
pub struct Runner {
    source: Arc<dyn TaskSource>,
    handler: Arc<dyn TaskHandler>,
    clock: Arc<dyn Clock>,
    signals: Notifier,
    settings: RunnerSettings,
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
        handler: Arc<dyn TaskHandler>,
        clock: Arc<dyn Clock>,
        signals: Notifier,
        settings: RunnerSettings,
    ) -> Self {
        Self {
            source,
            handler,
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
                    .claim(
                        pool.name,
                        16,
                        &ClaimLimits::uniform(16),
                        self.settings.lease,
                    )
                    .await
                else {
                    return done;
                };
                for task in taken {
                    self.run_task(pool.name, task, CancellationToken::new())
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
    pub async fn run_one(&self, pool: &str) -> bool {
        let taken = self
            .source
            .claim(pool, 1, &ClaimLimits::uniform(1), self.settings.lease)
            .await;
        let Some(task) = taken.ok().and_then(|taken| taken.into_iter().next()) else {
            return false;
        };
        self.run_task(pool, task, CancellationToken::new()).await;
        true
    }

    async fn run_pool(&self, pool: &Pool, stop: &CancellationToken) {
        let mut in_hand = RunningTasks::default();
        while !stop.is_cancelled() {
            let took = self.claim_more(pool, &mut in_hand, stop).await;
            if took {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.signals.notified(pool.name), if in_hand.count() < pool.workers => {}
                () = in_hand.next_finished() => {}
                () = tokio::time::sleep(self.settings.poll_interval) => {}
            }
        }
        while in_hand.count() > 0 {
            in_hand.next_finished().await;
        }
    }

    /// Takes as many tasks as there are workers free; whether there were any.
    async fn claim_more(
        &self,
        pool: &Pool,
        in_hand: &mut RunningTasks,
        stop: &CancellationToken,
    ) -> bool {
        in_hand.remove_finished();
        let free = pool.workers - in_hand.count();
        if free == 0 {
            return false;
        }
        let taken = match self
            .source
            .claim(
                pool.name,
                free,
                &in_hand.claim_limits(pool.workers),
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
                runner.run_task(pool, task, stop).await;
            });
        }
        some
    }

    async fn run_task(&self, pool: &str, taken: LeasedTask, stop: CancellationToken) {
        let span = info_span!("task", task.id = %taken.id, task.kind = %taken.kind, service.id = %taken.service_id);
        let task = TaskContext::new(taken, stop);
        let started = self.clock.now();
        let verdict = async {
            let (name, attempt) = (task_name(&task), task.leased.attempt);
            debug!(attempt, "Celery task {name} (queue: {pool}) started, retry {attempt}");
            tokio::select! {
                verdict = catch_panic(self.handler.handle(&task)) => {
                    verdict.unwrap_or_else(|| TaskOutcome::Discard("the program failed while working on it".to_owned()))
                }
                () = self.renew_lease(&task) => unreachable!("the lease is kept for as long as the work runs"),
            }
        }
        .instrument(span.clone())
        .await;
        let took = self.clock.now().since(started);
        self.apply_outcome(pool, &task, verdict, took)
            .instrument(span)
            .await;
    }

    /// Renews the lease for as long as the work runs. A lease that is lost is not renewed; the work finds out.
    async fn renew_lease(&self, task: &TaskContext) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            match self.source.renew(&task.leased, self.settings.lease).await {
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

    async fn apply_outcome(
        &self,
        pool: &str,
        task: &TaskContext,
        verdict: TaskOutcome,
        took: Duration,
    ) {
        let (taken, name, seconds) = (&task.leased, task_name(task), took.as_secs_f64());
        if verdict == TaskOutcome::Completed {
            debug!("Celery task {name} (queue: {pool}) took {seconds:.4}");
        }
        record_metrics(&taken.kind, &verdict, took);
        let obeyed = match verdict {
            TaskOutcome::Completed if task.ended.load(Ordering::Relaxed) => Ok(true),
            TaskOutcome::Completed => self.source.complete(taken).await,
            TaskOutcome::Retry(delay) => {
                let attempt = taken.attempt + 1;
                warn!(
                    attempt,
                    "Celery task {name} (queue: {pool}) failed for retry after {seconds:.4}, will be tried again in {} s",
                    delay.as_secs()
                );
                self.source
                    .release(taken, self.clock.now().plus(delay), attempt)
                    .await
            }
            TaskOutcome::Snooze(at) => self.source.release(taken, at, taken.attempt).await,
            TaskOutcome::Discard(why) => {
                error!(
                    "Celery task {name} (queue: {pool}) failed after {seconds:.4}: {why}; it is not tried again: look at \
                     it with `pillarbox queue look {id}`, and once it is mended `pillarbox queue replay {id}`",
                    id = taken.id
                );
                if task.ended.load(Ordering::Relaxed) {
                    Ok(true)
                } else {
                    self.source.dead_letter(taken, &why).await
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

fn record_metrics(kind: &str, verdict: &TaskOutcome, took: Duration) {
    let outcome = match verdict {
        TaskOutcome::Completed => "done",
        TaskOutcome::Retry(_) | TaskOutcome::Snooze(_) => "retry",
        TaskOutcome::Discard(_) => "given up",
    };
    if matches!(verdict, TaskOutcome::Discard(_)) {
        count_dead_letter(kind);
    }
    let kind = kind.to_owned();
    metrics::histogram!("pillarbox_task_seconds", "kind" => kind.clone())
        .record(took.as_secs_f64());
    metrics::counter!("pillarbox_task_attempts_total", "kind" => kind, "outcome" => outcome)
        .increment(1);
}

/// What the operators of the forks know a task by: its kind without its version.
fn task_name(task: &TaskContext) -> String {
    let kind = &task.leased.kind;
    kind.split_once(".v")
        .map_or(&**kind, |(name, _)| name)
        .to_owned()
}

/// The tasks that a pool is working on.
#[derive(Default)]
struct RunningTasks {
    running: JoinSet<(Lane, ServiceId)>,
    lanes: BTreeMap<Lane, u32>,
    services: BTreeMap<ServiceId, u32>,
}

impl RunningTasks {
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
    fn claim_limits(&self, workers: u32) -> ClaimLimits {
        let left = |lane: Lane| {
            let in_hand = self.lanes.get(&lane).copied().unwrap_or(0);
            lanes::capacity(lane, workers).saturating_sub(in_hand)
        };
        ClaimLimits {
            lanes: Lane::ALL.iter().map(|lane| (*lane, left(*lane))).collect(),
            per_service: (workers - 1).max(1),
            running: self.services.clone(),
        }
    }

    async fn next_finished(&mut self) {
        match self.running.join_next().await {
            Some(ended) => self.remove(ended.ok()),
            None => std::future::pending().await,
        }
    }

    fn remove_finished(&mut self) {
        while let Some(ended) = self.running.try_join_next() {
            self.remove(ended.ok());
        }
    }

    fn remove(&mut self, ended: Option<(Lane, ServiceId)>) {
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
