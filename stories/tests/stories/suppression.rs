//! The suppression list (`docs/suppression.md`).

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Clock as _, InboundNumberId, Permission};
use pillarbox_stories::{FakeSns, INBOUND_PASSWORD, MMG_USER, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::inbound_numbers::InboundNumber;

const ADA: &str = "ada@example.com";
const NUMBER: &str = "07700900600";

/// Sends an e-mail to an address and returns its status after its task has run.
async fn email_to(world: &World, service: &TestService, address: &str) -> (String, String) {
    let answer = world.send_email(service, &service.normal, address).await;
    let id = answer.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    let status = world.status_of(service, &id).await;
    (id, status)
}

async fn ses_reports(world: &World, id: &str, notice: &Value) {
    let mut notice = notice.clone();
    notice["mail"] = json!({"messageId": "m", "tags": {"notification_id": [id]}});
    let message = FakeSns::message("Notification", &notice.to_string());
    let path = "/notifications/amazon/sns";
    let answer = world.request("POST", path, None, message.to_string()).await;
    assert_eq!(answer.status, 200);
    world.run_tasks().await;
}

fn hard_bounce() -> Value {
    json!({"notificationType": "Bounce", "bounce": {"bounceType": "Permanent"}})
}

async fn listed(world: &World, service: &TestService) -> Vec<Value> {
    let answer = world.get(&service.normal, "/v2/suppressions").await;
    answer.json["suppressions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn after_a_hard_bounce_a_service_sends_nothing_more_to_the_address() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Hilltop Council").await,
    );
    let (id, status) = email_to(&world, &service, ADA).await;
    assert_eq!(status, "sending");
    for _ in 0..2 {
        ses_reports(&world, &id, &hard_bounce()).await;
    }
    let (withheld, status) = email_to(&world, &service, "ADA@example.com").await;
    assert_eq!(status, "permanent-failure");
    let found = super::receipts::found(&world, service.id, withheld.parse().unwrap()).await;
    assert!(
        found
            .problem
            .unwrap()
            .contains("suppression list: hard-bounce")
    );
    assert_eq!(found.sent_by, None);
    assert_eq!(
        email_to(&world, &service, "grace@example.com").await.1,
        "sending"
    );
    assert_eq!(
        email_to(&world, &other, ADA).await.1,
        "sending",
        "it is the list of one service"
    );
    assert_eq!(world.email.accepted().len(), 3);

    let entries = listed(&world, &service).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0]["recipient"], &entries[0]["reason"]),
        (&json!(ADA), &json!("hard-bounce"))
    );
    assert_eq!(listed(&world, &other).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_late_bounce_and_a_complaint_suppress_and_a_soft_bounce_does_not() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (id, _) = email_to(&world, &service, ADA).await;
    ses_reports(&world, &id, &json!({"notificationType": "Delivery"})).await;
    let soft = json!({"notificationType": "Bounce", "bounce": {"bounceType": "Transient"}});
    ses_reports(&world, &id, &soft).await;
    assert_eq!(email_to(&world, &service, ADA).await.1, "sending");
    ses_reports(&world, &id, &hard_bounce()).await;
    assert_eq!(world.status_of(&service, &id).await, "delivered");
    assert_eq!(email_to(&world, &service, ADA).await.1, "permanent-failure");

    let (id, _) = email_to(&world, &service, "grace@example.com").await;
    ses_reports(
        &world,
        &id,
        &json!({"notificationType": "Complaint", "complaint": {}}),
    )
    .await;
    assert_eq!(
        email_to(&world, &service, "grace@example.com").await.1,
        "permanent-failure"
    );
    let reasons: Vec<Value> = listed(&world, &service)
        .await
        .iter()
        .map(|one| one["reason"].clone())
        .collect();
    assert_eq!(reasons.len(), 2);
}

#[tokio::test]
async fn the_settings_turn_bounces_and_complaints_off() {
    let world = World::with(|settings, _| {
        settings.suppress_hard_bounces = false;
        settings.suppress_complaints = false;
    })
    .await;
    let service = world.service("Riverside Council").await;
    let (id, _) = email_to(&world, &service, ADA).await;
    ses_reports(&world, &id, &hard_bounce()).await;
    ses_reports(
        &world,
        &id,
        &json!({"notificationType": "Complaint", "complaint": {}}),
    )
    .await;
    assert_eq!(email_to(&world, &service, ADA).await.1, "sending");
}

#[tokio::test]
async fn a_service_edits_its_list_and_every_change_is_recorded() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Hilltop Council").await,
    );
    let add = async |key: &pillarbox_stories::Key, recipient: &str| {
        world
            .post(key, "/v2/suppressions", &json!({"recipient": recipient}))
            .await
    };
    let first = add(&service.normal, "07700 900123").await;
    assert_eq!(first.status, 201);
    let again = add(&service.normal, "+447700900123").await;
    assert_eq!((again.status.as_u16(), &again.json), (200, &first.json));
    assert_eq!(add(&service.normal, "nobody").await.status, 400);
    for key in [&service.team, &service.test] {
        assert_eq!(add(key, ADA).await.status, 403);
    }
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let tested = world.send_sms(&service, &service.test, "07700900123").await;
    world.run_tasks().await;
    let id = sent.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, id).await, "permanent-failure");
    let tested = tested.json["id"].as_str().unwrap();
    let shown = world
        .get(&service.test, &format!("/v2/notifications/{tested}"))
        .await;
    assert_eq!(
        shown.json["status"], "delivered",
        "a test key reaches nobody"
    );

    let path = format!("/v2/suppressions/{}", first.json["id"].as_str().unwrap());
    let delete = async |service: &TestService, key: &pillarbox_stories::Key| {
        let token = world.token(&service.id.to_string(), &key.secret);
        world
            .request("DELETE", &path, Some(&token), "")
            .await
            .status
            .as_u16()
    };
    assert_eq!(delete(&other, &other.normal).await, 404);
    assert_eq!(delete(&service, &service.test).await, 403);
    assert_eq!(delete(&service, &service.normal).await, 204);
    assert_eq!(delete(&service, &service.normal).await, 404);
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.run_tasks().await;
    let id = sent.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, id).await, "sending");

    let path = format!("/service/{}/suppression-events", service.id);
    let events = world.internal_request("GET", &path, "").await;
    let events: Vec<(&Value, &Value)> = events
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["action"], &event["actor"]))
        .collect();
    let (added, removed, api) = (json!("added"), json!("removed"), json!("api"));
    assert_eq!(events.len(), 2);
    assert!(events.contains(&(&added, &api)) && events.contains(&(&removed, &api)));
}

#[tokio::test]
async fn the_list_of_the_platform_holds_for_all_services() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let change = async |body: Value| {
        world
            .internal_request("POST", "/suppression", body.to_string())
            .await
            .status
            .as_u16()
    };
    assert_eq!(change(json!({"recipient": ADA})).await, 201);
    assert_eq!(change(json!({"recipient": ADA})).await, 200);
    assert_eq!(email_to(&world, &service, ADA).await.1, "permanent-failure");
    assert_eq!(listed(&world, &service).await, [] as [Value; 0]);
    assert_eq!(change(json!({"recipient": ADA, "remove": true})).await, 200);
    assert_eq!(change(json!({"recipient": ADA, "remove": true})).await, 404);
    assert_eq!(email_to(&world, &service, ADA).await.1, "sending");
    let events = world
        .internal_request("GET", "/suppression-events", "")
        .await;
    assert_eq!(events.data().as_array().unwrap().len(), 2);
    let unknown = "/service/22222222-0000-4000-8000-000000000001/suppression";
    let answer = world
        .internal_request("POST", unknown, json!({"recipient": ADA}).to_string())
        .await;
    assert_eq!(answer.status, 404);
}

async fn texts_back(world: &World, id: &str, text: &str) -> TestResponse {
    let body = json!({
        "ID": id, "MSISDN": "447700900123", "Message": text, "Number": "447700900600",
    });
    let authorization = format!(
        "Basic {}",
        STANDARD.encode(format!("{MMG_USER}:{INBOUND_PASSWORD}"))
    );
    let path = "/notifications/sms/receive/mmg";
    world
        .request("POST", path, Some(&authorization), body.to_string())
        .await
}

#[tokio::test]
async fn stop_suppresses_and_start_lifts_it() {
    let world = World::new().await;
    let mut new = NewService::named("Riverside Council");
    new.permissions.insert(Permission::InboundSms);
    let service = world.service_with(new).await;
    let number = InboundNumber {
        id: InboundNumberId::generate(world.clock.now(), world.app.random()),
        number: NUMBER.to_owned(),
        provider: "mmg".to_owned(),
        service_id: Some(service.id),
        active: true,
    };
    let mut tx = world.app.store().write().await.unwrap();
    store::inbound_numbers::insert(&mut tx, &number, world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let status = async || {
        let sent = world
            .send_sms(&service, &service.normal, "07700900123")
            .await;
        world.run_tasks().await;
        world
            .status_of(&service, sent.json["id"].as_str().unwrap())
            .await
    };
    texts_back(&world, "1", "Please+stop+the+noise").await;
    assert_eq!(status().await, "sending");
    texts_back(&world, "2", "Stop.").await;
    assert_eq!(status().await, "permanent-failure");
    texts_back(&world, "3", "START").await;
    assert_eq!(status().await, "sending");
    // MMG delivers the old STOP again.
    texts_back(&world, "2", "Stop.").await;
    assert_eq!(status().await, "sending");
    // What the service has decided stays.
    world
        .post(
            &service.normal,
            "/v2/suppressions",
            &json!({"recipient": "07700900123"}),
        )
        .await;
    texts_back(&world, "4", "start").await;
    assert_eq!(status().await, "permanent-failure");
    let texts = world
        .get(&service.normal, "/v2/received-text-messages")
        .await;
    assert_eq!(
        texts.json["received_text_messages"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn the_list_survives_a_rotation_of_the_keys_and_an_erasure() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .post(
            &service.normal,
            "/v2/suppressions",
            &json!({"recipient": ADA}),
        )
        .await;
    let line = store::Keyring::new_key_line(2, world.app.random());
    let old = std::fs::read_to_string(world.keyring()).unwrap();
    std::fs::write(world.keyring(), format!("{old}{line}")).unwrap();
    world.app.store().keyring().reload().unwrap();
    let done = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap();
    assert_eq!(done.suppressions, 1);

    let recipient = app::privacy::erasure::Recipient::parse(ADA).unwrap();
    let mut erasure = app::privacy::erasure::Erasure::new(&world.app, recipient, None);
    while !erasure.run().await.unwrap() {}
    assert_eq!(erasure.report().suppressions, 1);
    let entries = listed(&world, &service).await;
    assert_eq!(entries[0]["recipient"], Value::Null);

    // Another process reads the key of the hashes anew.
    let world = world.restarted().await;
    assert_eq!(email_to(&world, &service, ADA).await.1, "permanent-failure");
}
