//! Receipts of SES, by SNS and from a queue (`docs/spec/workers.md` §9.2, `docs/spec/public-api.md` §22.4).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Clock as _, NotificationStatus};
use pillarbox_stories::{FakeSns, INBOUND_PASSWORD, TestResponse, TestService, World};
use serde_json::{Value, json};

use super::status;

/// Sends an e-mail through a provider that reports, and returns its id and the provider's.
async fn sent(world: &World, service: &TestService) -> (String, String) {
    let answer = world
        .send_email(service, &service.normal, "ada@example.com")
        .await;
    let id = answer.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    let found = super::found(world, service.id, id.parse().unwrap()).await;
    assert_eq!(found.status, NotificationStatus::Sending);
    (id, found.reference.expect("the provider has an id for it"))
}

fn notice(world: &World, kind: &str, reference: &str) -> Value {
    json!({
        "notificationType": kind,
        "mail": {
            "messageId": reference,
            "timestamp": world.clock.now(),
            "destination": ["ada@example.com"],
        },
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": "ada@example.com", "status": "5.1.1"}]},
        "complaint": {"feedbackId": "fb-1", "complaintFeedbackType": "abuse", "timestamp": world.clock.now()},
    })
}

async fn by_sns(world: &World, message: &Value) -> TestResponse {
    world
        .request(
            "POST",
            "/notifications/amazon/sns",
            None,
            message.to_string(),
        )
        .await
}

async fn ses_says(world: &World, kind: &str, reference: &str) {
    let message = notice(world, kind, reference).to_string();
    let answer = by_sns(world, &FakeSns::message("Notification", &message)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json),
        (200, &json!({"result": "success"}))
    );
}

#[tokio::test]
async fn the_first_report_of_ses_decides() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ((arrived, first), (bounced, second)) =
        (sent(&world, &service).await, sent(&world, &service).await);
    for _ in 0..2 {
        ses_says(&world, "Delivery", &first).await;
        ses_says(&world, "Bounce", &second).await;
        world.run_tasks().await;
    }
    ses_says(&world, "Bounce", &first).await;
    ses_says(&world, "Delivery", &second).await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &arrived).await, "delivered");
    assert_eq!(
        world.status_of(&service, &bounced).await,
        "permanent-failure"
    );
    assert_eq!(world.sns.fetched().len(), 1, "the certificate is kept");
}

#[tokio::test]
async fn a_complaint_is_stored_once_and_changes_no_status() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (id, reference) = sent(&world, &service).await;
    ses_says(&world, "Delivery", &reference).await;
    for _ in 0..3 {
        ses_says(&world, "Complaint", &reference).await;
        world.run_tasks().await;
    }
    assert_eq!(world.status_of(&service, &id).await, "delivered");
    let mut session = world.app.read().await.unwrap();
    let complaints =
        store::complaints::list(&mut session, world.app.store().keyring(), service.id, 10)
            .await
            .unwrap();
    assert_eq!(complaints.len(), 1);
    assert_eq!(complaints[0].complaint_type.as_deref(), Some("abuse"));
    let other = world.service("Hilltop Council").await;
    let theirs = store::complaints::list(&mut session, world.app.store().keyring(), other.id, 10)
        .await
        .unwrap();
    assert_eq!(theirs, []);
}

#[tokio::test]
async fn a_report_after_the_retention_changes_the_history() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (id, reference) = sent(&world, &service).await;
    let id = id.parse().unwrap();
    let mut tx = world.app.store().write().await.unwrap();
    store::history::insert_from_notifications(&mut tx, service.id, &[id])
        .await
        .unwrap();
    store::history::delete(&mut tx, service.id, &[id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for kind in ["Delivery", "Bounce", "Complaint"] {
        ses_says(&world, kind, &reference).await;
        world.run_tasks().await;
    }
    let mut session = world.app.read().await.unwrap();
    let lines = store::history::list_by_id(&mut session, &[id])
        .await
        .unwrap();
    assert_eq!(lines[0].status, NotificationStatus::Delivered);
    let complaints =
        store::complaints::list(&mut session, world.app.store().keyring(), service.id, 10)
            .await
            .unwrap();
    assert_eq!(complaints.len(), 1);
}

#[tokio::test]
async fn a_text_message_takes_no_report_of_ses() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let text = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let id = text.json["id"].as_str().unwrap();
    world.run_tasks().await;
    let mut notice = notice(&world, "Bounce", "0102017c-0000-another");
    notice["mail"]["tags"] = json!({"notification_id": [id]});
    by_sns(
        &world,
        &FakeSns::message("Notification", &notice.to_string()),
    )
    .await;
    for _ in 0..6 {
        world.run_tasks().await;
        world.advance(Duration::from_mins(1));
    }
    assert_eq!(
        status(&world, service.id, id.parse().unwrap()).await,
        NotificationStatus::Sending
    );
}

#[tokio::test]
async fn only_signed_messages_of_our_topics_are_accepted() {
    let world = World::new().await;
    let good = FakeSns::message(
        "Notification",
        &notice(&world, "Delivery", "0102-unknown").to_string(),
    );
    let changed = |change: fn(&mut Value)| {
        let mut message = good.clone();
        change(&mut message);
        message
    };
    for (what, message, expected) in [
        ("unchanged", good.clone(), 200),
        (
            "another text",
            changed(|one| one["Message"] = "{}".into()),
            403,
        ),
        (
            "another topic",
            changed(|one| one["TopicArn"] = "arn:aws:sns:eu-west-2:1:x".into()),
            403,
        ),
        (
            "no signature",
            changed(|one| one["Signature"] = "".into()),
            403,
        ),
        (
            "another version",
            changed(|one| one["SignatureVersion"] = "1".into()),
            403,
        ),
        (
            "an unknown version",
            changed(|one| one["SignatureVersion"] = "3".into()),
            403,
        ),
        (
            "a certificate elsewhere",
            changed(|one| one["SigningCertURL"] = "https://sns.evil.example/a.pem".into()),
            403,
        ),
        ("no message", json!({"Type": "Notification"}), 400),
    ] {
        let answer = by_sns(&world, &message).await;
        assert_eq!(answer.status, expected, "{what}: {}", answer.text);
    }
    // SHA-1 is what topics use unless they are told otherwise.
    let mut old = FakeSns::message_of_version_1();
    assert_eq!(by_sns(&world, &old).await.status, 200);
    old["Timestamp"] = "2026-03-02T09:00:01.000Z".into();
    assert_eq!(by_sns(&world, &old).await.status, 403);
    world.run_tasks().await;
    let fetched = world.sns.fetched();
    assert_eq!(
        fetched.len(),
        1,
        "nothing is fetched for strangers: {fetched:?}"
    );
    for _ in 0..6 {
        world.advance(Duration::from_mins(1));
        world.run_tasks().await;
    }
}

#[tokio::test]
async fn a_subscription_is_confirmed_and_its_end_is_noticed() {
    let world = World::new().await;
    let confirmation = FakeSns::message("SubscriptionConfirmation", "You have chosen to subscribe");
    world.sns.set_down(true);
    assert_eq!(
        by_sns(&world, &confirmation).await.status,
        503,
        "SNS tries again"
    );
    world.sns.set_down(false);
    assert_eq!(by_sns(&world, &confirmation).await.status, 200);
    let fetched = world.sns.fetched();
    assert!(fetched.last().unwrap().contains("ConfirmSubscription"));
    let mut elsewhere = confirmation.clone();
    elsewhere["SubscribeURL"] = "https://169.254.169.254/".into();
    assert_eq!(by_sns(&world, &elsewhere).await.status, 403);
    let end = FakeSns::message("UnsubscribeConfirmation", "You have chosen to unsubscribe");
    assert_eq!(by_sns(&world, &end).await.status, 200);
    assert_eq!(world.sns.fetched().len(), fetched.len());
}

#[tokio::test]
async fn forwarders_need_the_password_and_events_of_no_use_are_dropped() {
    let world = World::new().await;
    let post = async |authorization: Option<&str>, body: &str| {
        let path = "/notifications/amazon/events";
        world
            .request("POST", path, authorization, body.to_owned())
            .await
            .status
            .as_u16()
    };
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let good = basic(format!("amazon:{INBOUND_PASSWORD}"));
    let reject = json!({"notificationType": "Reject", "mail": {"messageId": "0102"}}).to_string();
    assert_eq!(post(None, &reject).await, 401);
    assert_eq!(
        post(Some(&basic("amazon:wrong".to_owned())), &reject).await,
        403
    );
    assert_eq!(post(Some(&good), "nonsense").await, 400);
    assert_eq!(post(Some(&good), &reject).await, 200);
    assert_eq!(world.run_tasks().await, 0);
}

#[tokio::test]
async fn end_user_messaging_reports_on_texts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let answer = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let id = answer.json["id"].as_str().unwrap();
    world.run_tasks().await;
    for (kind, is_final, expected) in [
        ("TEXT_SENT", false, "sending"),
        ("TEXT_UNREACHABLE", false, "sending"),
        ("TEXT_CARRIER_BLOCKED", true, "permanent-failure"),
        ("TEXT_DELIVERED", true, "permanent-failure"),
    ] {
        // By EventBridge through SNS.
        let event = json!({"detail-type": "x", "detail": {
            "eventType": kind, "isFinal": is_final, "messageId": "m", "destinationPhoneNumber": "+447700900123",
            "context": {"notification_id": id},
        }});
        let answer = by_sns(
            &world,
            &FakeSns::message("Notification", &event.to_string()),
        )
        .await;
        assert_eq!(answer.status, 200);
        world.run_tasks().await;
        assert_eq!(world.status_of(&service, id).await, expected, "{kind}");
    }
}
