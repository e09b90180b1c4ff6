//! What a batch leaves to other tasks.

use std::{collections::BTreeMap, time::Duration};

use domain::{Channel, NotificationId, TaskId, Timestamp};
use queue::{NewTask, TaskContext};
use tracing::{info, warn};

use crate::{App, tasks};

/// After how long to look at notifications that another worker was sending.
const IN_FLIGHT_ELSEWHERE_DELAY: Duration = Duration::from_secs(30);

/// What a batch leaves to other tasks.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    retries: BTreeMap<Duration, Vec<NotificationId>>,
    reasons: BTreeMap<String, u32>,
    pub(super) not_started: Vec<NotificationId>,
    pub(super) elsewhere: Vec<NotificationId>,
    pub(super) lease_lost: bool,
}

impl Remaining {
    pub(super) fn retry(&mut self, id: NotificationId, after: Duration, why: String) {
        self.retries.entry(after).or_default().push(id);
        *self.reasons.entry(why).or_default() += 1;
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
        channel: Channel,
        now: Timestamp,
    ) -> Vec<NewTask> {
        let leased = task.leased();
        let continuing = |ids: &[NotificationId], after: Duration, attempt: u32| NewTask {
            attempt,
            ready_at: now.plus(after),
            ..tasks::deliver(
                TaskId::generate(now, app.random()),
                leased.service_id,
                channel,
                leased.lane,
                ids,
                now,
            )
        };
        let retries = self
            .retries
            .iter()
            .map(|(after, ids)| continuing(ids, *after, leased.attempt + 1));
        let not_started = (!self.not_started.is_empty())
            .then(|| continuing(&self.not_started, Duration::ZERO, leased.attempt));
        // Another worker is sending these. If it dies, this task finds them still `created`.
        let elsewhere = (!self.elsewhere.is_empty())
            .then(|| continuing(&self.elsewhere, IN_FLIGHT_ELSEWHERE_DELAY, leased.attempt));
        retries.chain(not_started).chain(elsewhere).collect()
    }
}
