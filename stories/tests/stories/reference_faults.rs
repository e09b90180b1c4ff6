//! Faults of the reference that no other story shows to be absent here (`docs/spec/workers.md` §17, by number).

use std::{sync::Arc, time::Duration};

use app::manage::services::NewService;
use domain::{Allowance, Clock as _, JobId, JobStatus};
use pillarbox_stories::{TestService, World};
use serde_json::json;
use sqlx::Connection as _;

use crate::{
    auditors::{job_from_the_planner, lose_rows, lose_tasks, origin},
    jobs::{JOBS, count, four_workers_meet, people},
};

async fn spent(world: &World, service: &TestService) -> i64 {
    let (mut session, day) = (world.app.read().await.unwrap(), world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, day);
    spent.await.unwrap()
}

/// Runs a statement directly in the database.
async fn meddle(world: &World, statement: &'static str) {
    let address = world.database_address();
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

/// F2: in the reference a job that was marked and not queued stays in `error` for ever.
#[tokio::test]
async fn the_audit_resumes_a_failed_job_without_a_task() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(20)).await;
    assert_eq!(lose_tasks(&world, JOBS.name).await, 1);
    let id: JobId = job.parse().unwrap();
    let (error, now) = (JobStatus::Error, world.clock.now());
    let mut tx = world.app.store().write().await.unwrap();
    assert!(
        store::jobs::set_status(&mut tx, service.id, id, error, None, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    // F1: no time window closes while no process runs the audit.
    world.advance(Duration::from_hours(9));
    world.run_schedule().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 20)
    );
    assert_eq!(spent(&world, &service).await, 20, "and is counted once");
}

/// F4 and F18: in the reference two at once both begin the job, and two jobs both pass a day that has room for one.
#[tokio::test]
async fn of_two_concurrent_jobs_one_gets_the_quota() {
    for _ in 0..4 {
        let world = Arc::new(World::new().await);
        let new = NewService {
            limits: [(Allowance::Sms, 10)].into(),
            ..NewService::named("Capped")
        };
        let service = world.service_with(new).await;
        let jobs = [
            world.job(service.id, service.sms, people(6)).await,
            world.job(service.id, service.sms, people(6)).await,
        ];
        four_workers_meet(&world, &service, &jobs).await;
        let mut ends = Vec::new();
        for job in &jobs {
            let status = world.job_status(service.id, job).await;
            ends.push(status["job_status"].as_str().unwrap().to_owned());
        }
        ends.sort();
        assert_eq!(ends, ["finished", "sending limits exceeded"]);
        assert_eq!(world.sms.accepted().len(), 6);
        assert_eq!(spent(&world, &service).await, 6);
        drop(Arc::into_inner(world).expect("no request holds the world any more"));
    }
}

/// F5: in the reference refused rows are not kept, so that the job never adds up and is looked through again and again.
#[tokio::test]
async fn a_finished_job_with_rejected_rows_passes_the_audit() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(4)).await;
    app::manage::services::set_mode(&world.app, service.id, true, true)
        .await
        .unwrap();
    world.run_tasks().await;
    world.advance(Duration::from_mins(2));
    world.run_schedule().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "validation-failed")),
        (&json!("finished all notifications created"), 4)
    );
}

/// F6: in the reference the rows of a job whose sender was archived all fail. And a row that is done again has the sender
/// that was chosen, as all others (incident 25).
#[tokio::test]
async fn a_job_falls_back_to_the_default_when_its_sender_is_archived() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = job_from_the_planner(&world, &service, people(3)).await;
    world.run_tasks().await;
    let lost = origin(&world, &service, &job).await.row(1);
    lose_rows(&world, &[lost]).await;
    let redo = format!("/service/{}/job/{job}/row/1", service.id);
    assert_eq!(world.internal_request("POST", &redo, "").await.status, 201);
    world.run_tasks().await;
    let senders = |from: usize| -> Vec<String> {
        let taken = world.sms.accepted();
        taken[from..].iter().map(|sms| sms.sender.clone()).collect()
    };
    assert_eq!(senders(0), ["Planner"; 4]);

    let late = job_from_the_planner(&world, &service, people(2)).await;
    for sender in app::manage::sms_senders::list(&world.app, service.id)
        .await
        .unwrap()
        .iter()
        .filter(|sender| sender.sms_sender == "Planner")
    {
        app::manage::sms_senders::archive(&world.app, service.id, sender.id)
            .await
            .unwrap();
    }
    world.run_tasks().await;
    let status = world.job_status(service.id, &late).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 2)
    );
    let defaults = senders(4);
    assert!(
        defaults.len() == 2 && !defaults.contains(&"Planner".to_owned()),
        "{defaults:?}"
    );
}

/// F7: in the reference rows past those that were counted crash the job, which is resumed for ever.
#[tokio::test]
async fn rows_beyond_the_counted_ones_are_ignored() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    meddle(&world, "UPDATE jobs SET notification_count = 3").await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("finished"), &json!(3))
    );
    assert_eq!(world.sms.accepted().len(), 3);
}

/// The other way round: a file that has lost rows is not called finished.
#[tokio::test]
async fn a_job_stops_on_a_file_with_too_few_rows() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(5)).await;
    meddle(&world, "UPDATE jobs SET notification_count = 7").await;
    world.expect_dead_letters();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (
            &json!("error"),
            &json!("its spreadsheet has 5 rows now, and had 7 when it was checked")
        )
    );
}
