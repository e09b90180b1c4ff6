//! Rows of a job whose template has files: each row has links of its own, however often it is built
//! (`docs/spec/workers.md` §4.8).

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use domain::{NotificationId, TemplateId};

use pillarbox_stories::{FakeFileService, TestService, World};
use providers::UploadError;
use serde_json::json;

use crate::{
    auditors::{lose_rows, origin},
    erasure::erase,
    files::{PDF, WEEK, kept, rows, service, template},
    jobs::{count, four_workers_meet},
    retention::until,
};

/// Creates a service whose template has a file; returns it with the path of the template's files.
async fn with_file(world: &World) -> (TestService, String) {
    let mut service = service(world).await;
    service.email = template(world, &service, "((name)): ((Guide.pdf))").await;
    let files = path_of_files(&service, service.email);
    add_guide(world, &files).await;
    (service, files)
}

fn path_of_files(service: &TestService, template: TemplateId) -> String {
    format!("/service/{}/template/{template}/file", service.id)
}

/// Adds the guide to the template and returns its id.
async fn add_guide(world: &World, files: &str) -> String {
    let path = format!("{files}?confirm_email=false&file_name=Guide.pdf&retention_weeks=2");
    let added = world.internal_request("POST", &path, PDF.to_vec()).await;
    assert_eq!(added.status, 201, "{}", added.text);
    added.data()["id"].as_str().unwrap().to_owned()
}

fn people(count: usize) -> String {
    let mut csv = "email address,name\n".to_owned();
    for row in 0..count {
        writeln!(csv, "person-{row}@example.com,Person {row}").unwrap();
    }
    csv
}

/// Returns each recipient with the link that was sent.
fn links(world: &World) -> BTreeSet<(String, String)> {
    let taken = world.email.accepted();
    let all: BTreeSet<_> = taken
        .iter()
        .map(|email| {
            let link = email
                .plain_body
                .split_whitespace()
                .find(|word| word.starts_with("http"));
            (
                email.to.clone(),
                link.unwrap_or_else(|| panic!("{}", email.plain_body))
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(all.len(), taken.len(), "each was sent once");
    all
}

async fn assert_all_open(world: &World, links: &BTreeSet<(String, String)>) {
    let distinct: BTreeSet<_> = links.iter().map(|(_, link)| link).collect();
    assert_eq!(distinct.len(), links.len(), "each has its own");
    for (_, link) in links {
        let file = world.browser().open(&format!("{link}/file")).await;
        assert_eq!((file.status.as_u16(), &file.body[..]), (200, PDF));
    }
}

async fn assert_files(world: &World, count: usize) {
    assert_eq!((kept(world), rows(world).await), (count, count));
}

async fn find(
    world: &World,
    service: &TestService,
    id: NotificationId,
) -> store::notifications::Notification {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id).await;
    found.unwrap().unwrap()
}

#[tokio::test]
async fn a_file_needs_no_column_and_every_row_has_a_link_of_its_own() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(230)).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 230)
    );
    let links = links(&world);
    assert_eq!(links.len(), 230);
    assert_all_open(&world, &links).await;
    assert_files(&world, 230).await;
    let first = origin(&world, &service, &job).await.row(0);
    let found = find(&world, &service, first).await;
    assert_eq!(found.documents, 1, "is counted");

    world.advance(WEEK * 2);
    world.run_schedule().await;
    assert_files(&world, 0).await;
    until(&world, "2026-03-17T04:00:00Z");
    world.run_schedule().await;
    let mut session = world.app.read().await.unwrap();
    let sheet = store::spreadsheets::find(&mut session, service.id, job.parse().unwrap());
    let secret = sheet.await.unwrap().unwrap().link_secret;
    assert!(secret.is_empty(), "it goes with the rows");
    drop(session);
}

#[tokio::test]
async fn a_column_that_has_the_name_of_a_file_does_not_count() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let csv = "email address,name,guide.PDF\nada@example.com,Ada,https://file_service.example\n";
    world.job(service.id, service.email, csv).await;
    world.run_tasks().await;
    let links = links(&world);
    assert_all_open(&world, &links).await;
    let missing = world
        .upload(
            service.id,
            service.email,
            "people.csv",
            "email address\nada@example.com\n",
        )
        .await;
    assert_eq!(missing.data()["valid"], false);
    assert_eq!(
        missing.data()["problems"],
        json!(["these columns are missing: name"])
    );
}

#[tokio::test]
async fn rows_in_one_request_carry_files_too() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let rows = json!([
        ["email address", "name"],
        ["ada@example.com", "Ada"],
        ["bo@example.com", "Bo"]
    ]);
    let order = json!({"name": "Guides", "template_id": service.email, "rows": rows});
    let made = world
        .post(&service.normal, "/v2/notifications/bulk", &order)
        .await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;
    let links = links(&world);
    assert_eq!(links.len(), 2);
    assert_all_open(&world, &links).await;
}

#[tokio::test]
async fn rows_that_are_not_sent_have_no_files() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(3)).await;
    let to_trial = app::manage::services::ServiceChange {
        restricted: Some(true),
        ..app::manage::services::ServiceChange::default()
    };
    app::manage::services::update(&world.app, service.id, to_trial)
        .await
        .unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "validation-failed"), 3, "{status}");
    assert_files(&world, 0).await;
}

#[tokio::test]
async fn rows_wait_for_the_file_storage_and_leave_nothing_behind() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(130)).await;
    let place = world.files().join("documents");
    std::fs::write(&place, "a file where the folder should be").unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("in progress"), &json!(0)),
        "no row is kept before its file"
    );
    assert!(
        status["problem"]
            .as_str()
            .unwrap()
            .contains("files of its template"),
        "{status}"
    );
    std::fs::remove_file(&place).unwrap();
    world.advance(Duration::from_secs(10));
    world.run_tasks().await;
    let links = links(&world);
    assert_eq!(links.len(), 130);
    assert_all_open(&world, &links).await;
    assert_files(&world, 130).await;
}

#[tokio::test]
async fn two_workers_at_once_leave_one_message_and_one_file_for_each_row() {
    let world = Arc::new(World::new().await);
    let (service, _) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(250)).await;
    four_workers_meet(&world, &service, std::slice::from_ref(&job)).await;
    let links = links(&world);
    assert_eq!(links.len(), 250);
    assert_all_open(&world, &links).await;
    assert_files(&world, 250).await;
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_row_that_was_lost_is_made_again_with_the_link_it_had() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(5)).await;
    world.run_tasks().await;
    let before = links(&world);
    let row = origin(&world, &service, &job).await.row(3);
    lose_rows(&world, &[row]).await;
    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished all notifications created");
    let taken = world.email.accepted();
    assert_eq!(
        taken.len(),
        6,
        "a message whose acceptance was not recorded is sent again"
    );
    let again: BTreeSet<_> = taken.iter().map(|email| &email.plain_body).collect();
    assert_eq!(again.len(), 5, "and word for word the same");
    assert_all_open(&world, &before).await;
    assert_files(&world, 5).await;
}

#[tokio::test]
async fn a_job_waits_for_a_file_removed_from_its_template() {
    let world = {
        let mut world = World::new().await;
        world.expect_dead_letters();
        world
    };
    let (service, files) = with_file(&world).await;
    let job = world.job(service.id, service.email, people(2)).await;
    let listed = world.internal_request("GET", &files, "").await;
    let guide = listed.data()[0]["id"].as_str().unwrap().to_owned();
    let archived = world
        .internal_request("POST", &format!("{files}/{guide}/archive"), "")
        .await;
    assert_eq!(archived.status, 200);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "error");
    assert!(
        status["problem"]
            .as_str()
            .unwrap()
            .contains("no column Guide.pdf"),
        "{status}"
    );
    assert_eq!(world.email.accepted().len(), 0);

    add_guide(&world, &files).await;
    let resumed = world
        .internal_request(
            "POST",
            &format!("/service/{}/job/{job}/resume", service.id),
            "",
        )
        .await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    world.run_tasks().await;
    assert_all_open(&world, &links(&world)).await;
    assert_files(&world, 2).await;
}

#[tokio::test]
async fn an_erased_recipients_row_loses_its_file_and_the_others_keep_theirs() {
    let world = World::new().await;
    let (service, _) = with_file(&world).await;
    world.job(service.id, service.email, people(3)).await;
    world.run_tasks().await;
    let report = erase(&world, "person-1@example.com").await;
    assert_eq!((report.documents, report.notifications), (1, 1));
    assert_files(&world, 2).await;
    let others: BTreeSet<_> = links(&world)
        .into_iter()
        .filter(|(to, _)| to != "person-1@example.com")
        .collect();
    assert_all_open(&world, &others).await;
}

#[tokio::test]
async fn a_row_reports_what_the_external_file_service_rejects() {
    let file_service = Arc::new(FakeFileService::with_link("https://files.example/d/1"));
    let with = file_service.clone();
    let world = World::with(|_, providers| providers.file_service = Some(with)).await;
    let (service, _) = with_file(&world).await;
    file_service.reject_uploads(UploadError::Failed("it is away".into()));
    let job = world.job(service.id, service.email, people(2)).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["rows_kept"], 0, "{status}");

    file_service.reject_uploads(UploadError::Refused("it holds a virus".to_owned()));
    world.advance(Duration::from_mins(5));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "validation-failed"), 2, "{status}");
    let first = origin(&world, &service, &job).await.row(0);
    let found = find(&world, &service, first).await;
    let problem = found.problem.unwrap();
    assert_eq!(
        problem,
        "the file Guide.pdf of the template was refused: it holds a virus"
    );
    assert_files(&world, 0).await;
}

#[tokio::test]
async fn a_job_stops_when_the_file_service_fails_for_the_last_time() {
    let file_service = Arc::new(FakeFileService::with_link("https://files.example/d/1"));
    let with = file_service.clone();
    let world = World::with(|_, providers| providers.file_service = Some(with)).await;
    let (service, _) = with_file(&world).await;
    file_service.reject_uploads(UploadError::Failed("it is away".into()));
    let job = world.job(service.id, service.email, people(2)).await;
    world.run_tasks().await;
    // Five retries, five minutes apart (`docs/spec/workers.md` §20).
    for _ in 0..4 {
        world.advance(Duration::from_mins(5));
        world.run_tasks().await;
    }
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "in progress", "{status}");
    world.advance(Duration::from_mins(5));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "error", "{status}");
    let dead = app::upkeep::queue_stats::list_dead(&world.app, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");

    file_service.reject_uploads(UploadError::Refused("it holds a virus".to_owned()));
    assert!(
        app::upkeep::queue_stats::replay(&world.app, dead[0].id)
            .await
            .unwrap()
    );
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(count(&status, "validation-failed"), 2, "{status}");
}
