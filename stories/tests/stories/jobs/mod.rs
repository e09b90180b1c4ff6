//! Jobs: every row once, in whatever way they are interrupted (`docs/spec/workers.md` §4).

mod interruptions;
mod rows;

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use app::manage::{services::NewService, templates::NewTemplate};
use domain::{Allowance, Channel, Clock as _, JobId, JobOrigin};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};

pub(crate) const JOBS: queue::Pool = queue::Pool {
    name: "job-tasks",
    workers: 1,
};

pub(crate) fn people(rows: usize) -> String {
    let names = [
        "Zoë",
        "李小龍",
        "Łucja",
        "Олена",
        "أحمد",
        "O’Neil",
        "Seán",
        "नेहा",
    ];
    let mut file = "phone number,name,day,reference\n".to_owned();
    for row in 0..rows {
        let name = names[row % names.len()];
        let _ = writeln!(
            file,
            "07700 900{:03},\"{name} {row}\",\"Friday\nor Saturday\",ref-{row}",
            row % 1000
        );
    }
    file
}

pub(crate) fn count(job: &Value, status: &str) -> u64 {
    let found = job["statistics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["status"] == status);
    found.map_or(0, |one| one["count"].as_u64().unwrap())
}

#[tokio::test]
async fn every_row_of_a_file_becomes_one_message_in_its_order() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2500)).await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "pending"
    );
    world.run_tasks().await;

    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("finished"), &json!(2500))
    );
    assert_eq!(count(&status, "sending"), 2500);
    let taken = world.sms.accepted();
    let ids: BTreeSet<_> = taken.iter().map(|sms| sms.id).collect();
    assert_eq!((taken.len(), ids.len()), (2500, 2500));
    assert!(
        taken
            .iter()
            .any(|sms| sms.content.contains("李小龍") || sms.content.contains("? 1,"))
    );
    assert!(
        taken[0].content.contains("Friday\nor Saturday"),
        "{}",
        taken[0].content
    );

    let origin = JobOrigin {
        job: job.parse::<JobId>().unwrap(),
        service: service.id,
        due: status["created_at"].as_str().unwrap().parse().unwrap(),
    };
    assert!(ids.contains(&origin.row(0).as_uuid()) && ids.contains(&origin.row(2499).as_uuid()));
    let shown = world
        .get(
            &service.normal,
            &format!("/v2/notifications/{}", origin.row(7)),
        )
        .await;
    assert_eq!(shown.json["reference"], "ref-7");
    let listed = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(
        listed.json["notifications"],
        json!([]),
        "rows of jobs are left out"
    );
    let listed = world
        .get(&service.normal, "/v2/notifications?include_jobs=true")
        .await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 250);
}

/// Writes the first rows as a worker that dies after them: the job is in progress and its task is leased.
pub(crate) async fn interrupt_after(world: &World, service: &TestService, job: &str, rows: u32) {
    let id: JobId = job.parse().unwrap();
    let now = world.clock.now();
    let mut tx = world.app.store().write().await.unwrap();
    store::jobs::set_status(
        &mut tx,
        service.id,
        id,
        domain::JobStatus::InProgress,
        None,
        now,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    // The fault: from row 2000 on, the cursor is not where the worker expects it, so the worker stops after its second batch.
    let source = queue::DatabaseSource::new(
        world.app.store().clone(),
        world.clock.clone(),
        Arc::new(pillarbox_stories::SeededRandom::new(7)),
    );
    let taken = queue::TaskSource::claim(
        &source,
        "job-tasks",
        1,
        &queue::ClaimLimits::uniform(1),
        Duration::from_secs(30),
    )
    .await
    .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let task = queue::TaskContext::new(taken[0].clone(), stop);
    // Asked to stop, the work ends after the batch that it is at: a thousand rows a call.
    for _ in 0..rows / 1000 {
        queue::TaskHandler::handle(&world.app, &task).await;
    }
}

/// Each task is in the queue four times, as at-least-once delivery allows, and four workers run them concurrently.
pub(crate) async fn four_workers_meet(world: &Arc<World>, service: &TestService, jobs: &[String]) {
    let now = world.clock.now();
    let mut tx = world.app.store().write().await.unwrap();
    let again = jobs.iter().flat_map(|job| [job; 3]);
    let again = again.map(|job| queue::NewTask {
        id: domain::TaskId::generate(now, world.app.random()),
        pool: JOBS.name,
        lane: domain::Lane::Normal,
        service_id: service.id,
        kind: "process-job.v1",
        payload: json!({"job": job}).to_string(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    });
    queue::Enqueue::enqueue(&mut tx, again.collect())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let workers = (0..4).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { world.runner().drain(&[JOBS]).await })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    world.advance(Duration::from_secs(10));
    world.run_tasks().await;
}

#[tokio::test]
async fn a_scheduled_job_starts_at_its_time_and_not_before() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", people(5))
        .await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    let made = world
        .create_job(
            service.id,
            &json!({"id": id, "scheduled_for": "2026-03-02T12:00:00"}),
        )
        .await;
    assert_eq!(made.data()["job_status"], "scheduled");
    world.run_schedule().await;
    assert_eq!(
        world.job_status(service.id, &id).await["job_status"],
        "scheduled"
    );
    world.advance(Duration::from_hours(3));
    world.run_schedule().await;
    world.run_schedule().await;
    let status = world.job_status(service.id, &id).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 5)
    );
}

#[tokio::test]
async fn starting_and_cancelling_at_once_has_one_winner() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for round in 0..6 {
        let uploaded = world
            .upload(service.id, service.sms, "people.csv", people(3))
            .await;
        let id = uploaded.data()["id"].as_str().unwrap().to_owned();
        let at = world.clock.now().plus(Duration::from_mins(1));
        world
            .create_job(service.id, &json!({"id": id, "scheduled_for": at}))
            .await;
        world.advance(Duration::from_mins(2));
        let path = format!("/service/{}/job/{id}/cancel", service.id);
        let (cancelled, ()) = futures::future::join(
            world.internal_request("POST", &path, ""),
            world.run_schedule(),
        )
        .await;
        world.run_tasks().await;
        let status = world.job_status(service.id, &id).await;
        let expected = if cancelled.status == 200 {
            "cancelled"
        } else {
            "finished"
        };
        assert_eq!(
            status["job_status"], expected,
            "round {round}: {}",
            cancelled.json
        );
        assert_eq!(
            count(&status, "sending"),
            if expected == "finished" { 3 } else { 0 }
        );
    }
}

#[tokio::test]
async fn a_job_over_the_daily_quota_sends_nothing() {
    let world = World::new().await;
    let new = NewService {
        limits: [(Allowance::Sms, 10)].into(),
        ..NewService::named("Capped")
    };
    let service = world.service_with(new).await;
    let first = world.job(service.id, service.sms, people(6)).await;
    let second = world.job(service.id, service.sms, people(6)).await;
    world.run_tasks().await;
    let statuses = [
        world.job_status(service.id, &first).await["job_status"].clone(),
        world.job_status(service.id, &second).await["job_status"].clone(),
    ];
    assert_eq!(statuses, ["finished", "sending limits exceeded"]);
    assert_eq!(world.sms.accepted().len(), 6);
    assert_eq!(
        world
            .send_sms(&service, &service.normal, "07700900123")
            .await
            .status,
        201,
        "four are left"
    );
}

#[tokio::test]
async fn a_job_of_a_workbook_sends_to_those_that_people_see() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let new = NewTemplate {
        template_type: Channel::Email,
        name: "News".to_owned(),
        subject: Some("News".to_owned()),
        content: "Dear ((name)), your reference is ((ref))".to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service.id, new).await;
    let template = made.unwrap().id;
    for (file, warning) in [
        (
            &include_bytes!("../../../../spreadsheets/tests/cases/x15_hiddenrow.xlsx")[..],
            "1 hidden row was left out",
        ),
        (
            include_bytes!("../../../../spreadsheets/tests/cases/o05_hiddenfirst.ods"),
            "1 hidden sheet was left out",
        ),
    ] {
        let before = world.email.accepted().len();
        let uploaded = world.upload(service.id, template, "people", file).await;
        let data = uploaded.data();
        assert_eq!(
            (&data["valid"], &data["warnings"]),
            (&json!(true), &json!([warning]))
        );
        let made = world
            .create_job(service.id, &json!({"id": data["id"]}))
            .await;
        assert_eq!(made.status, 201, "{}", made.json);
        world.run_tasks().await;
        let sent = world.email.accepted();
        let to: Vec<_> = sent[before..].iter().map(|mail| &*mail.to).collect();
        assert_eq!(to, ["ana@example.com"]);
    }
}

#[tokio::test]
async fn a_job_of_a_service_that_was_switched_off_is_cancelled() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(4)).await;
    app::manage::services::set_mode(&world.app, service.id, false, false)
        .await
        .unwrap();
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "cancelled"
    );
}

#[tokio::test]
async fn creating_a_job_fails_with_the_texts_of_the_contract() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let upload = async |file: &str| {
        let answer = world
            .upload(service.id, service.sms, "people.csv", file)
            .await;
        answer.data()["id"].as_str().unwrap().to_owned()
    };
    let good = upload("phone number,name,day\n07700900123,Ada,Friday\n").await;
    let bad = upload("phone number,name,day\n0770,Ada,Friday\n").await;
    let refuse = async |caller, body: Value, status: u16, message: &str| {
        let answer = world.create_job(caller, &body).await;
        let said = answer.json["message"].to_string();
        assert_eq!(
            (answer.status.as_u16(), said.contains(message)),
            (status, true),
            "{body}: {said}"
        );
    };
    refuse(
        service.id,
        json!({}),
        400,
        "Missing data for required field.",
    )
    .await;
    refuse(
        service.id,
        json!({"id": bad}),
        400,
        "File is not valid, can't create job",
    )
    .await;
    refuse(other.id, json!({"id": good}), 404, "no such spreadsheet").await;
    refuse(
        service.id,
        json!({"id": good, "scheduled_for": "2026-03-01"}),
        400,
        "Date cannot be in the past",
    )
    .await;
    refuse(
        service.id,
        json!({"id": good, "scheduled_for": "2026-03-20"}),
        400,
        "Date cannot be more than 7 days in the future",
    )
    .await;
    assert_eq!(
        world
            .create_job(service.id, &json!({"id": good}))
            .await
            .status,
        201
    );
    refuse(
        service.id,
        json!({"id": good}),
        409,
        "There is a job with this id already",
    )
    .await;
    let path = format!("/service/{}/job/{good}", other.id);
    assert_eq!(
        world.internal_request("GET", &path, "").await.status,
        404,
        "another service does not find it"
    );
    world.run_tasks().await;

    let late = upload("phone number,name,day\n07700900123,Ada,Friday\n").await;
    app::manage::templates::archive(&world.app, service.id, service.sms)
        .await
        .unwrap();
    let why = r#"{"template":["Template has been deleted"]}"#;
    refuse(service.id, json!({"id": late}), 400, why).await;
    app::manage::services::suspend(&world.app, service.id)
        .await
        .unwrap();
    let why = r#""Create job is not allowed: service is inactive ""#;
    refuse(service.id, json!({}), 403, why).await;
}
