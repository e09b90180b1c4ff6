//! Runs `vectors/provider_receipts.jsonl` through the endpoints, to the stored status and the callback to the service.

use std::time::Duration;

use app::manage::{
    callbacks::{self, CallbackChange},
    services::NewService,
    templates::{NewTemplate, create},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    CallbackKind, Channel, Clock as _, NotificationId, NotificationStatus, ServiceId,
    SmsReceiptSource, TemplateId, Timestamp,
};
use pillarbox_stories::{INBOUND_PASSWORD, World};
use providers::sms::{firetext, mmg, receipts};
use serde_json::{Value, json};
use store::notifications::StatusUpdate;

use super::{a_message, found};
use crate::contract::vector_file;

#[tokio::test]
async fn every_receipt_of_the_vectors_has_the_expected_outcome() {
    let Some(path) = vector_file("provider_receipts.jsonl") else {
        println!("provider_receipts is not among these vectors");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let world = World::new().await;
    let (mut tried, mut wrong) = (0, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        tried += 1;
        let outcome = if case["provider"] == "ses" {
            try_ses_case(&world, &case, tried).await
        } else {
            try_sms_case(&world, &case, tried).await
        };
        if let Err(why) = outcome {
            wrong.push(format!("{}: {why}", case["id"]));
        }
    }
    assert!(tried > 0, "there is no case among the vectors");
    println!("provider_receipts {}/{tried}", tried - wrong.len());
    for difference in wrong.iter().take(10) {
        println!("  {difference}");
    }
    assert!(
        wrong.is_empty(),
        "{} receipts do not come to what they should",
        wrong.len()
    );
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "each caller makes a value for this"
)]
fn same(what: &str, ours: Value, theirs: &Value) -> Result<(), String> {
    (ours == *theirs)
        .then_some(())
        .ok_or_else(|| format!("{what} is {ours}, not {theirs}"))
}

/// Creates a service for one case, because its messages have one text and its callbacks are those of the case.
async fn service(world: &World, channel: Channel, number: usize) -> (ServiceId, TemplateId) {
    let new = NewService {
        rate_limit: 100_000,
        ..NewService::named(format!("Case {number}"))
    };
    let service = app::manage::services::create(&world.app, new)
        .await
        .unwrap();
    let new = NewTemplate {
        template_type: channel,
        name: "Anything".to_owned(),
        subject: (channel == Channel::Email).then(|| "Anything".to_owned()),
        content: "((text))".to_owned(),
        lane: None,
        created_by: None,
    };
    let template = create(&world.app, service.id, new).await.unwrap();
    (service.id, template.id)
}

/// Returns where the service of a case is told of this.
fn url(kind: CallbackKind, number: usize) -> String {
    format!("https://service-{number}.example.org/{kind}")
}

/// Gives the service of a case the callbacks that it has.
async fn set_callbacks(world: &World, service: ServiceId, input: &Value, number: usize) {
    for (name, kind) in [
        ("service_has_status_callback", CallbackKind::DeliveryStatus),
        ("service_has_complaint_callback", CallbackKind::Complaint),
    ] {
        if input[name] == true {
            let change = CallbackChange {
                url: Some(url(kind, number)),
                bearer_token: Some("a-token-of-theirs".to_owned()),
                ..CallbackChange::default()
            };
            callbacks::set(&world.app, service, kind, change)
                .await
                .unwrap();
        }
    }
}

/// Compares what the service of a case was told.
fn same_callbacks(world: &World, expect: &Value, number: usize) -> Result<(), String> {
    let told = world
        .receiver
        .received(&url(CallbackKind::DeliveryStatus, number));
    same(
        "the number of callbacks",
        told.len().into(),
        &json!(u8::from(expect["callback_queued"] == true)),
    )?;
    if let [callback] = &told[..] {
        same(
            "the status in the callback",
            callback.json()["status"].clone(),
            &expect["final_status"],
        )?;
    }
    let told = world
        .receiver
        .received(&url(CallbackKind::Complaint, number));
    let told = told.first().map_or(Value::Null, |callback| {
        let body = callback.json();
        json!({"to": body["to"], "reference": body["reference"]})
    });
    same(
        "the callback about the complaint",
        told,
        &expect["complaint_callback"],
    )
}

async fn try_sms_case(world: &World, case: &Value, number: usize) -> Result<(), String> {
    let (service, template) = service(world, Channel::Sms, number).await;
    let (input, expect) = (&case["input"], &case["expect"]);
    set_callbacks(world, service, input, number).await;
    let before = &input["notification"];
    let id = before["id"].as_str().map(|id| id.parse().unwrap());
    if let Some(id) = id {
        set_the_scene(world, service, template, id, before).await;
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let content_type = text(&input["content_type"]);
    let headers = [("content-type", &*content_type)];
    let (method, path) = (text(&input["method"]), text(&input["path"]));
    let answer = world
        .request_with(&method, &path, &headers, text(&input["body"]))
        .await;
    same(
        "the HTTP status",
        answer.status.as_u16().into(),
        &expect["http_status"],
    )?;
    same("the answer", answer.json, &expect["http_json"])?;
    world.run_tasks().await;
    if !["rejected", "invalid_reference"].contains(&&*text(&expect["outcome"])) {
        let (mapped, detail) = read(case);
        same("the meaning", mapped, &expect["mapped_status"])?;
        same("the detail", detail, &expect["detail"])?;
    }
    let Some(id) = id else { return Ok(()) };
    let after = found(world, service, id).await;
    same(
        "the status",
        after.status.as_str().into(),
        &expect["final_status"],
    )?;
    same("the provider", after.sent_by.into(), &expect["sent_by"])?;
    same(
        "the count",
        after.billable_units.into(),
        &expect["billable_units"],
    )?;
    same_callbacks(world, expect, number)
}

async fn set_the_scene(
    world: &World,
    service: ServiceId,
    template: TemplateId,
    id: NotificationId,
    before: &Value,
) {
    let is_long = before["fragment_count"] == 2;
    let values = json!({"text": "a".repeat(if is_long { 200 } else { 20 })});
    let mut new = a_message(world, service, template, id, Channel::Sms);
    new.contents.personalisation = values.as_object().unwrap().clone().into();
    new.international = before["international"] == true;
    // In the table of rates, 7 has countries that report delivery and 1 has none.
    let reports = before["country_records_delivery"] != false;
    new.phone_prefix = Some(if reports { REPORTS } else { SILENT }.to_owned());
    insert(world, &new).await;
    let units = u32::try_from(before["billable_units"].as_u64().unwrap()).unwrap();
    let outcome = |status| StatusUpdate {
        sent_at: Some(world.clock.now()),
        sent_by: before["sent_by"].as_str().map(str::to_owned),
        billable_units: Some(units),
        ..StatusUpdate::new(id, status)
    };
    set_status(world, before["status"].as_str().unwrap(), outcome).await;
}

const REPORTS: &str = "7";
const SILENT: &str = "1";

async fn insert(world: &World, new: &store::notifications::NewNotification) {
    let mut tx = world.app.store().write().await.unwrap();
    let sealed = new.clone().seal(world.app.store().keyring());
    store::notifications::insert_many(&mut tx, &[sealed])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn set_status(
    world: &World,
    status: &str,
    outcome: impl Fn(NotificationStatus) -> StatusUpdate,
) {
    let status: NotificationStatus = status.parse().unwrap();
    let is_direct = [NotificationStatus::Created, NotificationStatus::Sent].contains(&status);
    let first = (!is_direct).then_some(NotificationStatus::Sending);
    let mut tx = world.app.store().write().await.unwrap();
    for status in first.into_iter().chain([status]) {
        store::notifications::apply(&mut tx, &[outcome(status)], world.clock.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// Parses the receipt of a case and maps its status and code.
fn read(case: &Value) -> (Value, Value) {
    let body = case["input"]["body"].as_str().unwrap().as_bytes();
    let source: SmsReceiptSource = case["provider"].as_str().unwrap().parse().unwrap();
    let receipt = match source {
        SmsReceiptSource::Mmg => mmg::parse_receipt(body),
        _ => firetext::parse_receipt(body),
    }
    .unwrap();
    let code = receipt.code.as_deref();
    let mapped = receipts::status(source, &receipt.status, code);
    let detail = code.and_then(|code| receipts::detail(source, &receipt.status, code));
    (
        mapped
            .unwrap_or(NotificationStatus::TechnicalFailure)
            .as_str()
            .into(),
        detail.into(),
    )
}

async fn try_ses_case(world: &World, case: &Value, number: usize) -> Result<(), String> {
    let (service, template) = service(world, Channel::Email, number).await;
    let (input, expect) = (&case["input"], &case["expect"]);
    set_callbacks(world, service, input, number).await;
    let before = &input["notification"];
    let id = before["id"].as_str().map(|id| id.parse().unwrap());
    if let Some(id) = id {
        set_the_email_scene(world, service, template, id, before).await;
    }
    let message = moved_in_time(world, input);
    // A message of SQS that holds one of SNS.
    let sns = json!({"Type": "Notification", "Message": message.to_string()});
    let body = json!({"Messages": [{"MessageId": "1", "Body": sns.to_string()}]});
    let password = STANDARD.encode(format!("amazon:{INBOUND_PASSWORD}"));
    let authorization = format!("Basic {password}");
    let answer = world
        .request(
            "POST",
            "/notifications/amazon/events",
            Some(&authorization),
            body.to_string(),
        )
        .await;
    same(
        "the HTTP status",
        answer.status.as_u16().into(),
        &json!(200),
    )?;
    world.run_tasks().await;
    let waiting = app::upkeep::queue_stats::read(&world.app).await.unwrap();
    same(
        "whether it is retried",
        (!waiting.lanes.is_empty()).into(),
        &expect["retry"],
    )?;
    // What waits finds nothing in the end.
    for _ in 0..6 {
        world.advance(Duration::from_mins(1));
        world.run_tasks().await;
    }
    let Some(id) = id else { return Ok(()) };
    same(
        "the status",
        email_status(world, service, id, before)
            .await
            .as_str()
            .into(),
        &expect["final_status"],
    )?;
    same_complaint(world, service, id, &expect["complaint"]).await?;
    same_callbacks(world, expect, number)
}

async fn same_complaint(
    world: &World,
    service: ServiceId,
    id: NotificationId,
    expected: &Value,
) -> Result<(), String> {
    let mut session = world.app.read().await.unwrap();
    let complaints =
        store::complaints::list(&mut session, world.app.store().keyring(), service, 10)
            .await
            .unwrap();
    let ours = match &complaints[..] {
        [] => Value::Null,
        [one] => {
            assert_eq!(one.notification_id, id);
            json!({
                "ses_feedback_id": one.feedback_id,
                "complaint_type": one.complaint_type,
                "complaint_date": one.complained_at,
            })
        }
        more => panic!("{} complaints", more.len()),
    };
    let mut expected = expected.clone();
    if let Some(date) = expected["complaint_date"].as_str() {
        let date: Timestamp = date.parse().unwrap();
        expected["complaint_date"] = json!(date);
    }
    same("the complaint", ours, &expected)
}

async fn set_the_email_scene(
    world: &World,
    service: ServiceId,
    template: TemplateId,
    id: NotificationId,
    before: &Value,
) {
    let mut new = a_message(world, service, template, id, Channel::Email);
    new.contents.recipient = "someone@example.com".to_owned().into();
    new.contents.normalised = "someone@example.com".to_owned().into();
    new.phone_prefix = None;
    new.client_reference = before["client_reference"].as_str().map(str::to_owned);
    insert(world, &new).await;
    let outcome = |status| StatusUpdate {
        sent_at: Some(world.clock.now()),
        sent_by: Some("ses".to_owned()),
        reference: before["reference"].as_str().map(str::to_owned),
        ..StatusUpdate::new(id, status)
    };
    set_status(world, before["status"].as_str().unwrap(), outcome).await;
    if before["table"] == "history" {
        let mut tx = world.app.store().write().await.unwrap();
        store::history::insert_from_notifications(&mut tx, service, &[id])
            .await
            .unwrap();
        store::history::delete(&mut tx, service, &[id])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

async fn email_status(
    world: &World,
    service: ServiceId,
    id: NotificationId,
    before: &Value,
) -> NotificationStatus {
    if before["table"] == "history" {
        let mut session = world.app.read().await.unwrap();
        let lines = store::history::list_by_id(&mut session, &[id])
            .await
            .unwrap();
        return lines[0].status;
    }
    found(world, service, id).await.status
}

/// Returns the message of a case as if it had been sent as long before the clock of the world as in the case.
fn moved_in_time(world: &World, input: &Value) -> Value {
    let mut message = input["message"].clone();
    let now: Timestamp = input["now"].as_str().unwrap().parse().unwrap();
    if let Some(sent) = message["mail"]["timestamp"].as_str() {
        let age = now.since(sent.parse().unwrap());
        message["mail"]["timestamp"] = json!(world.clock.now().minus(age));
    }
    message
}
