//! Faults of a simulation.

use std::time::Duration;

use domain::{Channel, Clock as _, Lane, NotificationId, TaskId};
use pillarbox_stories::{Answer, Behaviour};
use queue::{Enqueue as _, NewTask};
use rand::RngExt as _;
use serde_json::json;

use super::{
    super::{faults::FAULTS, invariants, requests::Requester, worker::Worker},
    A_WHOLE_TASK, CALLBACK_URL, MAX_CALLBACK_FAILURES, PAST_THE_LEASE, Storm,
};

impl Storm<'_> {
    pub(super) async fn a_worker_dies(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let chosen = self.rng.random_range(0..self.workers.len());
        let dead = self.workers.swap_remove(chosen);
        self.tell(format_args!("dies: {}", dead.name));
        drop(dead);
        self.settle().await;
        self.sum.kills += 1;
        self.excuse_what_is_in_the_window().await;
    }

    /// Kills all workers of a process with everything that it remembers, and starts it again. Another process that
    /// sees this reclaims their tasks, now or later.
    pub(super) async fn a_process_dies(&mut self) {
        let dead = match self.somebody_at_work() {
            Some((_, _, process)) => process,
            None => self.rng.random_range(0..self.runners.len()),
        };
        self.tell(format_args!("dies: process {dead}"));
        self.workers.retain(|worker| worker.process != Some(dead));
        self.settle().await;
        let (slot, process) = (dead, self.world.another_process());
        let started = process.runner(queue::RunnerSettings::default());
        let dead = std::mem::replace(&mut self.runners[slot], started).worker();
        self.sum.kills += 1;
        self.excuse_what_is_in_the_window().await;
        let sum = self.taken_back.clone();
        self.begins("takes back", async move {
            // A broken store reclaims nothing: the leases have to expire.
            sum.set(sum.get() + process.reclaim_from_worker(dead).await.unwrap_or(0));
        });
        if self.rng.random_bool(0.5) {
            self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
            self.looks_where_others_are_at_work(slot).await;
        }
    }

    /// Removes the tasks of living workers from what a starting process reclaims.
    async fn looks_where_others_are_at_work(&mut self, process: usize) {
        if let Some((_, pool, _)) = self.somebody_at_work() {
            self.a_worker_begins_at(pool, process);
            self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
        }
    }

    /// Picks a worker with a task; returns its sender, pool and process.
    fn somebody_at_work(&mut self) -> Option<(Requester, &'static str, usize)> {
        let at_work = |worker: &Worker| Some((worker.asker, worker.name, worker.process?));
        let at_work: Vec<_> = self.workers.iter().filter_map(at_work).collect();
        (!at_work.is_empty()).then(|| at_work[self.rng.random_range(0..at_work.len())])
    }

    /// Expires every lease without notice to its holder.
    pub(super) async fn the_clock_jumps(&mut self, by: Duration) {
        self.tell(format_args!("the clock jumps by {} s", by.as_secs()));
        self.world.advance(by);
        self.sum.jumps += 1;
        self.excuse_what_is_in_the_window().await;
        // What was sent under a lost lease still arrives, and one more send may follow it.
        self.world.sms.mark_in_flight_late();
        self.world.email.mark_in_flight_late();
    }

    /// Takes the lease from a worker and lets another continue: before the first one goes on, or while it ends, with
    /// a third that reads what that has left.
    pub(super) async fn somebody_is_overtaken(&mut self) {
        self.the_clock_jumps(PAST_THE_LEASE).await;
        let Some((first, pool, process)) = self.somebody_at_work() else {
            return;
        };
        let other = (process + 1) % self.runners.len();
        self.is_started_anew(other);
        self.a_worker_begins_at(pool, other);
        if self.rng.random_bool(0.3) {
            return self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
        }
        self.goes_on_until_it_has_sent().await;
        let is_first = |worker: &Worker| worker.asker == first;
        if let Some(first) = self.workers.iter().position(is_first) {
            self.goes_on(first, A_WHOLE_TASK).await;
        }
        self.a_worker_begins_at(pool, process);
        self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
    }

    /// Advances the newest worker until a message is in flight to a provider.
    async fn goes_on_until_it_has_sent(&mut self) {
        let sent = |storm: &Self| storm.world.sms.in_flight() + storm.world.email.in_flight();
        let (before, workers) = (sent(self), self.workers.len());
        for _ in 0..A_WHOLE_TASK {
            if self.workers.len() < workers || sent(self) > before {
                return;
            }
            self.goes_on(workers - 1, 1).await;
        }
    }

    /// Allows one more send for each message that was sent and is not recorded yet.
    pub(super) async fn excuse_what_is_in_the_window(&mut self) {
        let unrecorded = invariants::unrecorded(self.shared_database).await;
        let late = invariants::late(&self.world);
        for (id, handed) in invariants::hand_overs(&self.world) {
            if unrecorded.contains(&id) {
                let excused = self.excused.entry(id).or_default();
                *excused = (*excused).max(handed - late.get(&id).copied().unwrap_or(0));
            }
        }
    }

    /// Enqueues a second task for the same job or messages. The queue never has a message in two tasks; a process
    /// knows what it is sending, but two processes would both send it, so only one is used.
    pub(super) async fn a_task_is_doubled(&mut self) {
        if self.is_broken {
            return;
        }
        self.let_all_go().await;
        let sms = ("send-sms-tasks", "deliver_sms.v1", Channel::Sms);
        let email = ("send-email-tasks", "deliver_email.v1", Channel::Email);
        let (pool, kind, payload) = match self.rng.random_range(0..3) {
            0 if self.runners.len() == 1 => self.delivery(sms).await,
            1 if self.runners.len() == 1 => self.delivery(email).await,
            _ => match self.jobs.first() {
                Some((job, _)) => ("job-tasks", "process-job.v1", json!({"job": job})),
                None => return,
            },
        };
        let now = self.world.clock.now();
        let task = NewTask {
            id: TaskId::generate(now, self.world.app.random()),
            pool,
            lane: Lane::Bulk,
            service_id: self.service.id,
            kind,
            payload: payload.to_string(),
            subjects: None,
            attempt: 0,
            ready_at: now.plus(Duration::from_secs(self.rng.random_range(0..40))),
            created_at: now,
        };
        self.tell(format_args!("{kind} comes once more"));
        let mut tx = self.world.app.store().write().await.unwrap();
        tx.enqueue(vec![task]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Returns all accepted messages of one channel.
    pub(super) async fn delivery(
        &self,
        (pool, kind, channel): (&'static str, &'static str, Channel),
    ) -> (&'static str, &'static str, serde_json::Value) {
        let ids: Vec<NotificationId> = self.accepted.borrow().iter().copied().collect();
        let ids = invariants::of_channel(self.shared_database, &ids, channel).await;
        (pool, kind, json!({"ids": ids}))
    }

    pub(super) async fn the_store_breaks_or_is_mended(&mut self) {
        self.let_all_go().await;
        if self.is_broken {
            self.mend().await;
            return;
        }
        let fault = FAULTS[self.rng.random_range(0..FAULTS.len())];
        let spared = self.rng.random_range(0..4);
        self.tell(format_args!("the store refuses {fault} but for {spared}"));
        self.shared_database
            .run(format!("INSERT INTO refused VALUES ('{fault}', {spared})"))
            .await;
        self.is_broken = true;
        self.sum.faults += 1;
    }

    pub(super) async fn mend(&mut self) {
        self.tell("the store is mended");
        self.shared_database.run("DELETE FROM refused").await;
        self.is_broken = false;
        self.excuse_what_is_in_the_window().await;
    }

    /// Lets the URL of callbacks fail once.
    fn a_callback_fails(&mut self) {
        self.callback_failures += 1;
        let answer = if self.rng.random_bool(0.5) {
            Answer::Break
        } else {
            Answer::Status(500, "")
        };
        self.tell(format_args!("a callback {answer:?}"));
        self.world.receiver.answers(CALLBACK_URL, [answer]);
    }

    pub(super) fn a_provider_misbehaves(&mut self) {
        if self.callback_failures < MAX_CALLBACK_FAILURES && self.rng.random_bool(0.3) {
            return self.a_callback_fails();
        }
        let mood = match self.rng.random_range(0..8) {
            0..2 => Behaviour::BeUnavailable,
            2 => Behaviour::RejectRecipient,
            3 => return self.a_provider_dies_or_comes_back(),
            4 => Behaviour::Hang,
            5 => return self.providers_answer(),
            _ => Behaviour::AcceptSilently,
        };
        let times = self.rng.random_range(1..4);
        self.tell(format_args!("a provider {mood:?} {times} times"));
        let moods = std::iter::repeat_n(mood, times);
        if self.rng.random_bool(0.5) {
            self.world.sms.queue_behaviours(moods);
        } else {
            self.world.email.queue_behaviours(moods);
        }
    }
    /// Makes a provider refuse every connection until it comes back.
    fn a_provider_dies_or_comes_back(&mut self) {
        let behaviour = if self.rng.random_bool(0.5) {
            Behaviour::BeUnavailable
        } else {
            Behaviour::Accept
        };
        self.tell(format_args!("a provider from now on: {behaviour:?}"));
        if self.rng.random_bool(0.5) {
            self.world.sms.set_behaviour(behaviour);
        } else {
            self.world.email.set_behaviour(behaviour);
        }
    }

    /// Lets providers that hang answer late.
    pub(super) fn providers_answer(&mut self) {
        self.tell("providers answer");
        self.world.sms.answer();
        self.world.email.answer();
    }
}
