use std::time::Duration;

use domain::CallbackKind;
use pillarbox_stories::{Answer, TestService, World};
use serde_json::{Value, json};

use super::{OTHER_URL, RETRY_DELAY, URL, delivered_sms, told_service};

async fn attempts(world: &World, service: &TestService, query: &str) -> Vec<Value> {
    let path = format!("/service/{}/callbacks?{query}", service.id);
    let answer = world.internal_request("GET", &path, "").await;
    answer.data().as_array().unwrap().clone()
}

async fn replay(world: &World, service: &TestService, body: &Value) -> u16 {
    let path = format!("/service/{}/callbacks/replay", service.id);
    let answer = world
        .internal_request("POST", &path, body.to_string())
        .await;
    world.run_tasks().await;
    answer.status.as_u16()
}

#[tokio::test]
async fn every_attempt_is_in_the_log_without_personal_data() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.receiver.answers(
        URL,
        [
            Answer::Status(500, "cannot tell 07700900123 that"),
            Answer::Break,
        ],
    );
    let id = delivered_sms(&world, &service).await;
    for _ in 0..3 {
        world.run_tasks().await;
        world.advance(RETRY_DELAY);
    }
    let log = attempts(&world, &service, "").await;
    let outcomes: Vec<_> = log
        .iter()
        .map(|one| (&one["outcome"], &one["status"], &one["attempt"]))
        .collect();
    assert_eq!(
        outcomes,
        [
            (&json!("delivered"), &json!(200), &json!(3)),
            (&json!("retry"), &Value::Null, &json!(2)),
            (&json!("retry"), &json!(500), &json!(1)),
        ]
    );
    assert_eq!(log[2]["answer"], "cannot tell … that");
    assert_eq!(log[2]["subject_id"], json!(id));
    assert_eq!(
        attempts(&world, &service, "outcome=delivered").await.len(),
        1
    );
    let about = format!("subject={id}&kind=delivery_status");
    assert_eq!(attempts(&world, &service, &about).await.len(), 3);
    assert_eq!(attempts(&world, &service, "kind=complaint").await.len(), 0);
    let since = "since=2026-03-02T09:05:00Z&until=2026-03-02T09:06:00Z";
    assert_eq!(attempts(&world, &service, since).await.len(), 1);
    let other = world.service("Hilltop Council").await;
    assert!(attempts(&world, &other, "").await.is_empty());
}

#[tokio::test]
async fn what_a_service_was_not_told_is_sent_again() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world
        .receiver
        .always_answers(URL, Some(Answer::Status(400, "")));
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.push(delivered_sms(&world, &service).await);
    }
    world.run_tasks().await;
    world.receiver.always_answers(URL, None);
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(world.receiver.received(URL).len(), 4);
    // One of them by its id, as often as it is asked for.
    let log = attempts(&world, &service, "outcome=refused").await;
    for attempts in [5, 6] {
        assert_eq!(
            replay(&world, &service, &json!({"id": log[0]["id"]})).await,
            202
        );
        assert_eq!(world.receiver.received(URL).len(), attempts);
    }
    // All others that were not told: once.
    for _ in 0..2 {
        assert_eq!(replay(&world, &service, &json!({})).await, 202);
        assert_eq!(world.receiver.received(URL).len(), 8);
    }
    // What was told too, if it is asked for; by time.
    let all = json!({"outcomes": ["delivered"], "kind": "delivery_status", "since": "2026-03-02T08:00:00Z"});
    assert_eq!(replay(&world, &service, &all).await, 202);
    assert!(world.receiver.received(URL).len() > 8);
    let before = json!({"outcomes": ["refused"], "until": "2026-03-02T08:00:00Z"});
    let sent = world.receiver.received(URL).len();
    assert_eq!(replay(&world, &service, &before).await, 202);
    assert_eq!(world.receiver.received(URL).len(), sent);
    // Another service cannot have them sent.
    let other = told_service(&world, "Hilltop Council", OTHER_URL).await;
    assert_eq!(
        replay(&world, &other, &json!({"id": log[0]["id"]})).await,
        404
    );
    assert_eq!(replay(&world, &other, &json!({})).await, 202);
    assert!(world.receiver.received(OTHER_URL).is_empty());
}

#[tokio::test]
async fn the_log_is_kept_for_a_week() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    for (days, kept) in [(6, 1), (2, 0)] {
        world.advance(Duration::from_hours(days * 24));
        let night = domain::Clock::now(&*world.clock).utc_day().start();
        let night = night.plus(Duration::from_mins(4 * 60 + 20));
        app::upkeep::schedule::fire(&world.app, night)
            .await
            .unwrap();
        world.run_tasks().await;
        assert_eq!(attempts(&world, &service, "").await.len(), kept);
    }
}

#[tokio::test]
async fn a_callback_is_signed_with_each_live_secret() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    let headers = world.receiver.received(URL).pop().unwrap().headers;
    assert!(headers.contains_key("webhook-id"));
    assert!(!headers.contains_key("webhook-signature"));
    let path = format!("/service/{}/delivery-receipt-api/secret", service.id);
    let mut secrets = Vec::new();
    for signatures in [1, 2, 2] {
        let made = world.internal_request("POST", &path, "").await;
        secrets.push(made.data()["secret"].as_str().unwrap().to_owned());
        delivered_sms(&world, &service).await;
        world.run_tasks().await;
        let told = world.receiver.received(URL).pop().unwrap();
        let signed = told.headers["webhook-signature"].split(' ').count();
        assert_eq!(signed, signatures);
    }
    assert!(secrets.iter().all(|secret| secret.starts_with("whsec_")));
    assert_eq!(
        world.internal_request("DELETE", &path, "").await.status,
        204
    );
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    let told = world.receiver.received(URL).pop().unwrap();
    assert!(!told.headers["webhook-signature"].contains(' '));
    let kind = CallbackKind::DeliveryStatus;
    let found = app::manage::callbacks::find(&world.app, service.id, kind)
        .await
        .unwrap();
    assert_eq!(found.secrets.len(), 1);
    assert_eq!(found.secrets[0].reveal(), secrets.last().unwrap());
}
