//! Cancelling a job that is paused because it is wrong, and letters that their print provider may have accepted
//! (`docs/spec/workers.md` §4.4, `docs/spec/letters.md` §12). Stored rows of a job are sent, the others never are; a
//! letter that may be printed is never called cancelled.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use app::manage::services::NewService;
use domain::{Allowance, Channel, Clock as _, NotificationId, Permission, UtcDay};
use pillarbox_stories::{Behaviour, Gate, SeededRandom, TestResponse, TestService, World};
use queue::{ClaimLimits, DatabaseSource, Pool, TaskContext, TaskHandler as _, TaskSource as _};
use serde_json::{Value, json};

use crate::jobs::{JOBS, count, people};

const LETTERS: Pool = Pool {
    name: "send-letter-tasks",
    workers: 1,
};
/// Delay until a letter that was not accepted is retried.
const RETRY: Duration = Duration::from_secs(301);
const TOO_LATE: &str = "It’s too late to cancel sending, these letters have already been sent.";

async fn change(world: &World, service: &TestService, job: &str, how: &str) -> TestResponse {
    let path = format!("/service/{}/job/{job}/{how}", service.id);
    world.internal_request("POST", &path, "").await
}

async fn spent(world: &World, service: &TestService, allowance: Allowance) -> i64 {
    spent_on(world, service, allowance, world.clock.now().utc_day()).await
}

async fn spent_on(world: &World, service: &TestService, allowance: Allowance, day: UtcDay) -> i64 {
    let mut session = world.app.read().await.unwrap();
    let spent = store::counters::find_spent(&mut session, service.id, allowance, day);
    spent.await.unwrap()
}

/// Claims a task for the story to run. It is asked to stop, so that a job ends after one batch.
async fn take(world: &World, pool: &str, is_asked_to_stop: bool) -> TaskContext {
    let (store, clock) = (world.app.store().clone(), world.clock.clone());
    let source = DatabaseSource::new(store, clock, Arc::new(SeededRandom::new(23)));
    let lease = Duration::from_secs(30);
    let taken = source
        .claim(pool, 1, &ClaimLimits::uniform(1), lease)
        .await
        .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    if is_asked_to_stop {
        stop.cancel();
    }
    TaskContext::new(taken[0].clone(), stop)
}

/// Creates a job of 2,500 rows that is paused after a thousand, with its worker still running.
async fn paused_job(world: &World, service: &TestService) -> (String, TaskContext) {
    let job = world.job(service.id, service.sms, people(2500)).await;
    let task = take(world, JOBS.name, true).await;
    world.app.handle(&task).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["rows_kept"], 1000);
    assert_eq!(spent(world, service, Allowance::Sms).await, 2500);
    assert_eq!(change(world, service, &job, "pause").await.status, 200);
    (job, task)
}

async fn assert_cancelled_after_a_thousand(world: &World, service: &TestService, job: &str) {
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    world.advance(Duration::from_mins(40));
    world.run_schedule().await;
    let status = world.job_status(service.id, job).await;
    let expected = "1000 of its 2500 rows were kept, and are sent; the other 1500 are not";
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("cancelled"), &json!(expected))
    );
    assert_eq!(
        (&status["rows_kept"], count(&status, "sending")),
        (&json!(1000), 1000)
    );
    assert_eq!(world.sms.accepted().len(), 1000);
    assert_eq!(spent(world, service, Allowance::Sms).await, 1000);
}

#[tokio::test]
async fn cancelling_a_paused_job_sends_its_written_rows_and_refunds_the_rest() {
    let world = World::new().await;
    let (service, other) = (world.service("Ours").await, world.service("Other").await);
    let (job, _worker) = paused_job(&world, &service).await;
    let theirs = change(&world, &other, &job, "cancel").await;
    assert_eq!(theirs.status, 404, "another service's");

    let cancelled = change(&world, &service, &job, "cancel").await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    assert_eq!(cancelled.data()["job_status"], "cancelled");
    assert!(cancelled.data()["processing_finished"].is_string());
    let again = change(&world, &service, &job, "cancel").await;
    assert_eq!((again.status.as_u16(), again.data()), (404, &Value::Null));
    for how in ["pause", "resume"] {
        let refused = change(&world, &service, &job, how).await;
        assert_eq!(refused.status, 409, "{how}: {}", refused.text);
    }
    let redo = change(&world, &service, &job, "row/2000").await;
    assert!(redo.message().contains("cancelled"), "{}", redo.text);
    assert_cancelled_after_a_thousand(&world, &service, &job).await;
}

#[tokio::test]
async fn cancelling_a_job_paused_before_its_first_row_costs_nothing() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3)).await;
    let at_work = change(&world, &service, &job, "cancel").await;
    assert_eq!(at_work.status, 404);
    assert!(at_work.message().contains("once it is paused"));
    change(&world, &service, &job, "pause").await;
    let cancelled = change(&world, &service, &job, "cancel").await;
    assert_eq!(
        cancelled.data()["problem"],
        "none of its 3 rows was kept: nothing is sent"
    );
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 0);
    assert_eq!(spent(&world, &service, Allowance::Sms).await, 0);
}

#[tokio::test]
async fn cancelling_a_job_refunds_the_day_that_its_quota_was_spent_on() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let monday = world.clock.now().utc_day();
    let (job, _worker) = paused_job(&world, &service).await;
    world.advance(Duration::from_hours(24));
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let cancelled = change(&world, &service, &job, "cancel").await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    let allowance = Allowance::Sms;
    assert_eq!(spent_on(&world, &service, allowance, monday).await, 1000);
    assert_eq!(spent(&world, &service, allowance).await, 1);
    world.run_tasks().await;
}

/// Begins after midnight a job that was due before, pauses it for a day, and continues it for another thousand rows.
#[tokio::test]
async fn a_job_that_crossed_midnight_refunds_the_day_on_which_it_began() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    // Ten minutes to midnight.
    world.advance(Duration::from_mins(14 * 60 + 50));
    let due_on = world.clock.now().utc_day();
    let job = world.job(service.id, service.sms, people(3500)).await;
    world.advance(Duration::from_mins(20));
    for (days, rows) in [(0, 1000), (1, 2000)] {
        world.advance(Duration::from_hours(24 * days));
        change(&world, &service, &job, "resume").await;
        let task = take(&world, JOBS.name, true).await;
        world.app.handle(&task).await;
        change(&world, &service, &job, "pause").await;
        let status = world.job_status(service.id, &job).await;
        assert_eq!(status["rows_kept"], rows);
        world.advance(Duration::from_secs(31));
        world.run_tasks().await;
    }
    world.advance(Duration::from_hours(24));
    let cancelled = change(&world, &service, &job, "cancel").await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    for (day, expected) in [(0, 0), (1, 2000), (2, 0), (3, 0)] {
        let day = due_on.plus_days(day);
        let found = spent_on(&world, &service, Allowance::Sms, day).await;
        assert_eq!(found, expected, "{day}");
    }
}

#[tokio::test]
async fn letters_cancelled_the_next_day_are_refunded_to_the_day_they_were_accepted_on() {
    let world = World::new().await;
    let (service, letter) = service_with_letters(&world).await;
    world.letter.set_behaviour(Behaviour::BeUnavailable);
    // 22:00, after that day's print run: these letters can be cancelled until the next afternoon.
    world.advance(Duration::from_hours(13));
    let yesterday = world.clock.now().utc_day();
    let (one, kept) = (
        post_letter(&world, &service, letter).await,
        post_letter(&world, &service, letter).await,
    );
    let people = "address line 1,address line 2,postcode,name\nAda,1 Mill Lane,sw1a1aa,Ada\n\
                  Bob,2 Mill Lane,sw1a1aa,Bob\nCy,3 Mill Lane,sw1a1aa,Cy\n";
    let job = world.job(service.id, letter, people).await;
    world.run_tasks().await;
    world.advance(Duration::from_mins(150));
    world.run_schedule().await;
    let today = post_letter(&world, &service, letter).await;
    let spent_yesterday = || spent_on(&world, &service, Allowance::Letter, yesterday);
    assert_eq!(spent_yesterday().await, 5);

    assert_eq!(cancel_letter(&world, &service, &one).await.status, 200);
    assert_eq!(spent_yesterday().await, 4);
    let status = world.job_status(service.id, &job).await;
    let created = status["created_at"].as_str().unwrap().parse().unwrap();
    let origin = domain::JobOrigin {
        job: job.parse().unwrap(),
        service: service.id,
        due: created,
    };
    let row = origin.row(0).to_string();
    assert_eq!(cancel_letter(&world, &service, &row).await.status, 200);
    assert_eq!(spent_yesterday().await, 3);
    let cancelled = change(&world, &service, &job, "cancel-letter-job").await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    assert_eq!(spent_yesterday().await, 1, "the letter that is kept");
    assert_eq!(spent(&world, &service, Allowance::Letter).await, 1);
    for id in [kept, today] {
        assert_eq!(cancel_letter(&world, &service, &id).await.status, 200);
    }
    assert_eq!(spent_yesterday().await, 0);
    assert_eq!(spent(&world, &service, Allowance::Letter).await, 0);
    world.advance(RETRY);
    world.run_tasks().await;
}

#[tokio::test]
async fn cancelling_a_test_job_refunds_no_quota() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let rows = json!([
        ["phone number", "name", "day"],
        ["07700900123", "Ada", "Friday"]
    ]);
    let order = json!({"name": "Bins", "template_id": service.sms, "rows": rows});
    let made = world
        .post(&service.test, "/v2/notifications/bulk", &order)
        .await;
    let job = made.json["id"].as_str().unwrap().to_owned();
    change(&world, &service, &job, "pause").await;
    let path = format!("/v2/jobs/{job}");
    let token = world.token(&service.id.to_string(), &service.test.secret);
    let cancelled = world.request("DELETE", &path, Some(&token), "").await;
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.json["status"]),
        (200, &json!("cancelled"))
    );
    world.run_tasks().await;
    assert_eq!(spent(&world, &service, Allowance::Sms).await, 0);
}

#[tokio::test]
async fn a_paused_job_is_cancelled_and_refunded_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (job, _worker) = paused_job(&world, &service).await;
    let answers = tokio::join!(
        change(&world, &service, &job, "cancel"),
        change(&world, &service, &job, "cancel"),
        change(&world, &service, &job, "cancel")
    );
    let mut statuses = [&answers.0, &answers.1, &answers.2].map(|one| one.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404, 404]);
    assert_cancelled_after_a_thousand(&world, &service, &job).await;
}

#[tokio::test]
async fn cancelling_and_resuming_at_once_has_one_winner() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for round in 0..6 {
        let job = world.job(service.id, service.sms, people(3)).await;
        change(&world, &service, &job, "pause").await;
        let cancel = change(&world, &service, &job, "cancel");
        let resume = change(&world, &service, &job, "resume");
        let (cancelled, resumed) = if round % 2 == 0 {
            futures::future::join(cancel, resume).await
        } else {
            let (resumed, cancelled) = futures::future::join(resume, cancel).await;
            (cancelled, resumed)
        };
        let answers = (cancelled.status.as_u16(), resumed.status.as_u16());
        world.run_tasks().await;
        let status = world.job_status(service.id, &job).await;
        let ends = (status["job_status"].as_str().unwrap(), answers);
        assert!(
            matches!(ends, ("cancelled", (200, 409)) | ("finished", (404, 200))),
            "round {round}: {ends:?}"
        );
    }
    let kept = i64::try_from(world.sms.accepted().len()).unwrap();
    assert_eq!(spent(&world, &service, Allowance::Sms).await, kept);
}

#[tokio::test]
async fn cancelling_a_job_stops_the_worker_that_runs_it() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    for _ in 0..4 {
        let job = world.job(service.id, service.sms, people(2500)).await;
        let worker = tokio::spawn({
            let world = world.clone();
            async move { world.runner().drain(&[JOBS]).await }
        });
        let cancelled = loop {
            change(&world, &service, &job, "pause").await;
            let cancelled = change(&world, &service, &job, "cancel").await;
            let status = world.job_status(service.id, &job).await;
            if cancelled.status == 200 || status["job_status"] == "finished" {
                break cancelled;
            }
        };
        let then = world.job_status(service.id, &job).await["rows_kept"].clone();
        worker.await.unwrap();
        world.advance(Duration::from_secs(10));
        world.run_tasks().await;
        let status = world.job_status(service.id, &job).await;
        assert_eq!(status["rows_kept"], then, "{status}");
        if cancelled.status == 200 {
            assert_eq!(status["job_status"], "cancelled");
        }
    }
    let kept = i64::try_from(world.sms.accepted().len()).unwrap();
    assert_eq!(spent(&world, &service, Allowance::Sms).await, kept);
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_job_that_cannot_be_repaired_can_be_cancelled() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    std::fs::remove_file(world.files().join(&file)).unwrap();
    world.expect_dead_letters();
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "error"
    );
    let cancelled = change(&world, &service, &job, "cancel").await;
    assert_eq!(cancelled.data()["job_status"], "cancelled");
    assert_eq!(spent(&world, &service, Allowance::Sms).await, 0);
    let dead = world.internal_request("GET", "/queue/dead", "").await;
    let task = dead.data()[0]["id"].as_str().unwrap().to_owned();
    let replay = format!("/queue/dead/{task}/replay");
    assert_eq!(
        world.internal_request("POST", &replay, "").await.status,
        202,
        "replayed, it finds nothing to do"
    );
    world.advance(Duration::from_hours(5));
    world.run_schedule().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "cancelled"
    );
}

async fn service_with_letters(world: &World) -> (TestService, domain::TemplateId) {
    let new = NewService {
        rate_limit: 100_000,
        permissions: [Permission::Letter].into(),
        ..NewService::named("Riverside Council")
    };
    let service = world.service_with(new).await;
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: "Dear ((name))".to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service.id, new).await;
    (service, made.unwrap().id)
}

async fn post_letter(world: &World, service: &TestService, letter: domain::TemplateId) -> String {
    let body = json!({"template_id": letter, "personalisation": {
        "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "sw1a1aa", "name": "Ada",
    }});
    let made = world
        .post(&service.normal, "/v2/notifications/letter", &body)
        .await;
    made.json["id"].as_str().unwrap().to_owned()
}

async fn cancel_letter(world: &World, service: &TestService, id: &str) -> TestResponse {
    let path = format!("/service/{}/notifications/{id}/cancel", service.id);
    world.internal_request("POST", &path, "").await
}

async fn assert_cannot_be_cancelled(world: &World, service: &TestService, id: &str) {
    let refused = cancel_letter(world, service, id).await;
    let why = "It’s too late to cancel this letter. Printing started today at 5.30pm";
    assert_eq!((refused.status.as_u16(), refused.message()), (400, why));
}

async fn kept_status(world: &World, service: &TestService, id: &str) -> String {
    let id: NotificationId = id.parse().unwrap();
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id).await;
    found.unwrap().unwrap().status.to_string()
}

#[tokio::test]
async fn a_letter_whose_printer_did_not_respond_cannot_be_cancelled() {
    let world = World::new().await;
    let (service, letter) = service_with_letters(&world).await;
    // The provider's reply is lost, then it is unavailable: it may have the letter.
    world
        .letter
        .queue_behaviours([Behaviour::AcceptSilently, Behaviour::BeUnavailable]);
    let id = post_letter(&world, &service, letter).await;
    world.print_letters().await;
    for _ in 0..2 {
        assert_cannot_be_cancelled(&world, &service, &id).await;
        assert_eq!(spent(&world, &service, Allowance::Letter).await, 1);
        world.advance(RETRY);
        world.run_tasks().await;
    }
    assert_eq!(kept_status(&world, &service, &id).await, "sending");
    let handed = world.letter.accepted();
    assert_eq!(handed.len(), 2);
    assert_eq!(handed[0].reference, handed[1].reference);
}

#[tokio::test]
async fn a_claimed_letter_whose_printer_was_away_cannot_be_cancelled() {
    let world = World::new().await;
    let (service, letter) = service_with_letters(&world).await;
    world.letter.queue_behaviours([Behaviour::BeUnavailable]);
    let id = post_letter(&world, &service, letter).await;
    world.print_letters().await;
    assert_cannot_be_cancelled(&world, &service, &id).await;
    assert_eq!(spent(&world, &service, Allowance::Letter).await, 1);
    world.advance(RETRY);
    world.run_tasks().await;
    assert_eq!(world.letter.accepted().len(), 1);
}

#[tokio::test]
async fn a_letter_whose_worker_died_while_sending_cannot_be_cancelled() {
    let world = World::new().await;
    let (service, letter) = service_with_letters(&world).await;
    let gate = Arc::new(Gate::default());
    world.letter.set_behaviour(Behaviour::WaitAt(gate.clone()));
    let id = post_letter(&world, &service, letter).await;
    world.claim_letters().await;
    let task = take(&world, LETTERS.name, false).await;
    tokio::select! {
        _ = world.app.handle(&task) => panic!("the printer has not answered"),
        () = gate.arrived.notified() => {}
    }
    // The worker is dead: its lease expires, and no other worker has claimed its task yet.
    world.advance(Duration::from_secs(31));
    assert_cannot_be_cancelled(&world, &service, &id).await;
    world.letter.reset_behaviour();
    world.run_tasks().await;
    assert_eq!(kept_status(&world, &service, &id).await, "sending");
}

#[tokio::test]
async fn a_letter_job_with_one_letter_at_the_printer_cannot_be_cancelled() {
    let world = World::new().await;
    let (service, letter) = service_with_letters(&world).await;
    world.letter.set_behaviour(Behaviour::BeUnavailable);
    world.letter.queue_behaviours([Behaviour::AcceptSilently]);
    let mut file = "address line 1,address line 2,postcode,name\n".to_owned();
    for row in 0..3 {
        let _ = writeln!(file, "Ada,{row} Mill Lane,sw1a1aa,Ada");
    }
    let job = world.job(service.id, letter, file).await;
    world.print_letters().await;
    world.advance(Duration::from_secs(61));
    world.run_schedule().await;
    let refused = change(&world, &service, &job, "cancel-letter-job").await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, TOO_LATE)
    );
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "created"), 3, "none is cancelled");
    assert_eq!(spent(&world, &service, Allowance::Letter).await, 3);
    world.letter.reset_behaviour();
    world.advance(RETRY);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "sending"), 3);
}
