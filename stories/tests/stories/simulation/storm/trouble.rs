//! What goes wrong in a storm.

use std::time::Duration;

use domain::{Channel, Clock as _, Lane, NotificationId, TaskId};
use queue::{Enqueue as _, NewTask};
use rand::RngExt as _;
use serde_json::json;
use stories::Mood;

use super::{
    super::{faults::FAULTS, promises, worker::Worker},
    A_WHOLE_TASK, PAST_THE_LEASE, Storm,
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

    /// All workers of a process die with all that it remembers, and it is started again. Who sees that it is dead takes
    /// back what it had in hand.
    pub(super) async fn a_process_dies(&mut self) {
        let dead = self.rng.random_range(0..self.runners.len());
        self.tell(format_args!("dies: process {dead}"));
        self.workers.retain(|worker| worker.process != Some(dead));
        self.settle().await;
        let process = self.world.another_process();
        let started = process.runner(queue::Settings::default());
        let dead = std::mem::replace(&mut self.runners[dead], started).worker();
        self.sum.kills += 1;
        self.excuse_what_is_in_the_window().await;
        let sum = self.taken_back.clone();
        self.begins("takes back", async move {
            // Of a broken store nothing is taken back: it waits for the ends of its leases.
            sum.set(sum.get() + process.take_back_from(dead).await.unwrap_or(0));
        });
    }

    /// Whoever holds a lease has lost it, and does not know.
    pub(super) async fn the_clock_jumps(&mut self, by: Duration) {
        self.tell(format_args!("the clock jumps by {} s", by.as_secs()));
        self.world.advance(by);
        self.sum.jumps += 1;
        self.excuse_what_is_in_the_window().await;
    }

    /// Whoever holds a lease loses it, and another takes over and is done before the first goes on.
    pub(super) async fn somebody_is_overtaken(&mut self) {
        self.the_clock_jumps(PAST_THE_LEASE).await;
        let at_work = |worker: &Worker| Some((worker.name, worker.process?));
        let at_work: Vec<_> = self.workers.iter().filter_map(at_work).collect();
        if at_work.is_empty() {
            return;
        }
        let (pool, process) = at_work[self.rng.random_range(0..at_work.len())];
        self.a_worker_begins_at(pool, (process + 1) % self.runners.len());
        self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
    }

    /// A message that was handed over and is not recorded yet may be handed over once more.
    pub(super) async fn excuse_what_is_in_the_window(&mut self) {
        let unrecorded = promises::unrecorded(self.ground).await;
        for (id, handed) in promises::hand_overs(&self.world) {
            if unrecorded.contains(&id) {
                let excused = self.excused.entry(id).or_default();
                *excused = (*excused).max(handed);
            }
        }
    }

    /// The same job or the same messages in a second task. Our own queue never has a message in two tasks at once; a
    /// process knows what it has in hand, but two of them would both hand it over, so only one is tried with that.
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
            id: TaskId::mint(now, self.world.app.entropy()),
            pool,
            lane: Lane::Bulk,
            service_id: self.council.id,
            kind,
            payload: payload.to_string(),
            attempt: 0,
            ready_at: now.plus(Duration::from_secs(self.rng.random_range(0..40))),
            created_at: now,
        };
        self.tell(format_args!("{kind} comes once more"));
        let mut tx = self.world.app.store().write().await.unwrap();
        tx.enqueue(vec![task]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// All messages that were accepted and travel so.
    pub(super) async fn delivery(
        &self,
        (pool, kind, channel): (&'static str, &'static str, Channel),
    ) -> (&'static str, &'static str, serde_json::Value) {
        let ids: Vec<NotificationId> = self.accepted.borrow().iter().copied().collect();
        let ids = promises::of_channel(self.ground, &ids, channel).await;
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
        self.ground
            .run(format!("INSERT INTO refused VALUES ('{fault}', {spared})"))
            .await;
        self.is_broken = true;
        self.sum.faults += 1;
    }

    pub(super) async fn mend(&mut self) {
        self.tell("the store is mended");
        self.ground.run("DELETE FROM refused").await;
        self.is_broken = false;
        self.excuse_what_is_in_the_window().await;
    }

    pub(super) fn a_provider_misbehaves(&mut self) {
        let mood = match self.rng.random_range(0..4) {
            0 => Mood::IsAway,
            1 => Mood::RefusesRecipient,
            _ => Mood::FallsSilent,
        };
        let times = self.rng.random_range(1..4);
        self.tell(format_args!("a provider {mood:?} {times} times"));
        let moods = std::iter::repeat_n(mood, times);
        if self.rng.random_bool(0.5) {
            self.world.sms.will_be(moods);
        } else {
            self.world.email.will_be(moods);
        }
    }
}
