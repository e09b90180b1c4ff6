//! Which files are accepted, the errors of the others, and that a rejected message leaves nothing behind.

use std::sync::Arc;

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pillarbox_stories::{FakeFileService, FakeScanner, TestResponse, World};
use providers::UploadError;
use serde_json::json;

use super::{ADA, file, kept, link, rows, send, send_to, service, set_up, template};

fn messages(answer: &TestResponse) -> Vec<&str> {
    let errors = answer.json["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_invalid_file_value_is_refused_before_any_upload() {
    let world = World::new().await;
    let service = service(&world).await;
    for (value, said) in [
        (json!({"file": 5}), vec!["file 5 is not of type string"]),
        (
            json!({"file": "YWJj", "retention_period": "it's 1 month"}),
            vec![
                "retention_period Unsupported value for retention_period: its 1 month. Supported periods are from 1 to 78 weeks.",
            ],
        ),
        (
            json!({"file": "YWJj", "b": 1, "a": 1, "is_csv": "yes", "filename": 7}),
            vec![
                "Additional properties are not allowed (a, b were unexpected)",
                "is_csv Unsupported value for is_csv: yes. Use a boolean true or false value.",
                "filename `filename` must end with a file extension. For example, filename.csv",
                "Do not set a value for `is_csv` if `filename` is set.",
            ],
        ),
    ] {
        let both = json!({"link": value, "other": {"file": null}});
        let answer = send(&world, &service, both).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            messages(&answer),
            said,
            "the first file with errors answers"
        );
        assert_eq!(answer.json["errors"][0]["error"], "ValidationError");
    }
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
}

#[tokio::test]
async fn a_rejected_file_is_refused_with_a_reason() {
    let scanner = Arc::new(FakeScanner::default());
    let with = scanner.clone();
    let world = World::with(|settings, providers| {
        settings.max_file_bytes = 1 << 10;
        providers.scanner = Some(with);
    })
    .await;
    let service = service(&world).await;
    let types = "Supported types are: csv, doc, docx, jpeg, jpg, json, ods, odt, pdf, png, rtf, txt, xls, xlsx";
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
    for (value, said) in [
        (
            json!({"file": "no base64!"}),
            "Document is not base64 encoded".to_owned(),
        ),
        (json!({"file": ""}), "File is empty".to_owned()),
        (
            json!({"file": encoded(&[b'a'; 1025])}),
            "File is larger than 1KB".to_owned(),
        ),
        (
            json!({"file": "YWJj", "filename": "evil.js"}),
            format!("Unsupported file type 'js'. {types}"),
        ),
        (
            json!({"file": encoded(b"<html><script>alert(1)</script>")}),
            format!("Unsupported file type. {types}"),
        ),
        (
            json!({"file": encoded(b"MZ\x90\x00"), "filename": "a.pdf"}),
            "File type does not match the file: its contents are not pdf".to_owned(),
        ),
        (
            json!({"file": "YWJj", "filename": format!("{}.txt", "a".repeat(97))}),
            "Filename cannot be longer than 100 characters".to_owned(),
        ),
        (
            json!({"file": encoded(b"a virus")}),
            "File did not pass the virus scan".to_owned(),
        ),
    ] {
        let answer = send(&world, &service, json!({"link": value})).await;
        assert_eq!(answer.status, 400, "{said}");
        assert_eq!(messages(&answer), [said]);
        assert_eq!(answer.json["errors"][0]["error"], "BadRequestError");
    }
    scanner.set_unavailable(true);
    let unknown = send(&world, &service, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(
        unknown.status, 500,
        "what could not be looked at is not taken"
    );
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
}

#[tokio::test]
async fn a_simulated_recipient_uploads_nothing() {
    let world = World::new().await;
    let service = service(&world).await;
    let to = "Simulate-Delivered@notifications.service.gov.uk";
    let answer = send_to(&world, &service, to, json!({"link": {"file": "YWJj"}})).await;
    let expected = format!(
        "{}/services/{}/documents/test-document",
        world.app.settings.files_root, service.id
    );
    assert_eq!(link(&answer), expected);
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
}

#[tokio::test]
async fn a_service_without_a_contact_link_cannot_send_files() {
    let world = World::new().await;
    let service = world.service("Nowhere to turn").await;
    let body = json!({"name": "Ada", "day": {"file": "YWJj"}});
    let answer = send(&world, &service, body).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .message()
            .starts_with("Send files by email has not been set up - add contact details")
    );
}

#[tokio::test]
async fn a_refused_message_leaves_no_file_behind() {
    let world = World::new().await;
    let mut service = service(&world).await;
    service.email = template(&world, &service, "((link)) ((long))").await;
    let long = "x".repeat(2_000_001);
    let too_long = json!({"link": {"file": "YWJj"}, "long": long});
    let answer = send(&world, &service, too_long).await;
    assert!(
        answer
            .message()
            .starts_with("Your message is too long. Emails cannot")
    );
    assert_eq!(
        (kept(&world), rows(&world).await),
        (0, 0),
        "nothing was written"
    );
}

#[tokio::test]
async fn the_files_of_a_message_that_cannot_be_stored_are_deleted() {
    let world = World::new().await;
    let new = NewService {
        limits: [(domain::Allowance::Email, 3)].into(),
        rate_limit: 100_000,
        ..NewService::named("Riverside Council")
    };
    let mut service = world.service_with(new).await;
    set_up(&world, &service).await;
    service.email = template(&world, &service, "Download your file: ((link))").await;
    // All pass the cached check of the daily quota at once; the exact one accepts three.
    let posts = (0..8).map(|_| send(&world, &service, json!({"link": {"file": "YWJj"}})));
    let answers = futures::future::join_all(posts).await;
    let good = answers.iter().filter(|answer| answer.status == 201).count();
    let late = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((good, late), (3, 5));
    assert_eq!((kept(&world), rows(&world).await), (3, 3));
    world.run_tasks().await;
}

#[tokio::test]
async fn a_failing_file_storage_stores_nothing() {
    let world = World::new().await;
    let service = service(&world).await;
    let place = world.files().join("documents");
    std::fs::write(&place, "a file where the folder should be").unwrap();
    let answer = send(&world, &service, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 0);
    std::fs::remove_file(&place).unwrap();
    assert_eq!(
        send(&world, &service, json!({"link": {"file": "YWJj"}}))
            .await
            .status,
        201
    );
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 1);
}

#[tokio::test]
async fn the_links_are_in_the_message_that_is_sent_and_shown() {
    let world = World::new().await;
    let mut service = service(&world).await;
    service.email = template(&world, &service, "((one)) and ((two))").await;
    let both = json!({"one": {"file": "YWJj"}, "TWO": {"file": "YWJj"}, "three": {"file": "YWJj"}});
    let answer = send(&world, &service, both).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(
        kept(&world),
        3,
        "one that the template does not use is kept too"
    );
    let body = answer.json["content"]["body"].as_str().unwrap();
    let (one, two) = body.split_once(" and ").unwrap();
    assert!(one.contains("/d/") && two.contains("/d/") && one != two);
    let id = answer.json["id"].as_str().unwrap();
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.json["body"], body);
    world.run_tasks().await;
    let sent = format!("{:?}", world.email.accepted()[0].plain_body);
    assert!(sent.contains(one), "{sent}");
}

#[tokio::test]
async fn an_external_file_service_receives_the_options_of_the_sender() {
    let elsewhere = Arc::new(FakeFileService::with_link("https://files.example/d/1"));
    let with = elsewhere.clone();
    let world = World::with(|_, providers| providers.file_service = Some(with)).await;
    let service = service(&world).await;
    let more = json!({"filename": "a.exe", "retention_period": " 52 WEEKS "});
    let value = file(b"anything", &more);
    let answer = send_to(&world, &service, "Ada@Example.com", json!({"link": value})).await;
    assert_eq!(link(&answer), "https://files.example/d/1");
    let open = json!({"file": "YWJj", "confirm_email_before_download": false, "is_csv": null});
    send(&world, &service, json!({"link": open})).await;

    let uploads = elsewhere.uploads();
    let first = &uploads[0];
    assert_eq!(first.service_id, service.id.as_uuid());
    assert_eq!(first.document.reveal(), &STANDARD.encode("anything"));
    assert_eq!(first.confirmation_email.as_ref().unwrap().reveal(), ADA);
    assert_eq!(first.retention_period.as_deref(), Some(" 52 WEEKS "));
    assert_eq!(first.filename.as_ref().unwrap().reveal(), "a.exe");
    let second = &uploads[1];
    assert!(second.confirmation_email.is_none() && second.retention_period.is_none());
    assert!(second.filename.is_none() && !second.is_csv);
    assert_eq!(
        (kept(&world), rows(&world).await),
        (0, 0),
        "nothing is kept here"
    );

    elsewhere.reject_uploads(UploadError::Refused(
        "File did not pass the virus scan".to_owned(),
    ));
    let refused = send(&world, &service, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(messages(&refused), ["File did not pass the virus scan"]);
    elsewhere.reject_uploads(UploadError::Failed("it is away".into()));
    let failed = send(&world, &service, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(
        (failed.status.as_u16(), failed.message()),
        (500, "Internal server error")
    );
    world.run_tasks().await;
}
