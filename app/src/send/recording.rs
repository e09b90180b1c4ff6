//! Recording the results of a batch: as they come, and the last ones together with the end of its task.

use std::{collections::BTreeSet, time::Duration};

use domain::{NotificationId, TaskId};
use queue::{Enqueue as _, NewTask};
use store::Tx;
use tokio::{sync::mpsc, time};
use tracing::warn;

use super::{
    BatchEnd, SendBatchError, balance,
    batch::{Batch, STALL, SendResult},
    pending_writes::PendingWrites,
    poison,
    remaining::Remaining,
};
use crate::{callbacks, receipts, tasks};

/// Pauses before a commit of results is tried again. Together they are shorter than a lease.
const COMMIT_PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Tasks that continue a batch, or a part of it.
struct Handover {
    tasks: Vec<NewTask>,
    /// The payload of the batch's task, which keeps the rest. Without it, the task is completed.
    keeps: Option<String>,
}

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
    ) -> Result<(), store::Error> {
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

    /// Commits results. A commit that fails is tried again while the lease holds and the database may recover. Returns
    /// false if something was to be handed over and the lease was lost.
    async fn commit(
        &self,
        writes: PendingWrites,
        handover: Option<Handover>,
    ) -> Result<bool, store::Error> {
        let mut pauses = COMMIT_PAUSES.iter();
        let (is_held, failing) = loop {
            let error = match self.try_commit(&writes, handover.as_ref()).await {
                Ok(committed) => break committed,
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
        self.app.send.unrecorded.remove(&writes.outcomes);
        let took = self.app.clock.now().since(self.started);
        writes.log_and_count(self.task, self.step, took);
        balance::reduce_failing(self.app, self.channel, failing).await;
        Ok(is_held)
    }

    /// Commits once, and returns the providers that had errors. Repeating a commit that was applied although it seemed to fail is harmless: statuses change by
    /// compare-and-set, and a task that is completed is not completed, nor continued, a second time.
    async fn try_commit(
        &self,
        writes: &PendingWrites,
        handover: Option<&Handover>,
    ) -> Result<(bool, Vec<String>), store::Error> {
        let mut tx = self.app.write().await?;
        let mut pools = self.write(&mut tx, writes).await?;
        let mut is_held = true;
        if let Some(Handover { tasks, keeps }) = handover {
            is_held = match keeps {
                Some(payload) => self.task.replace_payload(&mut tx, payload).await?,
                None => self.task.complete(&mut tx).await?,
            };
            // If the lease was lost, the other worker continues the batch, and these tasks would repeat its work.
            if is_held {
                pools.extend(tasks.iter().map(|task| task.pool));
                tx.enqueue(tasks.clone()).await?;
            }
        }
        // Last, because processes wait for each other at these few rows.
        let now = self.app.clock.now();
        let failing = balance::count_errors(&mut tx, self.channel, &writes.attempts, now).await?;
        self.app.commit_and_notify(tx, &pools).await?;
        Ok((is_held, failing))
    }

    /// Writes results with the tasks that they make necessary, and returns the pools of these tasks.
    async fn write(
        &self,
        tx: &mut Tx,
        writes: &PendingWrites,
    ) -> Result<Vec<&'static str>, store::Error> {
        let now = self.app.clock.now();
        for poisoned in &writes.poisoned {
            poisoned.dead_letter(tx, now).await?;
        }
        let updates = writes.updates();
        let applied = callbacks::apply_updates(self.app, tx, &updates, now).await?;
        store::notifications::set_billable_units(tx, &writes.units).await?;
        store::attempts::complete(tx, &writes.attempts).await?;
        store::attempts::delete(tx, &writes.not_called).await?;
        let mut pools = applied.pools.to_vec();
        let simulated: Vec<NotificationId> =
            receipts::awaiting_simulated_receipt(&updates).collect();
        if simulated.is_empty() {
            return Ok(pools);
        }
        let id = TaskId::generate(now, self.app.random());
        let task = tasks::simulated_receipts(id, self.tenant.service.id, &simulated, now);
        pools.push(task.pool);
        tx.enqueue(vec![task]).await?;
        Ok(pools)
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
        Ok(BatchEnd::Finished)
    }
}
