//! Letters that people upload as PDF and then send (`docs/spec/letters.md` §5.1).

use std::time::Duration;

use domain::{Clock as _, NotificationId, NotificationStatus as S};
use pillarbox_stories::{FakeScanner, TestResponse, TestService, World};
use serde_json::{Value, json};

use super::{archive, count_files, kept, service, service_that_sends_letters};
use crate::letter_delivery::{address, pdf_of, words};

const ADDRESS: [&str; 3] = ["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"];

async fn upload(world: &World, service: &TestService, pages: &[String]) -> TestResponse {
    let path = format!("/service/{}/letter-upload?file_name=bins.pdf", service.id);
    world
        .internal_request("POST", &path, pdf_of(pages, "letter"))
        .await
}

/// Uploads a letter of three pages and returns its id.
async fn uploaded(world: &World, service: &TestService) -> String {
    let page = words(20.0, 120.0, "Dear Ada");
    let answer = upload(world, service, &[address(&ADDRESS), page.clone(), page]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.data()["id"].as_str().unwrap().to_owned()
}

fn to_send(file: &str) -> Value {
    json!({
        "file_id": file, "filename": "bins.pdf", "postage": "first",
        "recipient_address": "Ada Lovelace\n1 Mill Lane\nSW1A 1AA",
    })
}

async fn send(world: &World, service: &TestService, body: &Value) -> TestResponse {
    let path = format!("/service/{}/send-pdf-letter", service.id);
    world
        .internal_request("POST", &path, body.to_string())
        .await
}

/// Returns the number of files of uploads.
fn uploads(world: &World) -> usize {
    count_files(&world.files().join("letter-uploads"))
}

#[tokio::test]
async fn an_uploaded_letter_is_sent_once_however_often_it_is_asked_for() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let file = uploaded(&world, &service).await;
    assert_eq!(uploads(&world), 2);
    let body = to_send(&file);
    // Two clicks at once, and one later.
    let (one, other) = tokio::join!(send(&world, &service, &body), send(&world, &service, &body));
    let late = send(&world, &service, &body).await;
    for answer in [one, other, late] {
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.data()["id"], json!(file));
    }
    assert_eq!(uploads(&world), 0, "the file has moved");
    let id: NotificationId = file.parse().unwrap();
    let letter = kept(&world, &service, id).await;
    assert_eq!((letter.status, letter.billable_units), (S::Created, 2));
    assert_eq!(letter.client_reference.as_deref(), Some("bins.pdf"));
    assert_eq!(letter.postage, Some(domain::Postage::First));
    let day = world.clock.now().utc_day();
    let mut session = world.app.read().await.unwrap();
    let spent =
        store::counters::find_spent(&mut session, service.id, domain::Allowance::Letter, day);
    assert_eq!(spent.await.unwrap(), 1);
    drop(session);
    world.print_letters().await;
    let printed = world.letter.accepted();
    assert_eq!(printed.len(), 1);
    assert_eq!(printed[0].address, ADDRESS);

    // A click after retention prints nothing.
    let mut tx = world.app.store().write().await.unwrap();
    archive(&mut tx, service.id, id).await;
    tx.commit().await.unwrap();
    let answer = send(&world, &service, &body).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.data()["id"]),
        (201, &json!(file))
    );
    world.print_letters().await;
    assert_eq!(world.letter.accepted().len(), 1);
}

#[tokio::test]
async fn an_upload_belongs_to_its_service() {
    let world = World::new().await;
    let here = service(&world, "Riverside Council").await;
    let there = service(&world, "Hillside Council").await;
    let file = uploaded(&world, &here).await;
    let answer = send(&world, &there, &to_send(&file)).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    // Nor does another one's letter count as sent.
    send(&world, &here, &to_send(&file)).await;
    let answer = send(&world, &there, &to_send(&file)).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    let unknown = send(
        &world,
        &here,
        &to_send("22222222-0000-4000-8000-000000000001"),
    )
    .await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}

#[tokio::test]
async fn an_upload_that_cannot_be_printed_says_why() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let far_out = words(5.0, 100.0, "in the margin");
    for (pages, reason, invalid_pages) in [
        (
            vec![address(&ADDRESS), far_out],
            "content-outside-printable-area",
            json!([2]),
        ),
        (
            vec![address(&["Ada", "SW1A 1AA"])],
            "not-enough-address-lines",
            json!([1]),
        ),
        (vec![address(&ADDRESS); 11], "letter-too-long", json!([])),
    ] {
        let answer = upload(&world, &service, &pages).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let data = answer.data();
        assert_eq!(data["valid"], json!(false));
        assert_eq!(
            (&data["message"], &data["invalid_pages"]),
            (&json!(reason), &invalid_pages)
        );
    }
    let path = format!("/service/{}/letter-upload?file_name=x.pdf", service.id);
    let answer = world.internal_request("POST", &path, "no PDF").await;
    assert_eq!(answer.data()["message"], json!("unable-to-read-the-file"));
    let bad = pdf_of(&[address(&ADDRESS)], FakeScanner::VIRUS);
    let answer = world.internal_request("POST", &path, bad).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.message(), "File did not pass the virus scan");
    assert_eq!(uploads(&world), 0);
}

#[tokio::test]
async fn who_may_not_send_letters_sends_no_upload() {
    let world = World::new().await;
    let trial = app::manage::services::NewService {
        restricted: true,
        ..service_that_sends_letters("Hillside Council")
    };
    let trial = world.service_with(trial).await;
    let file = uploaded(&world, &trial).await;
    let answer = send(&world, &trial, &to_send(&file)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(
        answer.message(),
        "Cannot send letters when service is in trial mode"
    );

    let mut without = service_that_sends_letters("Riverside Council");
    without.permissions.remove(&domain::Permission::Letter);
    let without = world.service_with(without).await;
    let file = uploaded(&world, &without).await;
    let answer = send(&world, &without, &to_send(&file)).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.message(), "Service is not allowed to send letters");
    assert_eq!(
        count_files(&world.files().join("letters")),
        0,
        "nothing is left behind"
    );
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let file = uploaded(&world, &service).await;
    for (member, value, status) in [
        ("postage", json!("europe"), 400),
        ("postage", json!("pigeon"), 400),
        (
            "recipient_address",
            json!("Eve\n2 Mill Lane\nSW1A 1AA"),
            400,
        ),
        (
            "created_by",
            json!("22222222-0000-4000-8000-000000000001"),
            400,
        ),
        ("file_id", json!("x"), 400),
        ("file_id", Value::Null, 400),
    ] {
        let mut body = to_send(&file);
        body[member] = value;
        let answer = send(&world, &service, &body).await;
        assert_eq!(answer.status, status, "{body} {}", answer.text);
    }
    assert_eq!(send(&world, &service, &to_send(&file)).await.status, 201);
}

#[tokio::test]
async fn an_upload_is_kept_for_a_day() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let (last, late) = (
        uploaded(&world, &service).await,
        uploaded(&world, &service).await,
    );
    world.advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert_eq!(send(&world, &service, &to_send(&last)).await.status, 201);
    world.advance(Duration::from_secs(1));
    let answer = send(&world, &service, &to_send(&late)).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert_eq!(uploads(&world), 2);
    // The second night after.
    let night: domain::Timestamp = "2026-03-04T03:00:00Z".parse().unwrap();
    world.advance(night.since(world.clock.now()));
    world.run_schedule().await;
    assert_eq!(uploads(&world), 0);
}

#[tokio::test]
async fn an_upload_beyond_the_daily_quota_waits() {
    let world = World::new().await;
    let service = app::manage::services::NewService {
        limits: [(domain::Allowance::Letter, 1)].into(),
        ..service_that_sends_letters("Riverside Council")
    };
    let service = world.service_with(service).await;
    let (one, other) = (
        uploaded(&world, &service).await,
        uploaded(&world, &service).await,
    );
    assert_eq!(send(&world, &service, &to_send(&one)).await.status, 201);
    let answer = send(&world, &service, &to_send(&other)).await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    world.advance(Duration::from_hours(15));
    assert_eq!(send(&world, &service, &to_send(&other)).await.status, 201);
}

#[tokio::test]
async fn a_refused_request_leaves_the_pages_of_a_letter_that_another_one_sends() {
    let world = World::new().await;
    let service = world
        .service_with(service_that_sends_letters("Riverside Council"))
        .await;
    for _ in 0..5 {
        let file = uploaded(&world, &service).await;
        let mut by_nobody = to_send(&file);
        by_nobody["created_by"] = json!(uuid::Uuid::from_u128(7));
        let good = to_send(&file);
        let refused = async {
            let requests = (0..8).map(|_| send(&world, &service, &by_nobody));
            futures::future::join_all(requests).await
        };
        let (refused, sent) = tokio::join!(refused, send(&world, &service, &good));
        // One that comes after the letter was sent is told so, as every repetition is.
        for answer in refused {
            assert!(
                [400, 201].contains(&answer.status.as_u16()),
                "{}",
                answer.text
            );
        }
        assert_eq!(sent.status, 201, "{}", sent.text);
        let pages = world.files().join("letters");
        let pages = pages.join(format!("service-{}/{file}.pdf", service.id));
        assert!(pages.exists(), "the letter has its pages");
    }
}

#[tokio::test]
async fn pages_of_an_upload_that_was_refused_and_never_sent_are_removed_with_it() {
    let world = World::new().await;
    let service = app::manage::services::NewService {
        limits: [(domain::Allowance::Letter, 1)].into(),
        ..service_that_sends_letters("Riverside Council")
    };
    let service = world.service_with(service).await;
    let (sent, refused) = (
        uploaded(&world, &service).await,
        uploaded(&world, &service).await,
    );
    assert_eq!(send(&world, &service, &to_send(&sent)).await.status, 201);
    assert_eq!(send(&world, &service, &to_send(&refused)).await.status, 429);
    let night: domain::Timestamp = "2026-03-04T03:00:00Z".parse().unwrap();
    world.advance(night.since(world.clock.now()));
    world.run_schedule().await;
    assert_eq!(uploads(&world), 0);
    let left = world.files().join("letters");
    let left = left.join(format!("service-{}", service.id));
    assert!(left.join(format!("{sent}.pdf")).exists());
    assert!(!left.join(format!("{refused}.pdf")).exists());
}
