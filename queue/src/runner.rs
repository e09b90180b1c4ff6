//! Worker pools: they claim tasks, hand each to the [`TaskHandler`], renew its lease and apply its [`TaskOutcome`].

use std::{sync::Arc, time::Duration};

use domain::{Clock, WorkerId};
use store::tasks::LeasedTask;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, info_span, warn};

use crate::{
    ClaimLimits, Notifier, Pool, SourceError, TaskContext, TaskHandler, TaskOutcome, TaskSource,
    poison::{catch_panic, count_dead_letter},
    running_tasks::RunningTasks,
};

/// Number of tasks that [`Runner::drain`] claims at a time.
const DRAIN_BATCH: u32 = 16;

/// Times that a [`Runner`] works with.
#[derive(Debug, Clone, Copy)]
pub struct RunnerSettings {
    /// How long a task stays with a worker that has fallen silent. The lease is renewed at a third of this time, so it
    /// only needs to outlast two failed renewals, not the longest task. Default: 30 seconds.
    pub lease: Duration,
    /// How often an idle worker looks for tasks that no [`Notifier`] signal announced: delayed ones, those of other
    /// processes, and those whose lease has expired. Default: half a second.
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

/// Runs worker pools over a task source. Cheap to clone.
#[derive(Clone)]
pub struct Runner {
    source: Arc<dyn TaskSource>,
    handler: Arc<dyn TaskHandler>,
    clock: Arc<dyn Clock>,
    notifier: Notifier,
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
    /// Creates a runner. Nothing runs until [`Runner::run`] is called.
    pub fn new(
        source: Arc<dyn TaskSource>,
        handler: Arc<dyn TaskHandler>,
        clock: Arc<dyn Clock>,
        notifier: Notifier,
        settings: RunnerSettings,
    ) -> Self {
        Self {
            source,
            handler,
            clock,
            notifier,
            settings,
        }
    }

    /// Returns the worker that this runner's leases name.
    pub fn worker(&self) -> WorkerId {
        self.source.worker()
    }

    /// Runs the pools until `stop` is cancelled; then claims nothing more, waits for the running tasks, and returns.
    pub async fn run(&self, pools: Vec<Pool>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for pool in pools {
            let (runner, stop) = (self.clone(), stop.clone());
            running.spawn(async move { runner.run_pool(&pool, &stop).await });
        }
        // Panics of a pool are passed on: a process without its pools must not look healthy.
        running.join_all().await;
    }

    /// Runs all tasks that are ready in these pools, and those that they make ready, until none is left. Returns how
    /// many were run. For tests, and for commands that want the work done now.
    pub async fn drain(&self, pools: &[Pool]) -> u32 {
        let mut done = 0;
        loop {
            let before = done;
            for pool in pools {
                let Ok(tasks) = self.claim(pool.name, DRAIN_BATCH).await else {
                    return done;
                };
                for task in tasks {
                    let task = TaskContext::new(task, CancellationToken::new());
                    self.run_task(pool.name, &task).await;
                    done += 1;
                }
            }
            if done == before {
                return done;
            }
        }
    }

    /// Runs one task of this pool if one is ready, and returns whether there was one. Dropping the future before it has
    /// finished looks like a crash of the worker; simulations use this.
    pub async fn run_one(&self, pool: &str) -> bool {
        let claimed = self.claim(pool, 1).await;
        let Some(task) = claimed.ok().and_then(|tasks| tasks.into_iter().next()) else {
            return false;
        };
        let task = TaskContext::new(task, CancellationToken::new());
        self.run_task(pool, &task).await;
        true
    }

    async fn claim(&self, pool: &str, count: u32) -> Result<Vec<LeasedTask>, SourceError> {
        self.source
            .claim(
                pool,
                count,
                &ClaimLimits::uniform(count),
                self.settings.lease,
            )
            .await
    }

    async fn run_pool(&self, pool: &Pool, stop: &CancellationToken) {
        let began_to_wait = Arc::new(Notify::new());
        let mut running = RunningTasks::new(&began_to_wait);
        while !stop.is_cancelled() {
            // After a successful claim there may be more: look again before waiting.
            if self.claim_more(pool, &mut running, stop).await {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.notifier.notified(pool.name), if running.busy() < pool.workers => {}
                () = began_to_wait.notified() => {}
                () = running.next_finished() => {}
                () = tokio::time::sleep(self.settings.poll_interval) => {}
            }
        }
        while !running.is_empty() {
            running.next_finished().await;
        }
    }

    /// Claims and starts as many tasks as there are free workers. Returns whether there were any.
    async fn claim_more(
        &self,
        pool: &Pool,
        running: &mut RunningTasks,
        stop: &CancellationToken,
    ) -> bool {
        running.remove_finished();
        // Never more than can start at once: a claimed task that waits would use up its lease.
        // Tasks that waited for another party come back at once, so more may be busy than there are workers.
        let free = pool.workers.saturating_sub(running.busy());
        if free == 0 {
            return false;
        }
        let limits = running.claim_limits(pool, &*self.handler);
        let claimed = self
            .source
            .claim(pool.name, free, &limits, self.settings.lease)
            .await;
        let tasks = match claimed {
            Ok(tasks) => tasks,
            Err(error) => {
                warn!(
                    pool = pool.name,
                    error = &error as &dyn std::error::Error,
                    "cannot claim tasks, will try again"
                );
                return false;
            }
        };
        let any = !tasks.is_empty();
        for task in tasks {
            // The child of the pool's token: stopping is a request that the handler may answer in its own time.
            let task = TaskContext::new(task, stop.clone());
            let (runner, pool) = (self.clone(), pool.name);
            running.spawn(task, async move |task| runner.run_task(pool, &task).await);
        }
        any
    }

    async fn run_task(&self, pool: &str, task: &TaskContext) {
        let leased = task.leased();
        let span = info_span!("task", task.id = %leased.id, task.kind = %leased.kind, service.id = %leased.service_id);
        let started = self.clock.now();
        async {
            let outcome = self.handle(pool, task).await;
            let took = self.clock.now().since(started);
            self.apply_outcome(pool, task, outcome, took).await;
        }
        .instrument(span)
        .await;
    }

    /// Runs the handler while renewing the lease.
    async fn handle(&self, pool: &str, task: &TaskContext) -> TaskOutcome {
        let (name, attempt) = (task.name(), task.leased().attempt);
        debug!(
            attempt,
            "Celery task {name} (queue: {pool}) started, retry {attempt}"
        );
        tokio::select! {
            outcome = catch_panic(self.handler.handle(task)) => outcome.unwrap_or_else(|| {
                // A task that panics once would panic again, and take its worker's other tasks with it each time.
                TaskOutcome::Discard("the program failed while working on it".to_owned())
            }),
            () = self.renew_lease(task) => unreachable!("renewing goes on until it is dropped"),
        }
    }

    /// Renews the lease again and again. Once the lease is lost it is not renewed; the handler notices by
    /// [`TaskContext::holds_lease`].
    async fn renew_lease(&self, task: &TaskContext) {
        loop {
            // A third leaves time for two failed renewals before the lease expires.
            tokio::time::sleep(self.settings.lease / 3).await;
            match self.source.renew(task.leased(), self.settings.lease).await {
                Ok(Some(until)) => task.lease_renewed(until),
                Ok(None) => {
                    warn!("the lease was lost: another worker has taken over");
                    task.lease_lost();
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
        outcome: TaskOutcome,
        took: Duration,
    ) {
        let kind = &task.leased().kind;
        log_outcome(pool, task, &outcome, took);
        record_metrics(kind, &outcome, took);
        match self.settle(task, outcome).await {
            Ok(true) => {}
            Ok(false) => warn!(
                "the lease of {kind} was lost before it ended; the worker that holds it now looks at the state first"
            ),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot end {kind}; its lease will expire and it will run again"
            ),
        }
    }

    /// Completes, releases or dead-letters the task. Returns false if the lease was lost.
    async fn settle(&self, task: &TaskContext, outcome: TaskOutcome) -> Result<bool, SourceError> {
        let leased = task.leased();
        match outcome {
            TaskOutcome::Completed | TaskOutcome::Discard(_) if task.has_ended() => Ok(true),
            TaskOutcome::Completed => self.source.complete(leased).await,
            TaskOutcome::Discard(why) => self.source.dead_letter(leased, &why).await,
            TaskOutcome::Retry(delay) => {
                let ready_at = self.clock.now().plus(delay);
                self.source
                    .release(leased, ready_at, leased.attempt + 1)
                    .await
            }
            TaskOutcome::Snooze(at) => self.source.release(leased, at, leased.attempt).await,
        }
    }
}

/// Logs the line that operators' alerts match (`docs/spec/workers.md` §1.3), completed for those who read it here.
fn log_outcome(pool: &str, task: &TaskContext, outcome: &TaskOutcome, took: Duration) {
    let (name, seconds) = (task.name(), took.as_secs_f64());
    match outcome {
        TaskOutcome::Completed => debug!("Celery task {name} (queue: {pool}) took {seconds:.4}"),
        TaskOutcome::Retry(delay) => warn!(
            attempt = task.leased().attempt + 1,
            "Celery task {name} (queue: {pool}) failed for retry after {seconds:.4}, will be tried again in {} s",
            delay.as_secs()
        ),
        TaskOutcome::Snooze(_) => {}
        TaskOutcome::Discard(why) => error!(
            "Celery task {name} (queue: {pool}) failed after {seconds:.4}: {why}; it is not tried again: look at \
             it with `pillarbox queue look {id}`, and once the cause is fixed `pillarbox queue replay {id}`",
            id = task.leased().id
        ),
    }
}

fn record_metrics(kind: &str, outcome: &TaskOutcome, took: Duration) {
    // The published names of the outcomes; a snooze counts as a retry.
    let label = match outcome {
        TaskOutcome::Completed => "done",
        TaskOutcome::Retry(_) | TaskOutcome::Snooze(_) => "retry",
        TaskOutcome::Discard(_) => "given up",
    };
    if matches!(outcome, TaskOutcome::Discard(_)) {
        count_dead_letter(kind);
    }
    let kind = kind.to_owned();
    metrics::histogram!("pillarbox_task_seconds", "kind" => kind.clone())
        .record(took.as_secs_f64());
    metrics::counter!("pillarbox_task_attempts_total", "kind" => kind, "outcome" => label)
        .increment(1);
}
