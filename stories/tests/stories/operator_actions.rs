//! What an operator does by hand: sending a row again, reading dead letters, resuming a job at an awkward moment.

use std::{sync::Arc, time::Duration};

use domain::{Allowance, Clock as _, JobId, JobOrigin, NotificationId};
use pillarbox_stories::{TestResponse, TestService, World};
use queue::{
    ClaimLimits, DatabaseSource, TaskContext, TaskHandler as _, TaskOutcome, TaskSource as _,
};
use serde_json::{Value, json};

use crate::{
    auditors::lose_rows,
    jobs::{count, interrupt_after, people},
};

async fn post(world: &World, path: &str) -> TestResponse {
    world.internal_request("POST", path, "").await
}

fn row_of(
    world: &World,
    service: &TestService,
    job: &str,
    status: &Value,
    row: u32,
) -> NotificationId {
    let _ = world;
    let origin = JobOrigin {
        job: job.parse::<JobId>().unwrap(),
        service: service.id,
        due: status["created_at"].as_str().unwrap().parse().unwrap(),
    };
    origin.row(row)
}

#[tokio::test]
async fn retrying_a_row_keeps_its_id_and_sends_it_once() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let job = world.job(service.id, service.sms, people(1200)).await;
    let redo = |caller, row: &str| format!("/service/{caller}/job/{job}/row/{row}");
    let early = post(&world, &redo(service.id, "7")).await;
    assert_eq!(early.status, 409, "its turn will come: {}", early.text);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    let lost = row_of(&world, &service, &job, &status, 700);
    lose_rows(&world, &[lost]).await;

    let done = post(&world, &redo(service.id, "700")).await;
    let expected = json!({"notification_id": lost, "row_number": 700, "was_missing": true});
    assert_eq!((done.status.as_u16(), done.data()), (201, &expected));
    let again = post(&world, &redo(service.id, "700")).await;
    let expected = json!({"notification_id": lost, "row_number": 700, "was_missing": false});
    assert_eq!((again.status.as_u16(), again.data()), (200, &expected));
    world.run_tasks().await;
    let of_it: Vec<_> = world.sms.accepted();
    let of_it = of_it.iter().filter(|sms| sms.id == lost.as_uuid()).count();
    assert_eq!(
        (world.sms.accepted().len(), of_it),
        (1201, 2),
        "only the message whose acceptance was not recorded is sent again"
    );
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "sending"), 1200);

    for (caller, row, refusal) in [
        (service.id, "1200", 404),
        (service.id, "-1", 404),
        (service.id, "x", 404),
        (other.id, "700", 404),
    ] {
        let refused = post(&world, &redo(caller, row)).await;
        assert_eq!(refused.status, refusal, "row {row}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_row_deleted_by_retention_is_not_retried() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/data-retention", service.id);
    let short = json!({"notification_type": "sms", "days_of_retention": 3}).to_string();
    assert_eq!(
        world.internal_request("POST", &path, short).await.status,
        201
    );
    let job = world.job(service.id, service.sms, people(3)).await;
    world.run_tasks().await;
    let time: domain::Timestamp = "2026-03-06T03:00:00Z".parse().unwrap();
    world.advance(time.since(world.clock.now()));
    world.run_schedule().await;
    let redo = format!("/service/{}/job/{job}/row/1", service.id);
    let again = post(&world, &redo).await;
    assert_eq!(again.data()["was_missing"], false, "{}", again.text);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 3);
}

/// Claims the job's task as a worker whose outcome the story applies when it wants.
async fn take(world: &World) -> (DatabaseSource, TaskContext) {
    let entropy = Arc::new(pillarbox_stories::SeededRandom::new(5));
    let source = DatabaseSource::new(world.app.store().clone(), world.clock.clone(), entropy);
    let taken = source
        .claim(
            "job-tasks",
            1,
            &ClaimLimits::uniform(1),
            Duration::from_secs(30),
        )
        .await
        .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    (source, TaskContext::new(taken[0].clone(), stop))
}

#[tokio::test]
async fn resuming_a_job_while_its_worker_ends_its_task_is_safe() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(10)).await;
    let (source, task) = take(&world).await;
    let change = |how: &str| format!("/service/{}/job/{job}/{how}", service.id);
    assert_eq!(post(&world, &change("pause")).await.status, 200);
    // The worker finds the job paused, and the job is resumed before the worker has completed its task.
    assert_eq!(world.app.handle(&task).await, TaskOutcome::Completed);
    assert_eq!(post(&world, &change("resume")).await.status, 200);
    source.complete(task.leased()).await.unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 10)
    );
}

#[tokio::test]
async fn resuming_a_job_while_its_worker_dead_letters_it_is_safe() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(10)).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    let (path, away) = (world.files().join(&file), world.files().join("away"));
    std::fs::rename(&path, &away).unwrap();
    let (source, task) = take(&world).await;
    let TaskOutcome::Discard(why) = world.app.handle(&task).await else {
        panic!("a job without a file is given up")
    };
    std::fs::rename(&away, &path).unwrap();
    let resume = format!("/service/{}/job/{job}/resume", service.id);
    assert_eq!(post(&world, &resume).await.status, 200);
    source.dead_letter(task.leased(), &why).await.unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 10)
    );
}

#[tokio::test]
async fn a_dead_letter_can_be_inspected_and_replayed() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(10)).await;
    let file = format!("spreadsheets/service-{}-notify/{job}.csv", service.id);
    std::fs::remove_file(world.files().join(&file)).unwrap();
    world.run_tasks().await;
    let dead = world.internal_request("GET", "/queue/dead", "").await;
    let id = dead.data()[0]["id"].as_str().unwrap().to_owned();
    let one = world
        .internal_request("GET", &format!("/queue/dead/{id}"), "")
        .await;
    assert_eq!(one.status, 200, "{}", one.text);
    assert_eq!(one.data()["payload"], json!({"job": job}));
    assert_eq!(one.data()["kind"], "process-job.v1");
    assert!(one.data()["why"].as_str().unwrap().contains("no file"));
    let none = "/queue/dead/99999999-0000-4000-8000-000000000001";
    assert_eq!(world.internal_request("GET", none, "").await.status, 404);
}

#[tokio::test]
async fn suspending_a_service_cancels_its_running_job_and_refunds_the_rest() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2500)).await;
    interrupt_after(&world, &service, &job, 1000).await;
    spent_is(&world, &service, Allowance::Sms, 0).await;
    let mut tx = world.app.store().write().await.unwrap();
    let today = world.clock.now().utc_day();
    store::counters::spend(&mut tx, service.id, Allowance::Sms, today, 2500, 1_000_000)
        .await
        .unwrap();
    store::jobs::set_quota_day(&mut tx, service.id, job.parse().unwrap(), today)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app::manage::services::suspend(&world.app, service.id)
        .await
        .unwrap();
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("cancelled"), &json!(1000))
    );
    assert_eq!(count(&status, "technical-failure"), 1000);
    assert_eq!(world.sms.accepted().len(), 0);
    spent_is(&world, &service, Allowance::Sms, 1000).await;
}

async fn spent_is(world: &World, service: &TestService, allowance: Allowance, expected: i64) {
    let today = world.clock.now().utc_day();
    let mut session = world.app.read().await.unwrap();
    let spent = store::counters::find_spent(&mut session, service.id, allowance, today)
        .await
        .unwrap();
    assert_eq!(spent, expected, "{allowance}");
}

#[tokio::test]
async fn international_rows_count_against_the_international_quota() {
    let world = World::new().await;
    let mut new = app::manage::services::NewService::named("Abroad");
    new.permissions.insert(domain::Permission::InternationalSms);
    let service = world.service_with(new).await;
    let file = "phone number,name,day\n+1 202-555-0104,Ada,Friday\n07700900123,Bo,Friday\n\
                +1 202-555-0105,Cy,Friday\n";
    let job = world.job(service.id, service.sms, file).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "sent"), 2, "{status}");
    spent_is(&world, &service, Allowance::Sms, 3).await;
    spent_is(&world, &service, Allowance::InternationalSms, 2).await;
}

#[tokio::test]
async fn jobs_that_are_tests_or_reports_are_left_out_of_lists() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for name in ["Test%20message", "people.csv", "Report"] {
        let uploaded = world.upload(service.id, service.sms, name, people(1)).await;
        let id = uploaded.data()["id"].as_str().unwrap().to_owned();
        let made = world.create_job(service.id, &json!({"id": id})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        ids.push(id);
    }
    world.run_tasks().await;
    let path = format!("/service/{}/job", service.id);
    let listed = world.internal_request("GET", &path, "").await;
    let listed: Vec<&str> = listed
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [&ids[1]]);
    for id in &ids {
        assert_eq!(
            world.job_status(service.id, id).await["job_status"],
            "finished"
        );
    }
}
