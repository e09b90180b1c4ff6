//! Delivery receipts (`docs/spec/workers.md` §9, `docs/spec/public-api.md` §22).

mod bounces;
mod email;
mod vectors;

use std::time::Duration;

use app::receipts::letter_status_token;
use domain::{
    Channel, Clock as _, KeyType, NotificationId, NotificationStatus, ServiceId, TemplateId,
    Timestamp,
};
use pillarbox_stories::{Behaviour, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::notifications::{Contents, NewNotification, Notification, StatusUpdate};

use crate::captured_log::CapturedLog;

async fn sent(world: &World, service: &TestService) -> String {
    let answer = world
        .send_sms(service, &service.normal, "07700900123")
        .await;
    answer.json["id"].as_str().unwrap().to_owned()
}

async fn mmg(world: &World, body: &Value) -> TestResponse {
    world
        .request("POST", "/notifications/sms/mmg", None, body.to_string())
        .await
}

async fn mmg_says(world: &World, id: &str, status: &str) {
    let answer = mmg(world, &json!({"CID": id, "status": status})).await;
    assert_eq!(answer.json, json!({"result": "success"}));
}

async fn firetext_says(world: &World, id: &str, status: &str, code: &str) {
    let body = format!("reference={id}&status={status}&code={code}&mobile=447700900123");
    let answer = world
        .request("POST", "/notifications/sms/firetext", None, body)
        .await;
    assert_eq!(answer.json, json!({"result": "success"}));
}

#[tokio::test]
async fn a_service_sees_what_the_provider_reports() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (arrived, lost) = (sent(&world, &service).await, sent(&world, &service).await);
    world.run_tasks().await;
    mmg_says(&world, &arrived, "3").await;
    firetext_says(&world, &lost, "1", "101").await;
    assert_eq!(world.status_of(&service, &arrived).await, "sending");
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &arrived).await, "delivered");
    assert_eq!(world.status_of(&service, &lost).await, "permanent-failure");
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{arrived}"))
        .await;
    assert!(shown.json["completed_at"].is_string());
}

#[tokio::test]
async fn the_first_final_status_stays() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = sent(&world, &service).await;
    world.run_tasks().await;
    mmg_says(&world, &id, "3").await;
    mmg_says(&world, &id, "3").await;
    world.run_tasks().await;
    for late in ["2", "4", "99"] {
        mmg_says(&world, &id, late).await;
    }
    firetext_says(&world, &id, "2", "").await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "delivered");
}

#[tokio::test]
async fn a_temporarily_declined_text_is_retried() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (pending, declined) = (sent(&world, &service).await, sent(&world, &service).await);
    world.run_tasks().await;
    firetext_says(&world, &pending, "2", "").await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &pending).await, "pending");
    firetext_says(&world, &pending, "2", "").await;
    firetext_says(&world, &declined, "1", "").await;
    world.run_tasks().await;
    // The fake provider is not Firetext, and only what Firetext had is refined.
    assert_eq!(
        world.status_of(&service, &declined).await,
        "permanent-failure"
    );
    firetext_says(&world, &pending, "0", "").await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &pending).await, "delivered");
}

#[tokio::test]
async fn receipts_that_come_together_are_all_heard() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(sent(&world, &service).await);
    }
    world.run_tasks().await;
    let twice = ids.iter().chain(&ids);
    futures::future::join_all(twice.map(|id| mmg_says(&world, id, "3"))).await;
    let tasks = world.run_tasks().await;
    assert!(tasks < 60, "they share tasks, as messages do: {tasks}");
    for id in &ids {
        assert_eq!(world.status_of(&service, id).await, "delivered");
    }
}

#[tokio::test]
async fn an_early_receipt_decides_the_outcome() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.set_behaviour(Behaviour::AcceptSilently);
    let id = sent(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "created");
    mmg_says(&world, &id, "3").await;
    world.run_tasks().await;
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.json["status"], "delivered");
    assert_eq!(shown.json["cost_details"]["billable_sms_fragments"], 1);
    assert!(shown.json["sent_at"].is_string());
    // A retry after an hour finds the outcome and sends nothing.
    world.advance(Duration::from_mins(61));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1);
    assert_eq!(world.status_of(&service, &id).await, "delivered");
}

#[tokio::test]
async fn a_receipt_for_a_message_not_yet_stored_is_retried() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = NotificationId::generate(world.clock.now(), world.app.random());
    mmg_says(&world, &id.to_string(), "3").await;
    world.run_tasks().await;
    keep(&world, service.id, service.sms, id, Channel::Sms).await;
    world.advance(Duration::from_mins(1));
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, id).await,
        NotificationStatus::Delivered
    );
}

#[tokio::test]
async fn receipts_of_messages_that_never_were_are_dropped() {
    let world = World::new().await;
    let young = NotificationId::generate(world.clock.now(), world.app.random()).to_string();
    for id in [
        &*young,
        "22222222-0000-4000-8000-000000000001",
        "send-sms-code",
        "é\n\u{0}",
    ] {
        mmg_says(&world, id, "3").await;
    }
    mmg_says(&world, &young, &"x".repeat(1000)).await;
    for _ in 0..6 {
        world.run_tasks().await;
        world.advance(Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_receipt_for_another_channel_changes_nothing() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let email = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    let email = email.json["id"].as_str().unwrap();
    world.run_tasks().await;
    mmg_says(&world, email, "2").await;
    for _ in 0..6 {
        world.run_tasks().await;
        world.advance(Duration::from_mins(1));
    }
    assert_eq!(world.status_of(&service, email).await, "sending");
}

#[tokio::test]
async fn an_invalid_receipt_is_refused() {
    let world = World::new().await;
    for body in ["", "[]", "3", "nonsense", "[1"] {
        let answer = world
            .request("POST", "/notifications/sms/mmg", None, body)
            .await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains("could not understand"), "{body}");
    }
    let empty = mmg(&world, &json!({"status": "", "CID": ""})).await;
    assert_eq!(
        empty.json["message"],
        json!([
            "MMG callback failed: status missing",
            "MMG callback failed: CID missing"
        ])
    );
    let large = format!("status=0&reference=x&pad={}", "x".repeat(500_000));
    for path in ["/notifications/sms/firetext", "/notifications/sms/mmg"] {
        let answer = world.request("POST", path, None, large.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["result"]),
            (413, &json!("error"))
        );
    }
    let null = mmg(&world, &json!({"status": null, "CID": null})).await;
    assert_eq!(null.status, 200, "null counts as there");
}

async fn keep(
    world: &World,
    service: ServiceId,
    template: TemplateId,
    id: NotificationId,
    channel: Channel,
) {
    let new = a_message(world, service, template, id, channel);
    let mut tx = world.app.store().write().await.unwrap();
    let sealed = new.seal(world.app.store().keyring());
    store::notifications::insert_many(&mut tx, &[sealed])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn a_message(
    world: &World,
    service_id: ServiceId,
    template_id: TemplateId,
    id: NotificationId,
    channel: Channel,
) -> NewNotification {
    let values = json!({"name": "Ada", "day": "Friday"});
    NewNotification {
        postage: None,
        reference: None,
        documents: 0,
        id,
        service_id,
        job_row: None,
        template_id,
        template_version: 1,
        api_key_id: None,
        key_type: KeyType::Normal,
        channel,
        status: NotificationStatus::Created,
        contents: Contents {
            recipient: "07700900123".to_owned().into(),
            normalised: "447700900123".to_owned().into(),
            personalisation: values.as_object().unwrap().clone().into(),
            unsubscribe_url: None,
        },
        client_reference: None,
        reply_to_text: None,
        international: false,
        phone_prefix: Some("44".to_owned()),
        rate_multiplier: Some(1),
        created_by: None,
        created_at: world.clock.now(),
        problem: None,
    }
}

async fn becomes(world: &World, id: NotificationId, status: NotificationStatus, units: u32) {
    let outcome = StatusUpdate {
        billable_units: Some(units),
        ..StatusUpdate::new(id, status)
    };
    let mut tx = world.app.store().write().await.unwrap();
    let changed = store::notifications::apply(&mut tx, &[outcome], world.clock.now()).await;
    assert_eq!(changed.unwrap().count, 1, "it may become {status}");
    tx.commit().await.unwrap();
}

pub(crate) async fn found(world: &World, service: ServiceId, id: NotificationId) -> Notification {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service, id).await;
    found.unwrap().unwrap()
}

async fn status(world: &World, service: ServiceId, id: NotificationId) -> NotificationStatus {
    found(world, service, id).await.status
}

/// Sends a letter to the printer and returns its id.
async fn letter(world: &World, service: &TestService) -> NotificationId {
    let id = NotificationId::generate(world.clock.now(), world.app.random());
    keep(world, service.id, service.sms, id, Channel::Letter).await;
    becomes(world, id, NotificationStatus::Sending, 2).await;
    id
}

async fn printer_says(world: &World, token: &str, id: NotificationId, says: &str) -> TestResponse {
    let mut data = json!({
        "jobId": id, "jobStatus": says, "transitionDate": "2026-07-03T23:30:00Z",
    });
    if says == "DESPATCHED" {
        data["despatchProperties"] = json!([
            {"key": "totalSheets", "value": "2"}, {"key": "postageClass", "value": "2ND"},
            {"key": "mailingProduct", "value": "MM"},
        ]);
    }
    let body = json!({
        "id": "1", "time": "2026-07-03T23:31:00Z", "metadata": {"correlationId": "c"}, "data": data,
    });
    let path = format!("/notifications/letter/status?token={token}");
    world.request("POST", &path, None, body.to_string()).await
}

#[tokio::test]
async fn a_callback_of_the_printer_that_cannot_be_used_is_logged() {
    let log = CapturedLog::start();
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = NotificationId::generate(world.clock.now(), world.app.random());
    keep(&world, service.id, service.sms, id, Channel::Letter).await;
    becomes(&world, id, NotificationStatus::Sending, 1).await;
    let token = letter_status_token(&world.app, id);
    let answer = printer_says(&world, &token, id, "LOST").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let path = format!("/notifications/letter/status?token={token}");
    let answer = world.request("POST", &path, None, "no JSON").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let says = format!("invalid callback of the print provider for letter {id}: ");
    let errors = log.errors_with(&says);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("LOST"), "{}", errors[0]);
    printer_says(&world, &token, id, "DESPATCHED").await;
    world.run_tasks().await;
    let says =
        format!("Notification with id {id} has 1 billable_units but DVLA says page count is 2");
    assert_eq!(log.errors_with(&says), [says]);
}

#[tokio::test]
async fn a_letter_that_has_left_is_delivered_and_its_day_is_kept() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = letter(&world, &service).await;
    let token = letter_status_token(&world.app, id);
    for _ in 0..2 {
        assert_eq!(
            printer_says(&world, &token, id, "DESPATCHED").await.status,
            204
        );
        world.run_tasks().await;
    }
    printer_says(&world, &token, id, "REJECTED").await;
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, id).await,
        NotificationStatus::Delivered
    );
    let mut session = world.app.read().await.unwrap();
    let despatch = store::despatches::find(&mut session, service.id, id).await;
    let despatch = despatch.unwrap().unwrap();
    let local: Timestamp = "2026-07-04".parse().unwrap();
    assert_eq!(despatch.despatched_on, local.utc_day().number());
    assert_eq!(despatch.cost_threshold, "sorted");
    let other = world.service("Hilltop Council").await;
    let theirs = store::despatches::find(&mut session, other.id, id).await;
    assert_eq!(theirs.unwrap(), None, "another service does not see it");
    drop(session);
}

#[tokio::test]
async fn a_late_receipt_changes_an_archived_letter_and_its_despatch_is_kept() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut archived = Vec::new();
    for _ in 0..2 {
        let id = letter(&world, &service).await;
        let mut tx = world.app.store().write().await.unwrap();
        store::history::insert_from_notifications(&mut tx, service.id, &[id])
            .await
            .unwrap();
        store::history::delete(&mut tx, service.id, &[id])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        archived.push(id);
    }
    for (id, says, status) in [
        (archived[0], "DESPATCHED", NotificationStatus::Delivered),
        (
            archived[1],
            "REJECTED",
            NotificationStatus::TechnicalFailure,
        ),
    ] {
        let token = letter_status_token(&world.app, id);
        for _ in 0..2 {
            assert_eq!(printer_says(&world, &token, id, says).await.status, 204);
            world.run_tasks().await;
        }
        let mut session = world.app.read().await.unwrap();
        let lines = store::history::list_by_id(&mut session, &[id])
            .await
            .unwrap();
        assert_eq!(lines[0].status, status);
        let despatch = store::despatches::find(&mut session, service.id, id).await;
        assert_eq!(despatch.unwrap().is_some(), says == "DESPATCHED");
    }
}

#[tokio::test]
async fn a_failed_letter_reported_as_despatched_is_delivered() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = letter(&world, &service).await;
    let token = letter_status_token(&world.app, id);
    printer_says(&world, &token, id, "REJECTED").await;
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, id).await,
        NotificationStatus::TechnicalFailure
    );
    printer_says(&world, &token, id, "DESPATCHED").await;
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, id).await,
        NotificationStatus::Delivered
    );
}

#[tokio::test]
async fn a_letter_that_came_back_stays_returned_and_its_despatch_is_kept() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = letter(&world, &service).await;
    becomes(&world, id, NotificationStatus::ReturnedLetter, 2).await;
    let token = letter_status_token(&world.app, id);
    printer_says(&world, &token, id, "DESPATCHED").await;
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, id).await,
        NotificationStatus::ReturnedLetter
    );
    let mut session = world.app.read().await.unwrap();
    let despatch = store::despatches::find(&mut session, service.id, id).await;
    assert!(despatch.unwrap().is_some());
    drop(session);
}

#[tokio::test]
async fn a_printer_reports_on_the_letter_of_its_token_alone_and_on_no_text() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (id, other) = (
        letter(&world, &service).await,
        letter(&world, &service).await,
    );
    let token = letter_status_token(&world.app, id);
    let crossed = printer_says(&world, &token, other, "REJECTED").await;
    assert_eq!(
        (crossed.status.as_u16(), crossed.message()),
        (
            400,
            "Notification ID in letter callback data does not match ID in token"
        )
    );
    let unsubscribing =
        app::receipts::unsubscribe::unbound_token(&world.app, &id.to_string(), world.clock.now());
    let other_end = if token.starts_with('A') { "B" } else { "A" };
    let changed = format!("{other_end}{}", &token[1..]);
    for forged in ["", "abc", &*id.to_string(), &*changed, &*unsubscribing] {
        let answer = printer_says(&world, forged, id, "REJECTED").await;
        assert_eq!(answer.status, 403, "{forged}");
        assert_eq!(answer.json["errors"][0]["error"], "InvalidRequest");
    }
    let path = format!("/notifications/letter/status?token={token}");
    let nonsense = world.request("POST", &path, None, "nonsense").await;
    assert_eq!(nonsense.status, 400, "a body that is no JSON");

    let text = sent(&world, &service).await.parse().unwrap();
    world.run_tasks().await;
    let token = letter_status_token(&world.app, text);
    printer_says(&world, &token, text, "REJECTED").await;
    world.advance(Duration::from_mins(6));
    world.run_tasks().await;
    assert_eq!(
        status(&world, service.id, text).await,
        NotificationStatus::Sending
    );
}
