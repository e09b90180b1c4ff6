//! Receipts and inbound messages of the providers in the settings: Twilio and HTTP gateways (`docs/spec/public-api.md` §22.5).

use std::{collections::BTreeMap, sync::Arc};

use app::{Weighted, manage::services::NewService};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Clock as _, InboundNumberId, NotificationStatus, Permission};
use pillarbox_stories::{TestResponse, TestService, World};
use providers::sms::{
    SmsProvider,
    http::{HttpBody, HttpSms, HttpSmsSettings, ReceiptRule},
    twilio::{Twilio, TwilioSettings},
};
use serde_json::json;
use store::notifications::StatusUpdate;

const ROOT: &str = "https://notify.example";

/// Returns a world with Twilio and a gateway beside its own provider, which sends everything.
async fn world() -> World {
    let twilio = Twilio::new(TwilioSettings {
        status_callback: Some(format!("{ROOT}/notifications/sms/twilio/{{reference}}")),
        inbound_url: Some(format!("{ROOT}/notifications/sms/receive/twilio")),
        ..TwilioSettings::for_account("AC1", "a token")
    });
    let body = HttpBody::Form(BTreeMap::new());
    let gateway = HttpSms::new(HttpSmsSettings {
        reports_delivery: true,
        receipts: Some(ReceiptRule {
            reference: "ref".to_owned(),
            status: "state".to_owned(),
            code: None,
            statuses: [
                ("OK", "delivered"),
                ("LATER", "temporary-failure"),
                ("WAY", "ignore"),
            ]
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
            .into(),
            secret: "a long secret".into(),
        }),
        ..HttpSmsSettings::new("gateway", "https://gateway.example", body)
    });
    let others: [Arc<dyn SmsProvider>; 2] = [Arc::new(twilio.unwrap()), Arc::new(gateway.unwrap())];
    World::with(|_, providers| {
        providers.sms.extend(others.map(|provider| Weighted {
            provider,
            priority: 0,
            limits: app::ProviderLimits::default(),
        }));
    })
    .await
}

/// Sends a text and pretends that this provider has it.
async fn sent(world: &World, service: &TestService, by: &str) -> String {
    let answer = world
        .send_sms(service, &service.normal, "07700900123")
        .await;
    let id = answer.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    let mut tx = world.app.store().write().await.unwrap();
    let update = StatusUpdate {
        sent_by: Some(by.to_owned()),
        ..StatusUpdate::new(id.parse().unwrap(), NotificationStatus::Pending)
    };
    store::notifications::apply(&mut tx, &[update], world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn twilio_posts(
    world: &World,
    path: &str,
    fields: &[(&str, &str)],
    token: &str,
) -> TestResponse {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let mut text = format!("{ROOT}{path}");
    for (name, value) in &sorted {
        text.push_str(name);
        text.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    let pairs = fields.iter().map(|(name, value)| {
        let escaped: Vec<String> = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("{name}={}", escaped.concat())
    });
    let body = pairs.collect::<Vec<_>>().join("&");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-twilio-signature", &*signature),
    ];
    world.request_with("POST", path, &headers, body).await
}

#[tokio::test]
async fn twilio_reports_on_its_texts() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    let id = sent(&world, &service, "twilio").await;
    let path = format!("/notifications/sms/twilio/{id}");
    let report = async |status: &str, code: &str, token: &str| {
        let fields = [
            ("MessageSid", "SM1"),
            ("MessageStatus", status),
            ("ErrorCode", code),
        ];
        let answer = twilio_posts(&world, &path, &fields, token).await;
        world.run_tasks().await;
        answer.status.as_u16()
    };
    assert_eq!(report("delivered", "", "another token").await, 403);
    assert_eq!(report("sent", "", "a token").await, 200);
    assert_eq!(world.status_of(&service, &id).await, "pending");
    assert_eq!(report("undelivered", "30005", "a token").await, 200);
    assert_eq!(world.status_of(&service, &id).await, "permanent-failure");
    assert_eq!(report("delivered", "", "a token").await, 200);
    assert_eq!(world.status_of(&service, &id).await, "permanent-failure");
    let stranger = world
        .request("POST", "/notifications/sms/nobody/x", None, "")
        .await;
    assert_eq!(stranger.status, 404);
    // The signature of one message does not fit another.
    let other = sent(&world, &service, "twilio").await;
    let fields = [("MessageStatus", "delivered")];
    let signed = twilio_posts(&world, &path, &fields, "a token").await;
    assert_eq!(signed.status, 200);
    assert_eq!(world.status_of(&service, &other).await, "pending");
    world.run_tasks().await;
}

#[tokio::test]
async fn a_gateway_reports_by_the_rule_of_the_settings() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    let (first, second) = (
        sent(&world, &service, "gateway").await,
        sent(&world, &service, "gateway").await,
    );
    let report = async |authorization: &str, body: String| {
        let path = "/notifications/sms/gateway";
        let answer = world.request("POST", path, Some(authorization), body).await;
        world.run_tasks().await;
        answer.status.as_u16()
    };
    let good = "Bearer a long secret";
    assert_eq!(
        report("Bearer wrong", format!("ref={first}&state=OK")).await,
        403
    );
    assert_eq!(report(good, format!("ref={first}&state=WAY")).await, 200);
    assert_eq!(
        report(good, format!("ref={first}&state=UNHEARD")).await,
        200
    );
    assert_eq!(world.status_of(&service, &first).await, "pending");
    assert_eq!(report(good, "state=OK".to_owned()).await, 400);
    assert_eq!(report(good, format!("ref={first}&state=OK")).await, 200);
    assert_eq!(report(good, format!("ref={second}&state=LATER")).await, 200);
    assert_eq!(world.status_of(&service, &first).await, "delivered");
    assert_eq!(
        world.status_of(&service, &second).await,
        "temporary-failure"
    );
}

#[tokio::test]
async fn twilio_delivers_inbound_texts_once() {
    let world = world().await;
    let mut new = NewService::named("Riverside Council");
    new.permissions.insert(Permission::InboundSms);
    let service = world.service_with(new).await;
    let number = store::inbound_numbers::InboundNumber {
        id: InboundNumberId::generate(world.clock.now(), world.app.random()),
        number: "07700900600".to_owned(),
        provider: "twilio".to_owned(),
        service_id: Some(service.id),
        active: true,
    };
    let mut tx = world.app.store().write().await.unwrap();
    store::inbound_numbers::insert(&mut tx, &number, world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let fields = [
        ("MessageSid", "SM1"),
        ("From", "+447700900911"),
        ("To", "+447700900600"),
        ("Body", "Hello \u{a3}5"),
    ];
    let path = "/notifications/sms/receive/twilio";
    for _ in 0..2 {
        let answer = twilio_posts(&world, path, &fields, "a token").await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("<Response></Response>"));
    }
    assert_eq!(
        twilio_posts(&world, path, &fields, "wrong").await.status,
        403
    );
    world.run_tasks().await;
    let listed = world
        .get(&service.normal, "/v2/received-text-messages")
        .await;
    let texts = listed.json["received_text_messages"].as_array().unwrap();
    assert_eq!(texts.len(), 1);
    assert_eq!(texts[0]["content"], json!("Hello \u{a3}5"));
    assert_eq!(texts[0]["user_number"], "447700900911");
}
