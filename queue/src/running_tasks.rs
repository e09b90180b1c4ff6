//! Tasks that a pool is running, counted by lane and service.

use std::collections::BTreeMap;

use domain::{Lane, ServiceId};
use tokio::task::JoinSet;

use crate::{ClaimLimits, lanes};

/// Tasks that a pool is running.
#[derive(Default)]
pub(crate) struct RunningTasks {
    running: JoinSet<(Lane, ServiceId)>,
    lanes: BTreeMap<Lane, u32>,
    services: BTreeMap<ServiceId, u32>,
}

impl RunningTasks {
    pub(crate) fn count(&self) -> u32 {
        self.lanes.values().sum()
    }

    pub(crate) fn spawn(
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

    /// Returns what may be claimed: each lane up to its capacity, each service up to all workers but one.
    pub(crate) fn claim_limits(&self, workers: u32) -> ClaimLimits {
        let left = |lane: Lane| {
            let running = self.lanes.get(&lane).copied().unwrap_or(0);
            lanes::capacity(lane, workers).saturating_sub(running)
        };
        ClaimLimits {
            lanes: Lane::ALL.iter().map(|lane| (*lane, left(*lane))).collect(),
            // One worker stays free, so that a service with slow tasks cannot block all others.
            per_service: (workers - 1).max(1),
            running: self.services.clone(),
        }
    }

    /// Waits until a task has finished; for ever if none is running, as a branch of a `select!` should.
    pub(crate) async fn next_finished(&mut self) {
        match self.running.join_next().await {
            Some(finished) => self.remove(finished.ok()),
            None => std::future::pending().await,
        }
    }

    pub(crate) fn remove_finished(&mut self) {
        while let Some(finished) = self.running.try_join_next() {
            self.remove(finished.ok());
        }
    }

    fn remove(&mut self, finished: Option<(Lane, ServiceId)>) {
        // A join error means that the runtime is shutting down: handlers' panics are caught before they get here.
        let Some((lane, service)) = finished else {
            return;
        };
        if let Some(count) = self.lanes.get_mut(&lane) {
            *count -= 1;
        }
        if let Some(count) = self.services.get_mut(&service) {
            *count -= 1;
            // Services come and go; an entry for each that ever sent anything would grow without end.
            if *count == 0 {
                self.services.remove(&service);
            }
        }
    }
}
