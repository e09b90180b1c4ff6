//! Inbound SMS (`docs/spec/public-api.md` §19, §22.2; `docs/spec/workers.md` §12).

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Clock as _, InboundNumberId, Permission, ServiceId};
use pillarbox_stories::{INBOUND_PASSWORD, MMG_USER, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::inbound_numbers::InboundNumber;

const NUMBER: &str = "07700900600";

async fn with_a_number(world: &World, name: &str, number: &str) -> TestService {
    let mut new = NewService::named(name);
    new.permissions.insert(Permission::InboundSms);
    let service = world.service_with(new).await;
    give(world, service.id, number).await;
    service
}

async fn give(world: &World, service: ServiceId, number: &str) {
    let now = world.clock.now();
    let number = InboundNumber {
        id: InboundNumberId::generate(now, world.app.random()),
        number: number.to_owned(),
        provider: "mmg".to_owned(),
        service_id: Some(service),
        active: true,
    };
    let mut tx = world.app.store().write().await.unwrap();
    store::inbound_numbers::insert(&mut tx, &number, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

async fn mmg_brings(world: &World, text: &Value) -> TestResponse {
    let authorization = basic(MMG_USER, INBOUND_PASSWORD);
    let path = "/notifications/sms/receive/mmg";
    world
        .request("POST", path, Some(&authorization), text.to_string())
        .await
}

async fn firetext_brings(world: &World, form: &str) -> TestResponse {
    let authorization = basic("notify", INBOUND_PASSWORD);
    let path = "/notifications/sms/receive/firetext";
    world
        .request("POST", path, Some(&authorization), form.to_owned())
        .await
}

fn a_text(id: &str) -> Value {
    json!({
        "ID": id, "MSISDN": "447700900911", "Message": "Hello+%C2%A35%21", "Number": "447700900600",
        "DateRecieved": "2026-03-01+11%3A56%3A11",
    })
}

async fn texts_of(world: &World, service: &TestService) -> Vec<Value> {
    let answer = world
        .get(&service.normal, "/v2/received-text-messages")
        .await;
    let texts = answer.json["received_text_messages"].as_array();
    texts.unwrap().clone()
}

#[tokio::test]
async fn a_service_reads_the_inbound_sms_of_its_number_only() {
    let world = World::new().await;
    let service = with_a_number(&world, "Riverside Council", NUMBER).await;
    let other = with_a_number(&world, "Hilltop Council", "07700900601").await;
    let answer = mmg_brings(&world, &a_text("m-1")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json),
        (200, json!({"status": "ok"}))
    );
    let form =
        "source=YourBank&destination=07700900600&message=Hi+%F0%9F%98%80&time=2026-03-01 12:00:00";
    assert_eq!(
        firetext_brings(&world, form).await.json,
        json!({"status": "ok"})
    );

    let texts = texts_of(&world, &service).await;
    let contents: Vec<_> = texts
        .iter()
        .map(|text| {
            (
                &text["content"],
                &text["user_number"],
                &text["notify_number"],
            )
        })
        .collect();
    assert_eq!(
        contents,
        [
            (&json!("Hi 😀"), &json!("YourBank"), &json!(NUMBER)),
            (&json!("Hello £5!"), &json!("447700900911"), &json!(NUMBER)),
        ]
    );
    assert_eq!(texts_of(&world, &other).await, [] as [Value; 0]);
    let id = texts[0]["id"].as_str().unwrap();
    let path = format!("/v2/received-text-messages?older_than={id}");
    let older = world.get(&service.test, &path).await;
    assert_eq!(older.json["received_text_messages"][0], texts[1]);
    let theirs = world.get(&other.normal, &path).await;
    assert_eq!(
        theirs.json["received_text_messages"],
        json!([]),
        "another's text ends no page"
    );
}

#[tokio::test]
async fn an_inbound_sms_delivered_twice_is_stored_once() {
    let world = World::new().await;
    let service = with_a_number(&world, "Riverside Council", NUMBER).await;
    let (first, second) = (a_text("m-1"), a_text("m-1"));
    let (one, two) = futures::join!(mmg_brings(&world, &first), mmg_brings(&world, &second));
    let three = mmg_brings(&world, &a_text("m-1")).await;
    for answer in [one, two, three] {
        assert_eq!(answer.json, json!({"status": "ok"}));
    }
    assert_eq!(texts_of(&world, &service).await.len(), 1);
    mmg_brings(&world, &a_text("m-2")).await;
    assert_eq!(texts_of(&world, &service).await.len(), 2);
    // Firetext gives no ids, and people do send the same text twice.
    for _ in 0..2 {
        firetext_brings(
            &world,
            "source=07700900911&destination=07700900600&message=Hi",
        )
        .await;
    }
    assert_eq!(texts_of(&world, &service).await.len(), 4);
}

#[tokio::test]
async fn an_inbound_sms_to_an_unknown_number_is_accepted_and_dropped() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    give(&world, service.id, NUMBER).await;
    let closed = with_a_number(&world, "Closed Council", "07700900602").await;
    let path = format!("/service/{}", closed.id);
    world
        .internal_request("POST", &path, json!({"active": false}).to_string())
        .await;
    // A service without the permission, an inactive one, and a number of no service.
    for dialled in ["447700900600", "447700900602", "447700900999", ""] {
        let mut text = a_text("m-1");
        text["Number"] = json!(dialled);
        let answer = mmg_brings(&world, &text).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.text),
            (200, "RECEIVED"),
            "{dialled}"
        );
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let form = format!("source=07700900911&destination={dialled}&message=Hi");
        assert_eq!(
            firetext_brings(&world, &form).await.json,
            json!({"status": "ok"})
        );
    }
    assert_eq!(texts_of(&world, &service).await, [] as [Value; 0]);
}

#[tokio::test]
async fn only_authenticated_providers_deliver_inbound_sms() {
    let world = World::new().await;
    let service = with_a_number(&world, "Riverside Council", NUMBER).await;
    let mmg = "/notifications/sms/receive/mmg";
    let firetext = "/notifications/sms/receive/firetext";
    for (path, authorization, status) in [
        (mmg, None, 401),
        (firetext, None, 401),
        (mmg, Some(basic(MMG_USER, "wrong")), 403),
        (mmg, Some(basic("wrong", INBOUND_PASSWORD)), 403),
        (mmg, Some(basic("notify", INBOUND_PASSWORD)), 403),
        (firetext, Some(basic(MMG_USER, INBOUND_PASSWORD)), 403),
        (firetext, Some(basic("notify", "an old password")), 403),
        (mmg, Some("Bearer abc".to_owned()), 403),
        (mmg, Some(basic(MMG_USER, "an old password")), 200),
    ] {
        let body = if path == mmg {
            a_text("m-1").to_string()
        } else {
            "source=07700900911&destination=07700900600&message=Hi".to_owned()
        };
        let answer = world
            .request("POST", path, authorization.as_deref(), body)
            .await;
        assert_eq!(answer.status, status, "{path} {authorization:?}");
        let asked = answer.headers.contains_key("www-authenticate");
        assert_eq!(asked, status == 401);
    }
    assert_eq!(texts_of(&world, &service).await.len(), 1);
    // MMG's body is parsed before the credentials are checked.
    let answer = world.request("POST", mmg, None, "nonsense").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_inbound_sms_needs_text_but_no_time() {
    let world = World::new().await;
    let service = with_a_number(&world, "Riverside Council", NUMBER).await;
    for time in [Value::Null, json!("yesterday"), json!("")] {
        let mut text = a_text(&time.to_string());
        text["DateRecieved"] = time;
        assert_eq!(mmg_brings(&world, &text).await.status, 200);
    }
    let mut session = world.app.read().await.unwrap();
    let vault = world.app.store().keyring();
    let kept = store::inbound_sms::list(&mut session, vault, service.id, None, 10).await;
    for text in kept.unwrap() {
        assert_eq!(text.provider_date, text.created_at);
    }
    drop(session);
    for missing in ["Number", "MSISDN", "Message"] {
        let mut text = a_text("m-9");
        text.as_object_mut().unwrap().remove(missing);
        assert_eq!(mmg_brings(&world, &text).await.status, 400, "{missing}");
    }
    for form in [
        "",
        "source=1&message=Hi",
        "destination=07700900600&message=Hi",
    ] {
        let answer = firetext_brings(&world, form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert!(answer.message().contains("could not understand"));
    }
    assert_eq!(
        firetext_brings(&world, &"x".repeat(500_001)).await.status,
        413
    );
    assert_eq!(texts_of(&world, &service).await.len(), 3);
}
