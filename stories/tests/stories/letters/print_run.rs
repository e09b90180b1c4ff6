//! The nightly print run: letters wait until half past five in local time, are claimed once, and handed over once
//! (`docs/spec/letters.md` §7, §12).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use app::letters::print_run;
use domain::{Clock as _, Lane, NotificationId, NotificationStatus as S, TaskId, Timestamp};
use pillarbox_stories::{Behaviour, SeededRandom, TestResponse, TestService, World};
use queue::{ClaimLimits, DatabaseSource, Enqueue as _, NewTask, TaskContext, TaskHandler as _};
use serde_json::json;

use super::{id_of, kept, post, service, template, to_ada};
use crate::auditors::lose_tasks;

const TOO_LATE: &str = "It’s too late to cancel this letter. Printing started today at 5.30pm";

struct Council {
    world: World,
    service: TestService,
    letter: domain::TemplateId,
}

impl Council {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut app::Settings)) -> Self {
        let world = World::with(|settings, _| change(settings)).await;
        let service = service(&world, "Riverside Council").await;
        let letter = template(&world, service.id).await;
        Self {
            world,
            service,
            letter,
        }
    }

    fn until(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.world.advance(time.since(self.world.clock.now()));
    }

    async fn post(&self) -> NotificationId {
        id_of(&post(&self.world, &self.service.normal, &to_ada(self.letter)).await)
    }

    /// Posts a letter and makes its pages.
    async fn post_and_make(&self) -> NotificationId {
        let id = self.post().await;
        self.world.run_tasks().await;
        assert_eq!(self.status(id).await, S::Created);
        id
    }

    /// Lets the clock fire at this time.
    async fn run_schedule_at(&self, time: &str) {
        self.until(time);
        self.world.run_schedule().await;
    }

    async fn status(&self, id: NotificationId) -> S {
        kept(&self.world, &self.service, id).await.status
    }

    async fn cancel(&self, id: NotificationId) -> TestResponse {
        let path = format!("/service/{}/notifications/{id}/cancel", self.service.id);
        self.world.internal_request("POST", &path, "").await
    }

    fn printed(&self) -> Vec<NotificationId> {
        let accepted = self.world.letter.accepted();
        let ids = accepted
            .iter()
            .map(|letter| NotificationId::from_uuid(letter.id));
        ids.collect()
    }

    async fn claimed(&self) -> u64 {
        let runs = print_run::list(&self.world.app, 10).await.unwrap();
        let volumes = runs.iter().flat_map(|run| run.volumes.values());
        volumes
            .flat_map(|classes| classes.values())
            .map(|one| one.letters)
            .sum()
    }
}

#[tokio::test]
async fn letters_wait_for_half_past_five_in_local_time() {
    let council = Council::new().await;
    let morning = council.post_and_make().await;
    council.until("2026-03-02T17:29:59Z");
    let last = council.post_and_make().await;
    council.until("2026-03-02T17:30:00Z");
    let late = council.post_and_make().await;
    assert_eq!(council.printed(), [], "no letter leaves before the run");

    // In winter the clock's first time is an hour too early.
    council.run_schedule_at("2026-03-02T17:50:00Z").await;
    let printed: BTreeSet<_> = council.printed().into_iter().collect();
    assert_eq!(printed, BTreeSet::from([morning, last]));
    assert_eq!(council.status(morning).await, S::Sending);
    assert_eq!(council.status(late).await, S::Created);

    council.run_schedule_at("2026-03-03T16:50:00Z").await;
    assert_eq!(council.printed().len(), 2);
    council.run_schedule_at("2026-03-03T17:50:00Z").await;
    assert_eq!(council.status(late).await, S::Sending);
}

#[tokio::test]
async fn the_print_run_follows_summer_time() {
    let council = Council::new().await;
    council.until("2026-07-01T16:29:59Z");
    let early = council.post_and_make().await;
    council.until("2026-07-01T16:30:00Z");
    let late = council.post_and_make().await;
    council.run_schedule_at("2026-07-01T16:50:00Z").await;
    assert_eq!(council.printed(), [early]);
    // 18:50 in London: the window has closed.
    council.run_schedule_at("2026-07-01T17:50:00Z").await;
    assert_eq!(council.printed(), [early]);
    council.run_schedule_at("2026-07-02T16:50:00Z").await;
    assert_eq!(council.printed(), [early, late]);
}

#[tokio::test]
async fn a_run_that_no_process_started_starts_late() {
    let council = Council::new().await;
    let letter = council.post_and_make().await;
    // Nothing ran in the evening. Next day the clock fires an hour before the window.
    council.run_schedule_at("2026-03-03T16:50:00Z").await;
    assert_eq!(council.printed(), [letter]);
}

#[tokio::test]
async fn a_letter_cancelled_just_before_the_run_is_not_printed() {
    let council = Council::new().await;
    let (cancelled, printed) = (council.post_and_make().await, council.post_and_make().await);
    council.until("2026-03-02T17:29:59Z");
    assert_eq!(council.cancel(cancelled).await.status, 200);
    council.run_schedule_at("2026-03-02T17:50:00Z").await;
    assert_eq!(council.printed(), [printed]);
    let row = kept(&council.world, &council.service, cancelled).await;
    assert_eq!((row.status, row.billable_units), (S::Cancelled, 0));
    assert_eq!(council.cancel(printed).await.message(), TOO_LATE);
}

#[tokio::test]
async fn a_claimed_letter_cannot_be_cancelled_and_a_cancelled_one_is_not_claimed() {
    let council = Council::new().await;
    for _ in 0..8 {
        let id = council.post_and_make().await;
        // An operator lets the run happen early, at the very moment at which the service cancels.
        let run = council.world.claim_letters();
        let (cancelled, ()) = tokio::join!(council.cancel(id), run);
        council.world.run_tasks().await;
        let is_printed = council.printed().contains(&id);
        let outcome = (cancelled.status.as_u16(), council.status(id).await);
        let expected = if is_printed {
            (400, S::Sending)
        } else {
            (200, S::Cancelled)
        };
        assert_eq!(outcome, expected, "{}", cancelled.text);
    }
}

#[tokio::test]
async fn two_runs_at_once_hand_over_each_letter_once() {
    let council = Council::with(|settings| settings.print_portion = 3).await;
    for _ in 0..20 {
        council.post().await;
    }
    council.world.run_tasks().await;
    // Two deadlines, so that both runs are in the queue.
    for _ in 0..2 {
        let now = council.world.clock.now();
        print_run::start(&council.world.app, Some(now))
            .await
            .unwrap();
    }
    let other = council.world.another_process();
    let runner = other.runner(queue::RunnerSettings::default());
    tokio::join!(council.world.run_tasks(), runner.drain(app::tasks::POOLS));
    council.world.run_tasks().await;
    let printed = council.printed();
    let distinct: BTreeSet<_> = printed.iter().collect();
    assert_eq!((printed.len(), distinct.len()), (20, 20));
    assert_eq!(council.claimed().await, 20);
}

#[tokio::test]
async fn a_run_killed_between_portions_goes_on_where_it_stopped() {
    let council = Council::with(|settings| settings.print_portion = 2).await;
    for _ in 0..12 {
        council.post().await;
    }
    council.world.run_tasks().await;
    let now = council.world.clock.now();
    print_run::start(&council.world.app, Some(now))
        .await
        .unwrap();
    let (store, clock) = (
        council.world.app.store().clone(),
        council.world.clock.clone(),
    );
    let source = DatabaseSource::new(store, clock, Arc::new(SeededRandom::new(23)));
    let (lease, limits) = (Duration::from_secs(30), ClaimLimits::uniform(1));
    let taken = queue::TaskSource::claim(&source, "periodic-tasks", 1, &limits, lease).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let task = TaskContext::new(taken.unwrap()[0].clone(), stop);
    let killed = async {
        while council.claimed().await < 4 {
            tokio::task::yield_now().await;
        }
    };
    // Dropped in the middle, as the process that dies.
    tokio::select! {
        biased;
        () = killed => {}
        _ = council.world.app.handle(&task) => {}
    }
    council.world.advance(Duration::from_secs(31));
    council.world.run_tasks().await;
    let printed = council.printed();
    let distinct: BTreeSet<_> = printed.iter().collect();
    assert_eq!((printed.len(), distinct.len()), (12, 12));
    assert_eq!(council.claimed().await, 12);
}

#[tokio::test]
async fn a_rerun_after_midnight_takes_the_letters_of_the_day_before() {
    let council = Council::new().await;
    let left = council.post_and_make().await;
    council.until("2026-03-02T18:10:00Z");
    let evening = council.post_and_make().await;
    council.until("2026-03-03T00:10:00Z");
    let answer = council
        .world
        .internal_request("POST", "/letters/print-runs", "{}")
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(
        answer.data()["deadline"],
        json!("2026-03-02T17:30:00.000000Z")
    );
    council.world.run_tasks().await;
    assert_eq!(council.printed(), [left]);
    let tomorrow = json!({"deadline": "2026-03-03T17:30:00Z"}).to_string();
    let early = council
        .world
        .internal_request("POST", "/letters/print-runs", tomorrow)
        .await;
    assert_eq!(early.status, 400, "{}", early.text);
    assert_eq!(council.status(evening).await, S::Created);
    let listed = council
        .world
        .internal_request("GET", "/letters/print-runs", "")
        .await;
    let run = &listed.data()[0];
    assert_eq!(
        (&run["letters"], &run["not_handed_over"]),
        (&json!(1), &json!(0))
    );
    assert!(run["finished_at"].is_string(), "{run}");
}

#[tokio::test]
async fn letters_whose_pages_are_not_made_wait_for_the_next_run() {
    let council = Council::new().await;
    let made = council.post_and_make().await;
    let unmade = council.post().await;
    let now = council.world.clock.now();
    print_run::start(&council.world.app, Some(now))
        .await
        .unwrap();
    council.world.run_periodic_tasks().await;
    assert_eq!(council.claimed().await, 1);
    council.world.run_tasks().await;
    assert_eq!(council.printed(), [made]);
    assert_eq!(council.status(unmade).await, S::Created);
    council.world.print_letters().await;
    assert_eq!(council.printed(), [made, unmade]);
}

#[tokio::test]
async fn a_letter_that_an_older_version_was_sending_waits_for_the_run() {
    let council = Council::new().await;
    let id = council.post().await;
    assert_eq!(
        lose_tasks(&council.world, "create-letters-pdf-tasks").await,
        1
    );
    let now = council.world.clock.now();
    let old = NewTask {
        id: TaskId::generate(now, council.world.app.random()),
        pool: "send-letter-tasks",
        lane: Lane::Normal,
        service_id: council.service.id,
        kind: "deliver_letter.v1",
        payload: json!({"ids": [id]}).to_string(),
        subjects: None,
        attempt: 7,
        ready_at: now,
        created_at: now,
    };
    let mut tx = council.world.app.store().write().await.unwrap();
    tx.enqueue(vec![old]).await.unwrap();
    tx.commit().await.unwrap();
    council.world.run_tasks().await;
    let row = kept(&council.world, &council.service, id).await;
    assert_eq!((row.status, row.billable_units), (S::Created, 1));
    assert_eq!(council.printed(), []);
    council.world.print_letters().await;
    assert_eq!(council.printed(), [id]);
}

#[tokio::test]
async fn a_claimed_letter_that_lost_its_task_is_enqueued_again() {
    let council = Council::new().await;
    let lost = council.post_and_make().await;
    council.world.claim_letters().await;
    assert_eq!(lose_tasks(&council.world, "send-letter-tasks").await, 1);
    let later = council.post_and_make().await;
    council.world.advance(Duration::from_mins(75));
    council.world.run_schedule().await;
    assert_eq!(council.printed(), [lost]);
    assert_eq!(
        council.status(later).await,
        S::Created,
        "it waits for the run, and is not stuck"
    );
}

#[tokio::test]
async fn a_claimed_letter_stays_claimed_while_its_printer_is_away() {
    let council = Council::new().await;
    let id = council.post_and_make().await;
    council.world.letter.set_behaviour(Behaviour::BeUnavailable);
    council.world.print_letters().await;
    assert_eq!(council.status(id).await, S::Created);
    assert_eq!(council.cancel(id).await.message(), TOO_LATE);
    council.world.letter.reset_behaviour();
    council.world.advance(Duration::from_secs(181));
    council.world.run_tasks().await;
    assert_eq!(council.printed(), [id]);
}
