//! Jobs: every row once, in whatever way they are interrupted (`docs/spec/workers.md` §4).

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use app::manage::services::NewService;
use domain::{Allowance, Clock as _, JobId, JobOrigin};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
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

#[tokio::test]
async fn a_job_resumes_where_it_stopped() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3500)).await;
    interrupt_after(&world, &service, &job, 2000).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("in progress"), &json!(2000))
    );

    let world = world.restarted().await;
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 3500)
    );
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
async fn two_workers_with_one_job_keep_each_row_once() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3000)).await;
    four_workers_meet(&world, &service, std::slice::from_ref(&job)).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 3000)
    );
    assert_eq!(
        world.sms.accepted().len(),
        3000,
        "each was handed over once"
    );
    let (mut session, day) = (world.app.read().await.unwrap(), world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, day);
    assert_eq!(spent.await.unwrap(), 3000, "each was counted once");
    drop(session);
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
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
async fn a_row_that_may_no_longer_be_sent_fails_validation() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(4)).await;
    app::manage::services::add_guest(&world.app, service.id, "07700900001")
        .await
        .unwrap();
    app::manage::services::set_mode(&world.app, service.id, true, true)
        .await
        .unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished");
    assert_eq!(
        (
            count(&status, "validation-failed"),
            count(&status, "sending")
        ),
        (3, 1)
    );
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

#[tokio::test]
async fn a_job_stops_on_a_changed_file_and_loses_nothing() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(10)).await;
    let path = world.files().join(format!(
        "spreadsheets/service-{}-notify/{job}.csv",
        service.id
    ));
    let good = std::fs::read(&path).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&path, changed).unwrap();
    world.expect_dead_letters();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "error");
    assert!(
        status["problem"]
            .as_str()
            .unwrap()
            .contains("was changed or cut off"),
        "{status}"
    );

    std::fs::write(&path, good).unwrap();
    let dead = world.internal_request("GET", "/queue/dead", "").await;
    let task = dead.data()[0]["id"].as_str().unwrap().to_owned();
    let replayed = world
        .internal_request("POST", &format!("/queue/dead/{task}/replay"), "")
        .await;
    assert_eq!(replayed.status, 202);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 10),
        "mended, it goes on"
    );
}

#[tokio::test]
async fn a_job_stops_without_its_file_and_continues_once_it_is_restored() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3500)).await;
    interrupt_after(&world, &service, &job, 2000).await;
    let path = world.files().join(format!(
        "spreadsheets/service-{}-notify/{job}.csv",
        service.id
    ));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    world.expect_dead_letters();
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("error"), &json!(2000))
    );
    let problem = status["problem"].as_str().unwrap();
    assert!(problem.contains("there is no file"), "{problem}");
    assert_eq!(
        world.sms.accepted().len(),
        2000,
        "what is kept is handed over"
    );

    std::fs::write(&path, bytes).unwrap();
    let resume = format!("/service/{}/job/{job}/resume", service.id);
    let resumed = world.internal_request("POST", &resume, "").await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("finished"), &Value::Null)
    );
    let texts: BTreeSet<String> = world
        .sms
        .accepted()
        .into_iter()
        .map(|sms| sms.content)
        .collect();
    assert_eq!((world.sms.accepted().len(), texts.len()), (3500, 3500));
}

#[tokio::test]
async fn a_job_keeps_the_template_version_it_was_created_with() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2)).await;
    let new = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Sms,
        name: "Changed".into(),
        subject: None,
        content: "Something else for ((name))".into(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::update(&world.app, service.id, service.sms, new)
        .await
        .unwrap();
    world.run_tasks().await;
    assert!(
        world
            .sms
            .accepted()
            .iter()
            .all(|sms| sms.content.contains("your bin day is"))
    );
    assert_eq!(
        world.job_status(service.id, &job).await["template_version"],
        1
    );
}

#[tokio::test]
async fn a_row_missing_a_value_of_the_new_template_fails_validation() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file =
        "phone number,name,day,colour\n07700900123,Ada,Friday,green\n07700900124,Bo,Monday,\n";
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", file)
        .await;
    world.clock.advance(Duration::from_mins(1));
    let new = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Sms,
        name: "Changed".into(),
        subject: None,
        content: "Put out the ((colour)) bin, ((name))".into(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::update(&world.app, service.id, service.sms, new)
        .await
        .unwrap();
    let id = uploaded.data()["id"].as_str().unwrap();
    let made = world.create_job(service.id, &json!({"id": id})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;

    let texts: Vec<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.content.clone())
        .collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].ends_with("Put out the green bin, Ada"),
        "{texts:?}"
    );
    let job = world.job_status(service.id, id).await;
    assert_eq!(count(&job, "validation-failed"), 1, "{job}");
    assert_eq!(count(&job, "sending"), 1, "{job}");
}

#[tokio::test]
async fn an_email_row_names_the_value_missing_for_the_new_template() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file = "email address,name,day\nada@example.org,Ada,Friday\n";
    let uploaded = world
        .upload(service.id, service.email, "people.csv", file)
        .await;
    assert_eq!(uploaded.data()["valid"], true, "{}", uploaded.json);
    world.clock.advance(Duration::from_mins(1));
    let new = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Email,
        name: "Changed".into(),
        subject: Some("Bins".into()),
        content: "Put out the ((colour)) bin, ((name))".into(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::update(&world.app, service.id, service.email, new)
        .await
        .unwrap();
    let id = uploaded.data()["id"].as_str().unwrap();
    let made = world.create_job(service.id, &json!({"id": id})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 0);
    let job = world.job_status(service.id, id).await;
    assert_eq!(job["job_status"], "finished", "{job}");
    assert_eq!(count(&job, "validation-failed"), 1, "{job}");
}

/// Returns the most bytes of rows that a job had in memory since the recorder was installed.
fn peak_bytes(handle: &PrometheusHandle) -> f64 {
    let metrics = handle.render();
    let mut lines = metrics.lines();
    let peak =
        lines.find_map(|line| line.strip_prefix("pillarbox_job_held_bytes{quantile=\"1\"} "));
    peak.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_jobs_memory_does_not_grow_with_its_file() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    let file = |rows: usize| {
        let mut file = "phone number,name,day\n".to_owned();
        for row in 0..rows {
            let _ = writeln!(
                file,
                "07700900{:03},{},Friday",
                row % 1000,
                "Ada ".repeat(50)
            );
        }
        file
    };
    let mut peaks = Vec::new();
    for rows in [3_000, 12_000] {
        let job = world.job(service.id, service.sms, file(rows)).await;
        world.runner().drain(&[JOBS]).await;
        let status = world.job_status(service.id, &job).await;
        assert_eq!(status["rows_kept"], rows);
        peaks.push(peak_bytes(&handle));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let size = file(12_000).len() as f64;
    assert!(peaks[0] > 100_000.0, "{peaks:?}");
    assert!(peaks[1] < peaks[0] * 1.1, "{peaks:?}");
    assert!(peaks[1] < size / 3.0, "{peaks:?} of {size}");
}
