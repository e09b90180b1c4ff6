//! The audits (`docs/spec/workers.md` §4.9 to §4.12, §13). What they search for should never exist, so each story
//! first breaks something in the database or the file storage and sees it repaired on the ordinary path. Pausing jobs
//! is here too.

use std::{sync::Arc, time::Duration};

use domain::{Clock as _, NotificationId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::jobs::{JOBS, count, interrupt_after, people};

const HALF_AN_HOUR: Duration = Duration::from_mins(31);
const PERIODIC: queue::Pool = queue::Pool {
    name: "periodic-tasks",
    workers: 1,
};

/// Removes the tasks of a pool from the queue, as if they were lost.
pub(crate) async fn lose_tasks(world: &World, pool: &str) -> usize {
    let entropy = Arc::new(pillarbox_stories::SeededRandom::new(11));
    let source =
        queue::DatabaseSource::new(world.app.store().clone(), world.clock.clone(), entropy);
    let lease = Duration::from_secs(30);
    let mut lost = 0;
    loop {
        let room = queue::ClaimLimits::uniform(16);
        let taken = queue::TaskSource::claim(&source, pool, 16, &room, lease)
            .await
            .unwrap();
        if taken.is_empty() {
            return lost;
        }
        for task in taken {
            assert!(queue::TaskSource::complete(&source, &task).await.unwrap());
            lost += 1;
        }
    }
}

/// Runs what the schedule enqueues at this minute, and nothing that it enqueues in turn.
async fn run_auditors(world: &World) {
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    world.runner().drain(&[PERIODIC]).await;
}

/// Deletes messages directly from the database.
pub(crate) async fn lose_rows(world: &World, ids: &[NotificationId]) {
    let (statement, address) = (
        "DELETE FROM notifications WHERE id = $1",
        world.database_address(),
    );
    for id in ids {
        let removed = if address.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
            let query = sqlx::query(statement).bind(id.as_uuid());
            query
                .execute(&mut connection)
                .await
                .unwrap()
                .rows_affected()
        } else {
            let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
            let query = sqlx::query(statement).bind(id.as_uuid());
            query
                .execute(&mut connection)
                .await
                .unwrap()
                .rows_affected()
        };
        assert_eq!(removed, 1);
    }
}

async fn change(
    world: &World,
    service: &TestService,
    job: &str,
    how: &str,
) -> pillarbox_stories::TestResponse {
    let path = format!("/service/{}/job/{job}/{how}", service.id);
    world.internal_request("POST", &path, "").await
}

async fn status(world: &World, service: &TestService, job: &str) -> Value {
    world.job_status(service.id, job).await
}

#[tokio::test]
async fn the_audit_requeues_a_lost_job_after_half_an_hour() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(20)).await;
    assert_eq!(lose_tasks(&world, JOBS.name).await, 1);
    world.advance(Duration::from_mins(29));
    world.run_schedule().await;
    assert_eq!(
        status(&world, &service, &job).await["job_status"],
        "pending"
    );

    world.advance(Duration::from_mins(2));
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished"), 20)
    );
}

#[tokio::test]
async fn a_job_that_lost_its_task_resumes_at_its_cursor() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2500)).await;
    interrupt_after(&world, &service, &job, 1000).await;
    world.advance(Duration::from_secs(31));
    lose_tasks(&world, JOBS.name).await;
    world.advance(HALF_AN_HOUR);
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished"), 2500)
    );
    assert_eq!(
        world.sms.accepted().len(),
        2500,
        "each row was handed over once"
    );
}

#[tokio::test]
async fn a_resumed_job_starts_anew_and_keeps_its_start_to_the_end() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2500)).await;
    interrupt_after(&world, &service, &job, 1000).await;
    let started = status(&world, &service, &job).await["processing_started"].clone();
    assert!(started.as_str().unwrap().starts_with("2026-03-02T09:00:00"));
    world.advance(Duration::from_secs(31));
    lose_tasks(&world, JOBS.name).await;
    world.advance(HALF_AN_HOUR);
    world.run_schedule().await;
    // 31 seconds and 31 minutes later: it is not resumed a second time half an hour after its first start.
    let found = status(&world, &service, &job).await;
    let resumed = found["processing_started"].clone();
    assert_eq!(found["job_status"], "finished");
    for time in [&resumed, &found["processing_finished"]] {
        assert!(
            time.as_str().unwrap().starts_with("2026-03-02T09:31:31"),
            "{time}"
        );
    }
    world.advance(HALF_AN_HOUR);
    world.run_schedule().await;
    let later = status(&world, &service, &job).await;
    assert_eq!(later["processing_started"], resumed);
}

#[tokio::test]
async fn the_audit_leaves_a_queued_job_alone() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3)).await;
    world.advance(Duration::from_hours(5));
    run_auditors(&world).await;
    assert_eq!(
        status(&world, &service, &job).await["job_status"],
        "pending"
    );
    world.run_tasks().await;
    assert_eq!(
        status(&world, &service, &job).await["job_status"],
        "finished"
    );
}

#[tokio::test]
async fn a_job_that_keeps_stopping_waits_for_an_operator() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    let (path, away) = (world.files().join(&file), world.files().join("away"));
    std::fs::rename(&path, &away).unwrap();
    world.expect_dead_letters();
    world.run_tasks().await;
    let mut tries = 0;
    for _ in 0..6 {
        world.advance(HALF_AN_HOUR);
        run_auditors(&world).await;
        tries += world.runner().drain(&[JOBS]).await;
    }
    assert_eq!(tries, 3, "it was tried three times more, and then no more");
    let found = status(&world, &service, &job).await;
    assert_eq!(found["job_status"], "error");
    assert!(
        found["problem"]
            .as_str()
            .unwrap()
            .contains("there is no file"),
        "{found}"
    );

    std::fs::rename(&away, &path).unwrap();
    assert_eq!(change(&world, &service, &job, "resume").await.status, 200);
    world.run_tasks().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished"), 5)
    );
}

#[tokio::test]
async fn missing_rows_of_a_finished_job_are_recreated_with_their_ids() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = job_from_the_planner(&world, &service, people(1200)).await;
    world.run_tasks().await;
    let origin = origin(&world, &service, &job).await;
    let lost = [origin.row(0), origin.row(700), origin.row(1199)];
    lose_rows(&world, &lost).await;

    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished all notifications created"), 1200)
    );
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{}", lost[1]))
        .await;
    assert_eq!(shown.json["reference"], "ref-700");
    let senders: std::collections::BTreeSet<String> = world
        .sms
        .accepted()
        .into_iter()
        .map(|sms| sms.sender)
        .collect();
    assert_eq!(
        senders,
        ["Planner".to_owned()].into(),
        "those that were done again too"
    );
}

/// Creates a job with a chosen sender.
pub(crate) async fn job_from_the_planner(
    world: &World,
    service: &TestService,
    file: String,
) -> String {
    let path = format!("/service/{}/sms-sender", service.id);
    let body = json!({"sms_sender": "Planner", "is_default": false}).to_string();
    let made = world.internal_request("POST", &path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!(
        "/service/{}/spreadsheet?template_id={}&file_name=people.csv&sender_id={}",
        service.id,
        service.sms,
        made.data()["id"].as_str().unwrap()
    );
    let uploaded = world.internal_request("POST", &path, file).await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world
            .create_job(service.id, &json!({"id": id}))
            .await
            .status,
        201
    );
    id
}

/// Found by review: rows deleted by retention looked like lost rows.
#[tokio::test]
async fn rows_deleted_by_retention_are_not_missing() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    crate::retention::keep_for(&world, &service, 3).await;
    let job = world.job(service.id, service.sms, people(2500)).await;
    interrupt_after(&world, &service, &job, 1000).await;
    assert_eq!(change(&world, &service, &job, "pause").await.status, 200);
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1000);

    crate::retention::until(&world, "2026-03-07T03:00:00Z");
    world.run_schedule().await;
    assert_eq!(change(&world, &service, &job, "resume").await.status, 200);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 2500);
    for _ in 0..6 {
        world.advance(Duration::from_mins(10));
        world.run_schedule().await;
    }
    assert_eq!(
        world.sms.accepted().len(),
        2500,
        "no recipient gets the same a second time"
    );
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished all notifications created"), 2500)
    );
}

#[tokio::test]
async fn missing_rows_are_reported_after_three_attempts() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    world.run_tasks().await;
    let origin = origin(&world, &service, &job).await;
    lose_rows(&world, &[origin.row(3)]).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    std::fs::remove_file(world.files().join(file)).unwrap();
    world.expect_dead_letters();
    let mut tries = 0;
    for _ in 0..9 {
        world.advance(Duration::from_mins(30));
        run_auditors(&world).await;
        tries += world.runner().drain(&[JOBS]).await;
    }
    assert_eq!(tries, 3);
}

#[tokio::test]
async fn the_audit_finds_a_job_that_lost_every_row() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3)).await;
    world.run_tasks().await;
    let origin = origin(&world, &service, &job).await;
    lose_rows(&world, &[origin.row(0), origin.row(1), origin.row(2)]).await;
    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(count(&found, "sending"), 3);
}

pub(crate) async fn origin(world: &World, service: &TestService, job: &str) -> domain::JobOrigin {
    let found = status(world, service, job).await;
    domain::JobOrigin {
        job: job.parse().unwrap(),
        service: service.id,
        due: found["created_at"].as_str().unwrap().parse().unwrap(),
    }
}

#[tokio::test]
async fn a_complete_job_says_so_soon_after_it_finished() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3)).await;
    world.run_tasks().await;
    let finished = status(&world, &service, &job).await["processing_finished"].clone();
    world.advance(Duration::from_mins(2));
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(found["job_status"], "finished all notifications created");
    assert_eq!(
        found["processing_finished"], finished,
        "the time at which it finished stays"
    );
}

#[tokio::test]
async fn a_paused_job_resumes_at_its_cursor() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let job = world.job(service.id, service.sms, people(2500)).await;
    interrupt_after(&world, &service, &job, 1000).await;
    assert_eq!(
        change(&world, &other, &job, "pause").await.status,
        404,
        "another service's"
    );
    let paused = change(&world, &service, &job, "pause").await;
    assert_eq!(paused.data()["job_status"], "paused");
    assert_eq!(
        change(&world, &service, &job, "pause").await.status,
        200,
        "twice is harmless"
    );

    world.advance(Duration::from_hours(2));
    world.run_schedule().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], &found["rows_kept"]),
        (&json!("paused"), &json!(1000))
    );
    assert_eq!(
        count(&found, "sending"),
        1000,
        "what was kept is handed over"
    );

    assert_eq!(
        change(&world, &service, &job, "resume").await.data()["job_status"],
        "pending"
    );
    assert_eq!(change(&world, &service, &job, "resume").await.status, 200);
    world.run_tasks().await;
    let found = status(&world, &service, &job).await;
    assert_eq!(
        (&found["job_status"], count(&found, "sending")),
        (&json!("finished"), 2500)
    );
    assert_eq!(world.sms.accepted().len(), 2500);
    for how in ["pause", "resume"] {
        let refused = change(&world, &service, &job, how).await;
        assert_eq!(refused.status, 409, "{}", refused.json);
        assert!(
            refused.message().contains("finished"),
            "{}",
            refused.message()
        );
    }
}

#[tokio::test]
async fn a_message_without_a_task_is_requeued_after_an_hour() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let text = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let mail = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    lose_tasks(&world, "send-sms-tasks").await;
    lose_tasks(&world, "send-email-tasks").await;
    let ids = [&text, &mail].map(|answer| answer.json["id"].as_str().unwrap().to_owned());

    world.advance(Duration::from_mins(45));
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "created",
        "it is too young"
    );
    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    for id in &ids {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
    assert_eq!(
        (world.sms.accepted().len(), world.email.accepted().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_message_without_a_task_is_found_for_twelve_hours_and_daily_for_a_week() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let lose_a_text = async || {
        let sent = world
            .send_sms(&service, &service.normal, "07700900123")
            .await;
        lose_tasks(&world, "send-sms-tasks").await;
        sent.json["id"].as_str().unwrap().to_owned()
    };
    let at = |text: &str| text.parse::<domain::Timestamp>().unwrap();
    let fire = async |minute: &str| {
        let minute = at(minute);
        world.advance(minute.since(world.clock.now()));
        app::upkeep::schedule::fire(&world.app, minute)
            .await
            .unwrap();
        world.run_tasks().await;
    };
    // The clock shows nine in the morning.
    let early = lose_a_text().await;
    world.advance(Duration::from_hours(1));
    let late = lose_a_text().await;
    // Twelve hours and a quarter after the first, and less than twelve after the second.
    fire("2026-03-02T21:15:00Z").await;
    assert_eq!(world.status_of(&service, &early).await, "created");
    assert_eq!(world.status_of(&service, &late).await, "sending");
    fire("2026-03-03T02:30:00Z").await;
    assert_eq!(world.status_of(&service, &early).await, "sending");
}

#[tokio::test]
async fn a_queued_message_is_not_queued_again() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.advance(Duration::from_mins(90));
    run_auditors(&world).await;
    assert_eq!(
        lose_tasks(&world, "send-sms-tasks").await,
        1,
        "there is the one task it had"
    );
    world.advance(Duration::from_mins(15));
    world.run_schedule().await;
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn a_message_without_a_task_is_found_while_its_service_is_busy() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let send = async |number| {
        let accepted = world.send_sms(&service, &service.normal, number).await;
        accepted.json["id"].as_str().unwrap().to_owned()
    };
    let lost = send("07700900001").await;
    assert_eq!(lose_tasks(&world, "send-sms-tasks").await, 1);
    let waiting = [send("07700900002").await, send("07700900003").await];
    world.advance(Duration::from_hours(5));
    run_auditors(&world).await;
    assert_eq!(
        lose_tasks(&world, "send-sms-tasks").await,
        3,
        "the lost one has a task again, and each of the others the one it had"
    );

    world.advance(Duration::from_mins(15));
    world.run_schedule().await;
    for id in [&lost, &waiting[0], &waiting[1]] {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
    assert_eq!(world.sms.accepted().len(), 3);
}

#[tokio::test]
async fn a_message_without_a_receipt_fails_temporarily_after_three_days() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.run_tasks().await;
    let unsent = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    lose_tasks(&world, "send-email-tasks").await;
    let ids = [&sent, &unsent].map(|answer| answer.json["id"].as_str().unwrap().to_owned());

    let until = |time: &str| {
        let time: domain::Timestamp = time.parse().unwrap();
        world.advance(time.since(world.clock.now()));
    };
    until("2026-03-05T00:05:00Z");
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "sending",
        "three days are not over"
    );

    let young = world
        .send_sms(&service, &service.normal, "07700900124")
        .await;
    world.run_tasks().await;
    until("2026-03-06T00:05:00Z");
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "temporary-failure"
    );
    assert_eq!(
        world.status_of(&service, &ids[1]).await,
        "technical-failure"
    );
    let young = young.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, young).await, "sending");
}

#[tokio::test]
async fn more_messages_than_one_batch_are_all_requeued_and_all_failed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, people(2300)).await;
    world.runner().drain(&[JOBS]).await;
    let mail = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    assert_eq!(lose_tasks(&world, "send-sms-tasks").await, 23);
    assert_eq!(lose_tasks(&world, "send-email-tasks").await, 1);
    world.advance(Duration::from_mins(75));
    world.run_schedule().await;
    assert_eq!(world.sms.accepted().len(), 2300, "in one look");
    assert_eq!(world.email.accepted().len(), 1);
    let mail = mail.json["id"].as_str().unwrap();
    let time: domain::Timestamp = "2026-03-06T00:05:00Z".parse().unwrap();
    world.advance(time.since(world.clock.now()));
    world.run_schedule().await;
    assert_eq!(world.status_of(&service, mail).await, "temporary-failure");
}

/// Returns the number of findings of an audit in `/metrics`.
fn found_by(auditor: &str) -> u64 {
    let name = format!("pillarbox_audit_findings_total{{auditor=\"{auditor}\"}} ");
    let measures = server::metrics::render();
    let line = measures.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn an_unfinished_job_is_reported_hourly_after_four_hours() {
    const TELLER: &str = "tell-of-overdue-jobs";
    server::metrics::start();
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    let (path, away) = (world.files().join(&file), world.files().join("away"));
    std::fs::rename(&path, &away).unwrap();
    world.expect_dead_letters();
    world.run_tasks().await;
    let before = found_by(TELLER);
    for (hour, told) in [(3, 0), (4, 1), (5, 2), (6, 3)] {
        crate::retention::until(&world, &format!("2026-03-02T{:02}:00:00Z", 9 + hour));
        world.run_schedule().await;
        assert_eq!(found_by(TELLER) - before, told, "{hour} hours later");
    }
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(change(&world, &service, &job, "resume").await.status, 200);
    world.run_tasks().await;
    // Finished, but a row of it is lost for good.
    let origin = origin(&world, &service, &job).await;
    lose_rows(&world, &[origin.row(2)]).await;
    std::fs::remove_file(&path).unwrap();
    crate::retention::until(&world, "2026-03-03T14:00:00Z");
    world.run_schedule().await;
    assert_eq!(found_by(TELLER) - before, 3, "a day is not over");
    crate::retention::until(&world, "2026-03-03T16:00:00Z");
    world.run_schedule().await;
    assert_eq!(found_by(TELLER) - before, 4);
}
