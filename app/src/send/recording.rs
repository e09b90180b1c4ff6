//! Recording the results of a batch: as they come, and the last ones together with the end of its task.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::NotificationId;
use queue::NewTask;
use tokio::{sync::mpsc, time};
use tracing::warn;

use super::{
    BatchEnd, SendBatchError, balance,
    batch::{Batch, STALL, SendResult},
    pending_writes::PendingWrites,
    poison,
    remaining::Remaining,
    send_writer::{Handover, Recording, SendWrite, SendWriteError},
};
use crate::tasks;

/// Pauses before a commit of results is tried again. Together they are shorter than a lease.
const COMMIT_PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

impl Batch<'_> {
    /// Commits results as they come; the last ones together with the end of the task and the tasks that continue.
    pub(super) async fn record(
        &self,
        mut results: mpsc::UnboundedReceiver<SendResult>,
    ) -> Result<BatchEnd, SendBatchError> {
        let mut writes = PendingWrites::default();
        let unknown_outcomes = self.delivery.unknown_outcomes;
        let mut rest = Remaining::new(self.held.elsewhere.clone(), unknown_outcomes);
        for (id, wait) in &self.held.awaited {
            rest.await_receipt(*id, *wait);
        }
        let mut kept: BTreeSet<NotificationId> = self.delivery.ids.iter().copied().collect();
        loop {
            let mut received = Vec::new();
            let receiving = results.recv_many(&mut received, 256);
            let count = if rest.can_be_handed_over() {
                time::timeout(STALL, receiving).await
            } else {
                Ok(receiving.await)
            };
            let Ok(count) = count else {
                // The open calls may take minutes, and what is left must not wait for them.
                self.hand_over(std::mem::take(&mut writes), &mut rest, &mut kept)
                    .await?;
                continue;
            };
            for result in received {
                self.sort(result, &mut writes, &mut rest);
            }
            // The last results are left for the commit that ends the task.
            if count == 0 || (results.is_closed() && results.is_empty()) {
                break;
            }
            if !writes.is_empty() {
                self.commit(std::mem::take(&mut writes), None).await?;
            }
        }
        self.end(writes, rest).await
    }

    /// Gives what is left to other tasks while calls of this batch are open; its task keeps the notifications of these.
    async fn hand_over(
        &self,
        writes: PendingWrites,
        rest: &mut Remaining,
        kept: &mut BTreeSet<NotificationId>,
    ) -> Result<(), SendWriteError> {
        rest.log();
        let tasks = self.continuing_tasks(rest);
        let gone = rest.ids();
        kept.retain(|id| !gone.contains(id));
        let ids: Vec<NotificationId> = kept.iter().copied().collect();
        // Before other tasks can claim them: one that finds them in flight here returns only after half a minute.
        self.held.claim.release(&gone);
        let handover = Handover {
            tasks,
            keeps: Some(tasks::delivery_payload(
                &ids,
                self.delivery.unknown_outcomes,
            )),
        };
        let is_held = self.commit(writes, Some(handover)).await?;
        *rest = Remaining::new(Vec::new(), self.delivery.unknown_outcomes);
        rest.lease_lost = !is_held;
        Ok(())
    }

    fn continuing_tasks(&self, rest: &Remaining) -> Vec<NewTask> {
        let not_started_after = self.delay_of_not_started();
        let now = self.app.clock.now();
        rest.tasks(self.app, self.task, self.step, not_started_after, now)
    }

    fn sort(&self, result: SendResult, writes: &mut PendingWrites, rest: &mut Remaining) {
        let now = self.app.clock.now();
        if let Some(id) = result.id() {
            writes.add_attempt(self.held.attempts.result(id, now));
        }
        match result {
            SendResult::Final(outcome) => writes.outcomes.push(outcome),
            SendResult::Recorded(outcome, end) => {
                writes.outcomes.push(outcome);
                writes.attempts.extend(end);
            }
            SendResult::Retry {
                id,
                after,
                unknown_outcomes,
                why,
            } => {
                writes.units.extend(self.held.attempts.units_not_stored(id));
                rest.retry(id, after, unknown_outcomes, why);
            }
            SendResult::Noop(_) => {}
            SendResult::NotStarted(id) => rest.not_started.push(id),
            SendResult::Next(id, step) => rest.next_steps.entry(step).or_default().push(id),
            SendResult::LeaseLost(_) => rest.lease_lost = true,
            SendResult::Panicked(id, phase) => {
                let poisoned = poison::poison_message(self.task, self.step, id, &phase, now);
                writes.units.extend(self.held.attempts.units_not_stored(id));
                writes.poisoned.push(poisoned);
            }
        }
    }

    /// Commits results, in a transaction with those of other batches. A commit that fails is tried again while the lease holds
    /// and the database may recover: repeating one that was applied although it seemed to fail is harmless, because statuses
    /// change by compare-and-set, and a task that is completed is not completed, nor continued, a second time. Returns false
    /// if something was to be handed over and the lease was lost.
    async fn commit(
        &self,
        writes: PendingWrites,
        handover: Option<Handover>,
    ) -> Result<bool, SendWriteError> {
        let leased = self.task.leased();
        let recording = Arc::new(Recording {
            task: leased.id,
            lease: leased.lease,
            service: leased.service_id,
            channel: self.channel,
            writes,
            handover,
        });
        let mut pauses = COMMIT_PAUSES.iter();
        let is_held = loop {
            let write = SendWrite::Record(recording.clone());
            let error = match self.app.send.writer.commit(write).await {
                Ok(()) => break true,
                Err(SendWriteError::LeaseLost) => break false,
                Err(error) => error,
            };
            let holds_lease = self.task.holds_lease(self.app.clock.now());
            let pause = pauses
                .next()
                .filter(|_| error.is_transient() && holds_lease);
            let Some(pause) = pause else {
                return Err(error);
            };
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot record results of a batch, will try again"
            );
            time::sleep(*pause).await;
        };
        let writes = &recording.writes;
        self.app.send.unrecorded.remove(&writes.outcomes);
        let took = self.app.clock.now().since(self.started);
        writes.log_and_count(self.task, self.step, took);
        let failing = balance::failing_providers(&writes.attempts);
        balance::reduce_failing(self.app, self.channel, failing).await;
        Ok(is_held)
    }

    async fn end(
        &self,
        writes: PendingWrites,
        rest: Remaining,
    ) -> Result<BatchEnd, SendBatchError> {
        rest.log();
        if rest.lease_lost {
            // The task is not completed, even if no other worker has claimed it yet: it alone names what was not attempted.
            self.commit(writes, None).await?;
            return Ok(BatchEnd::LeaseLost);
        }
        let handover = Handover {
            tasks: self.continuing_tasks(&rest),
            keeps: None,
        };
        // A worker that claims the next task before this one has ended would find them in flight here.
        self.held.claim.release(&rest.ids());
        self.commit(writes, Some(handover)).await?;
        // Also if the lease was lost: then the worker that has the task now ends it.
        self.task.set_completed();
        Ok(BatchEnd::Finished)
    }
}
