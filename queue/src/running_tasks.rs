//! Tasks that a pool is running, and what it may claim beside them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use domain::{Lane, ServiceId};
use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
};

use crate::{ClaimLimits, Pool, TaskContext, TaskHandler, lanes};

/// Tasks that a pool is running. Those that only wait for another party occupy no worker.
pub(crate) struct RunningTasks {
    running: JoinSet<()>,
    tasks: HashMap<Id, Arc<TaskContext>>,
    /// Notified when one of them begins to wait, so that its worker is free.
    began_to_wait: Arc<Notify>,
}

impl RunningTasks {
    pub(crate) fn new(began_to_wait: &Arc<Notify>) -> Self {
        Self {
            running: JoinSet::new(),
            tasks: HashMap::new(),
            began_to_wait: Arc::clone(began_to_wait),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns how many workers are occupied.
    pub(crate) fn busy(&self) -> u32 {
        u32::try_from(self.busy_tasks().count()).unwrap_or(u32::MAX)
    }

    fn busy_tasks(&self) -> impl Iterator<Item = &Arc<TaskContext>> {
        self.tasks.values().filter(|task| !task.is_waiting())
    }

    pub(crate) fn spawn<W: Future<Output = ()> + Send + 'static>(
        &mut self,
        task: TaskContext,
        work: impl FnOnce(Arc<TaskContext>) -> W,
    ) {
        let task = Arc::new(task.in_pool(&self.began_to_wait));
        let handle = self.running.spawn(work(Arc::clone(&task)));
        self.tasks.insert(handle.id(), task);
    }

    /// Returns what may be claimed: each lane up to its capacity, each service up to all workers but one, or to what the
    /// handler allows.
    pub(crate) fn claim_limits(&self, pool: &Pool, handler: &dyn TaskHandler) -> ClaimLimits {
        let workers = pool.workers;
        let (mut lanes, mut services) = (BTreeMap::new(), BTreeMap::new());
        for task in self.busy_tasks() {
            *lanes.entry(task.leased().lane).or_insert(0) += 1;
            *services.entry(task.leased().service_id).or_insert(0) += 1;
        }
        let mut all: BTreeMap<ServiceId, u32> = BTreeMap::new();
        for task in self.tasks.values() {
            *all.entry(task.leased().service_id).or_default() += 1;
        }
        for (service, count) in all {
            let most = handler.max_tasks_of(pool.name, service);
            if most.is_some_and(|most| count >= most) {
                // As many as any limit allows.
                services.insert(service, u32::MAX / 2);
            }
        }
        let left = |lane: Lane| {
            let running = lanes.get(&lane).copied().unwrap_or(0);
            lanes::capacity(lane, workers).saturating_sub(running)
        };
        ClaimLimits {
            lanes: Lane::ALL.iter().map(|lane| (*lane, left(*lane))).collect(),
            // One worker stays free, so that a service with slow tasks cannot block all others.
            per_service: (workers - 1).max(1),
            running: services,
        }
    }

    /// Waits until a task has finished; for ever if none is running, as a branch of a `select!` should.
    pub(crate) async fn next_finished(&mut self) {
        match self.running.join_next_with_id().await {
            Some(finished) => self.remove(finished),
            None => std::future::pending().await,
        }
    }

    pub(crate) fn remove_finished(&mut self) {
        while let Some(finished) = self.running.try_join_next_with_id() {
            self.remove(finished);
        }
    }

    fn remove(&mut self, finished: Result<(Id, ()), JoinError>) {
        let id = match finished {
            Ok((id, ())) => id,
            // The runtime is shutting down: handlers' panics are caught before they get here.
            Err(error) => error.id(),
        };
        self.tasks.remove(&id);
    }
}
