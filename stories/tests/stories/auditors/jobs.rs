//! Jobs that stopped, lost their task or lost rows.

use std::time::Duration;

use pillarbox_stories::World;
use serde_json::json;

use super::{
    HALF_AN_HOUR, change, found_by, job_from_the_planner, lose_rows, lose_tasks, origin,
    run_auditors, status,
};
use crate::jobs::{JOBS, count, interrupt_after, people};

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
