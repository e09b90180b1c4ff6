//! What a batch leaves to other tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{NotificationId, TaskId, Timestamp};
use queue::{NewTask, TaskContext};
use tracing::{info, warn};

use crate::{
    App,
    tasks::{self, Delivery, Step},
};

/// After how long to look at notifications that another worker was sending.
const IN_FLIGHT_ELSEWHERE_DELAY: Duration = Duration::from_secs(30);

/// What a batch leaves to other tasks.
#[derive(Debug)]
pub(super) struct Remaining {
    /// By delay and by how often the outcome has been unknown.
    retries: BTreeMap<(Duration, u32), Vec<NotificationId>>,
    reasons: BTreeMap<String, u32>,
    pub(super) not_started: Vec<NotificationId>,
    /// Letters whose step is done, by the step that follows.
    pub(super) next_steps: BTreeMap<Step, Vec<NotificationId>>,
    /// By how long they wait, because they are sent by another worker or may have been sent by one that died.
    waits: BTreeMap<Duration, Vec<NotificationId>>,
    pub(super) lease_lost: bool,
    /// How often the outcome of the batch's notifications was unknown before.
    unknown_outcomes: u32,
}

impl Remaining {
    pub(super) fn new(elsewhere: Vec<NotificationId>, unknown_outcomes: u32) -> Self {
        let mut waits = BTreeMap::new();
        if !elsewhere.is_empty() {
            // Another worker is sending these. If it dies, the task finds them still `created`.
            waits.insert(IN_FLIGHT_ELSEWHERE_DELAY, elsewhere);
        }
        Self {
            retries: BTreeMap::new(),
            reasons: BTreeMap::new(),
            not_started: Vec::new(),
            next_steps: BTreeMap::new(),
            waits,
            lease_lost: false,
            unknown_outcomes,
        }
    }

    pub(super) fn retry(
        &mut self,
        id: NotificationId,
        after: Duration,
        unknown_outcomes: u32,
        why: String,
    ) {
        let group = (after, unknown_outcomes);
        self.retries.entry(group).or_default().push(id);
        *self.reasons.entry(why).or_default() += 1;
    }

    /// Lets a text message wait for the receipt of an attempt whose outcome is not known.
    pub(super) fn await_receipt(&mut self, id: NotificationId, wait: Duration) {
        // Rounded up to seconds, so that messages that were begun together stay together.
        let wait = Duration::from_secs(wait.as_secs() + 1);
        self.waits.entry(wait).or_default().push(id);
    }

    /// Whether there is something that other tasks can begin with before the batch has ended.
    pub(super) fn can_be_handed_over(&self) -> bool {
        // What other workers are sending needs no haste.
        let has_some =
            !self.retries.is_empty() || !self.not_started.is_empty() || !self.next_steps.is_empty();
        !self.lease_lost && has_some
    }

    pub(super) fn ids(&self) -> BTreeSet<NotificationId> {
        let retries = self.retries.values().flatten();
        let others = self.not_started.iter().chain(self.waits.values().flatten());
        let others = others.chain(self.next_steps.values().flatten());
        retries.chain(others).copied().collect()
    }

    pub(super) fn log(&self) {
        for (why, count) in &self.reasons {
            warn!("could not hand over {count} messages, will try again: {why}");
        }
        if !self.not_started.is_empty() {
            info!(
                "{} messages wait for the next turn of their service",
                self.not_started.len()
            );
        }
        if self.lease_lost {
            warn!("stopped in the middle of a batch: the lease was lost");
        }
    }

    /// Builds the tasks that continue the batch.
    pub(super) fn tasks(
        &self,
        app: &App,
        task: &TaskContext,
        step: Step,
        not_started_after: Duration,
        now: Timestamp,
    ) -> Vec<NewTask> {
        let leased = task.leased();
        let continuing = |step: Step,
                          ids: &[NotificationId],
                          after: Duration,
                          attempt: u32,
                          unknown_outcomes: u32| {
            let id = TaskId::generate(now, app.random());
            let delivery = Delivery::of(ids, unknown_outcomes);
            let task = tasks::deliver(id, leased.service_id, step, leased.lane, &delivery, now);
            NewTask {
                pool: tasks::delivery_pool_of(leased, step),
                attempt,
                ready_at: now.plus(after),
                ..task
            }
        };
        let retries = self.retries.iter().map(|((after, unknown_outcomes), ids)| {
            continuing(step, ids, *after, leased.attempt + 1, *unknown_outcomes)
        });
        let unchanged = |ids: &[NotificationId], after: Duration| {
            let unknown_outcomes = self.unknown_outcomes;
            (!ids.is_empty())
                .then(|| continuing(step, ids, after, leased.attempt, unknown_outcomes))
        };
        let not_started = unchanged(&self.not_started, not_started_after);
        let waits = self.waits.iter();
        let waits = waits.filter_map(|(after, ids)| unchanged(ids, *after));
        // A step has attempts of its own.
        let next_steps = self.next_steps.iter();
        let next_steps = next_steps.map(|(next, ids)| continuing(*next, ids, Duration::ZERO, 0, 0));
        retries
            .chain(not_started)
            .chain(waits)
            .chain(next_steps)
            .collect()
    }
}
