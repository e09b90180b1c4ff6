use std::time::Duration;

use app::manage::callbacks::CallbackChange;
use domain::{CallbackKind, Channel};
use pillarbox_stories::{Answer, Behaviour, World};
use serde_json::json;

use super::{OTHER_URL, URL, delivered_sms, mmg_reports, sent_sms, tell, told_service};

#[tokio::test]
async fn a_service_is_told_what_became_of_a_text_to_the_letter() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    let body = json!({
        "phone_number": "07700 900123",
        "template_id": service.sms,
        "personalisation": {"name": "Ada", "day": "Friday"},
        "reference": "fünf \"5\"",
    });
    let answer = world
        .post(&service.normal, "/v2/notifications/sms", &body)
        .await;
    let id = answer.json["id"].as_str().unwrap();
    world.run_tasks().await;
    assert_eq!(world.receiver.received(URL).len(), 0, "it is only sending");
    world.advance(Duration::from_secs(90));
    mmg_reports(&world, id, "3").await;
    world.run_tasks().await;
    let received = world.receiver.received(URL);
    assert_eq!(received.len(), 1);
    let template = service.sms;
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    let time = |key: &str| shown.json[key].as_str().unwrap().to_owned();
    let (created, completed, sent) = (time("created_at"), time("completed_at"), time("sent_at"));
    assert_eq!(
        received[0].body,
        format!(
            "{{\"id\": \"{id}\", \"reference\": \"f\\u00fcnf \\\"5\\\"\", \"to\": \"07700 900123\", \
             \"status\": \"delivered\", \"created_at\": \"{created}\", \
             \"completed_at\": \"{completed}\", \"sent_at\": \"{sent}\", \
             \"notification_type\": \"sms\", \"template_id\": \"{template}\", \"template_version\": 1}}"
        )
    );
    let authorization = &received[0].headers["authorization"];
    assert_eq!(authorization, "Bearer a-token-of-theirs");
}

#[tokio::test]
async fn every_outcome_is_told_and_no_other_status() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    let mut expected = Vec::new();
    for (code, status) in [
        ("3", "delivered"),
        ("2", "permanent-failure"),
        ("4", "temporary-failure"),
        ("99", "technical-failure"),
    ] {
        let id = sent_sms(&world, &service).await;
        mmg_reports(&world, &id, code).await;
        expected.push((id, status));
    }
    world.email.set_behaviour(Behaviour::RejectRecipient);
    let rejected = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    let rejected = rejected.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    expected.push((rejected, "permanent-failure"));
    // A test key sends nothing, and its outcome is told all the same.
    let simulated = world.send_sms(&service, &service.test, "07700900003").await;
    let simulated = simulated.json["id"].as_str().unwrap().to_owned();
    expected.push((simulated, "temporary-failure"));
    world.run_tasks().await;
    // Declined for now: `pending` is not told.
    let pending = sent_sms(&world, &service).await;
    world
        .request(
            "POST",
            "/notifications/sms/firetext",
            None,
            format!("reference={pending}&status=2"),
        )
        .await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &pending).await, "pending");
    let mut told: Vec<_> = world
        .receiver
        .received(URL)
        .iter()
        .map(|one| {
            let json = one.json();
            let text = |key: &str| json[key].as_str().unwrap().to_owned();
            (text("id"), text("status"))
        })
        .collect();
    told.sort();
    let mut expected: Vec<_> = expected
        .into_iter()
        .map(|(id, status)| (id, status.to_owned()))
        .collect();
    expected.sort();
    assert_eq!(told, expected);
    // What is never reported is told when it times out.
    world.advance(Duration::from_hours(4 * 24));
    let night = "2026-03-06T00:05:00Z".parse().unwrap();
    app::upkeep::schedule::fire(&world.app, night)
        .await
        .unwrap();
    world.run_tasks().await;
    let last = world.receiver.received(URL).pop().unwrap().json();
    assert_eq!(
        (&last["id"], &last["status"]),
        (&json!(pending), &json!("temporary-failure"))
    );
}

#[tokio::test]
async fn acceptance_is_told_where_it_is_the_last_status() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.email.set_reports_delivery(false);
    world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world.run_tasks().await;
    let told = world.receiver.received(URL).pop().unwrap().json();
    assert_eq!(told["status"], "delivered");
    assert!(told["sent_at"].is_string());
    assert_eq!(told["notification_type"], Channel::Email.as_str());
}

#[tokio::test]
async fn a_service_without_a_callback_costs_no_task() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    // A callback for another kind of event, and another service's.
    tell(&world, &service, CallbackKind::InboundSms, URL).await;
    told_service(&world, "Hilltop Council", OTHER_URL).await;
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    assert!(world.receiver.all_received().is_empty());
}

#[tokio::test]
async fn what_is_told_is_fixed_when_it_is_due() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.receiver.answers(URL, [Answer::Status(503, "")]);
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    let change = CallbackChange {
        url: Some(OTHER_URL.to_owned()),
        bearer_token: Some("another-token".to_owned()),
        ..CallbackChange::default()
    };
    let kind = CallbackKind::DeliveryStatus;
    app::manage::callbacks::set(&world.app, service.id, kind, change)
        .await
        .unwrap();
    world.advance(super::RETRY_DELAY);
    world.run_tasks().await;
    let told = world.receiver.received(URL);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].body, told[1].body);
    for header in ["authorization", "webhook-id"] {
        assert_eq!(told[0].headers[header], told[1].headers[header]);
    }
    // What becomes due later goes to the new URL at once.
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    let told = world.receiver.received(OTHER_URL);
    assert_eq!(told[0].headers["authorization"], "Bearer another-token");
}

#[tokio::test]
async fn another_process_tells_of_what_follows_a_new_callback_at_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = sent_sms(&world, &service).await;
    // This process has read the service, and does not hear that it has changed.
    let process = world.another_process();
    tell(&world, &service, CallbackKind::DeliveryStatus, URL).await;
    let client = World::client_of(&process);
    let body = json!({"CID": id, "status": "3"}).to_string();
    client
        .request("POST", "/notifications/sms/mmg", &[], body)
        .await;
    let runner = process.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(world.receiver.received(URL).len(), 1);
}

#[tokio::test]
async fn past_its_retention_a_status_is_told_without_the_recipient() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.receiver.answers(URL, [Answer::Break]);
    delivered_sms(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(world.receiver.received(URL).len(), 1);
    let id = domain::NotificationId::from_uuid(
        world.receiver.received(URL)[0].json()["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
    );
    let mut tx = world.app.store().write().await.unwrap();
    store::history::insert_from_notifications(&mut tx, service.id, &[id])
        .await
        .unwrap();
    store::history::delete(&mut tx, service.id, &[id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(super::RETRY_DELAY);
    world.run_tasks().await;
    let told = world.receiver.received(URL).pop().unwrap().json();
    assert!(told["to"].is_null());
    assert_eq!(told["status"], "delivered");
}
