//! What a service may store: everything that it has stored is counted, whatever key it used, and beyond its allowance nothing
//! more is accepted (`docs/spec/public-api.md` §4).

use std::time::Duration;

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Allowance, Channel, Clock as _, Permission, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use store::stored_bytes::{self, Sum};

use crate::{jobs::people, retention::until};

async fn service(world: &World) -> TestService {
    let new = NewService {
        rate_limit: 100_000,
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        ..NewService::named("Riverside Council")
    };
    world.service_with(new).await
}

async fn counted(world: &World, service: &TestService) -> i64 {
    let mut session = world.app.read().await.unwrap();
    stored_bytes::find(&mut session, service.id).await.unwrap()
}

/// Adds up what is there, row by row.
async fn measured(world: &World, service: &TestService) -> i64 {
    let mut session = world.app.read().await.unwrap();
    let of_service = |sums: Vec<Sum>| -> i64 {
        let sums = sums.into_iter().filter(|(of, ..)| *of == service.id);
        sums.map(|(_, _, bytes)| bytes).sum()
    };
    let mut all = of_service(stored_bytes::measure_files(&mut session).await.unwrap());
    let today = world.clock.now().utc_day();
    for back in 0..20 {
        let day = today.plus_days(-back);
        let messages = stored_bytes::measure_messages(&mut session, day).await;
        all += of_service(messages.unwrap());
    }
    all
}

async fn assert_counted(world: &World, service: &TestService) -> i64 {
    let counted = counted(world, service).await;
    assert_eq!(counted, measured(world, service).await);
    counted
}

/// Sets the allowance of a service through the internal endpoint.
async fn allow(world: &World, service: &TestService, bytes: Value) {
    let path = format!("/service/{}", service.id);
    let body = json!({ "storage_limit_bytes": bytes });
    let answer = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.data()["storage_limit_bytes"], bytes);
    // The sum that was read is believed for a few seconds, the service for two.
    world.advance(Duration::from_secs(6));
}

async fn letter_template(world: &World, service: &TestService) -> TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: "Dear ((name))".to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service.id, new).await;
    made.unwrap().id
}

async fn post_letter(world: &World, service: &TestService, template: TemplateId) {
    let body = json!({"template_id": template, "personalisation": {
        "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "sw1a1aa", "name": "Ada",
    }});
    let answer = world
        .post(&service.normal, "/v2/notifications/letter", &body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test]
async fn everything_that_a_service_stores_is_counted() {
    let world = World::new().await;
    let service = service(&world).await;
    let other = world.service("Other").await;
    let mut before = 0;
    let mut grows = async |what: &str| {
        let now = assert_counted(&world, &service).await;
        assert!(now > before, "{what}: {now}");
        before = now;
    };
    for key in [&service.normal, &service.test] {
        world.send_sms(&service, key, "07700900123").await;
        grows("a text").await;
    }
    world
        .send_email(&service, &service.test, "ada@example.com")
        .await;
    grows("an e-mail").await;
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", people(50))
        .await;
    assert_eq!(uploaded.data()["valid"], true);
    grows("a spreadsheet").await;
    let job = world.job(service.id, service.sms, people(50)).await;
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "finished"
    );
    grows("a job and its rows").await;
    let rows = json!([
        ["phone number", "name", "day"],
        ["07700900124", "Ada", "Friday"]
    ]);
    let bulk = json!({"name": "Bins", "template_id": service.sms, "rows": rows});
    world
        .post(&service.test, "/v2/notifications/bulk", &bulk)
        .await;
    world.run_tasks().await;
    grows("bulk rows of a test key").await;
    let path = format!(
        "/service/{}/contact-list?template_type=sms&file_name=list.csv",
        service.id
    );
    let list = "phone number\n07700900123\n";
    let made = world.internal_request("POST", &path, list).await;
    assert_eq!(made.status, 201, "{}", made.text);
    grows("a contact list").await;
    let letter = letter_template(&world, &service).await;
    post_letter(&world, &service, letter).await;
    grows("a letter").await;
    world.run_tasks().await;
    grows("its pages").await;
    let pdf = json!({"reference": "pdf", "content": STANDARD.encode("not a letter")});
    world
        .post(&service.normal, "/v2/notifications/letter", &pdf)
        .await;
    world.run_tasks().await;
    grows("a letter as PDF, though it cannot be printed").await;

    let path = format!(
        "/service/{}/contact-list/{}",
        service.id,
        made.data()["id"].as_str().unwrap()
    );
    world.internal_request("DELETE", &path, "").await;
    assert!(assert_counted(&world, &service).await < before);
    assert_eq!(counted(&world, &other).await, 0);
    // A sum that was read is believed for five seconds.
    world.advance(std::time::Duration::from_secs(6));
    let shown = world
        .internal_request("GET", &format!("/service/{}", service.id), "")
        .await;
    assert!(shown.data()["stored_bytes"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn beyond_its_allowance_a_service_stores_nothing_more() {
    let world = World::new().await;
    let (service, other) = (service(&world).await, world.service("Other").await);
    let job = world.job(service.id, service.sms, people(3)).await;
    allow(&world, &service, json!(1)).await;
    let stored = counted(&world, &service).await;
    for key in [&service.normal, &service.test] {
        let refused = world.send_sms(&service, key, "07700900123").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.json["errors"][0]["error"], "TooManyRequestsError");
        let says = "Exceeded storage limit (1 bytes): messages and files are removed when their retention ends";
        assert_eq!(refused.message(), says);
        assert_eq!(refused.headers["retry-after"], "3600");
    }
    let rows = json!([
        ["phone number", "name", "day"],
        ["07700900124", "Ada", "Friday"]
    ]);
    let bulk = json!({"name": "Bins", "template_id": service.sms, "rows": rows});
    let refused = world
        .post(&service.normal, "/v2/notifications/bulk", &bulk)
        .await;
    assert_eq!(refused.status, 429);
    let refused = world
        .upload(service.id, service.sms, "people.csv", people(3))
        .await;
    assert_eq!(refused.status, 429);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "sending limits exceeded");
    let says =
        format!("the service has stored {stored} bytes of messages and files, and may store 1");
    assert_eq!(status["problem"], says);
    assert_eq!(counted(&world, &service).await, stored);

    let listed = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(listed.status, 200, "reading is not limited");
    let accepted = world.send_sms(&other, &other.normal, "07700900123").await;
    assert_eq!(accepted.status, 201);
    allow(&world, &service, Value::Null).await;
    let accepted = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(accepted.status, 201);
    world.run_tasks().await;
}

#[tokio::test]
async fn refused_and_repeated_messages_are_not_counted() {
    let world = World::new().await;
    let new = NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, 3), (Allowance::InternationalSms, 0)].into(),
        permissions: [Permission::Sms, Permission::InternationalSms].into(),
        ..NewService::named("Riverside Council")
    };
    let service = world.service_with(new).await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let body = json!({
        "phone_number": "07700900123", "template_id": service.sms,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    // All pass the first checks at once; three pass the last one, and two of them share a key.
    let send = |number: usize| {
        let key = format!("key-{}", number / 2);
        let (world, token, body) = (&world, &token, body.to_string());
        async move {
            let headers = [("authorization", token.as_str()), ("idempotency-key", &key)];
            world
                .request_with("POST", "/v2/notifications/sms", &headers, body)
                .await
        }
    };
    let answers = futures::future::join_all((0..10).map(send)).await;
    assert!(answers.iter().any(|answer| answer.status == 429));
    let abroad = world
        .send_sms(&service, &service.normal, "+33600000000")
        .await;
    assert_eq!(abroad.status, 429, "{}", abroad.text);
    assert!(assert_counted(&world, &service).await > 0);
    world.run_tasks().await;
}

#[tokio::test]
async fn retention_gives_back_what_it_removes() {
    let world = World::new().await;
    let service = service(&world).await;
    world.job(service.id, service.sms, people(20)).await;
    let letter = letter_template(&world, &service).await;
    post_letter(&world, &service, letter).await;
    world.send_sms(&service, &service.test, "07700900123").await;
    world.run_tasks().await;
    let before = assert_counted(&world, &service).await;
    until(&world, "2026-03-04T12:00:00Z");
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.run_tasks().await;
    for time in ["2026-03-10T03:00:00Z", "2026-03-10T04:00:00Z"] {
        until(&world, time);
        world.run_schedule().await;
    }
    // A text and the letter, which is still `sending`, are kept.
    let kept = assert_counted(&world, &service).await;
    assert!(kept > 0 && kept < before, "{kept} {before}");
    until(&world, "2026-03-14T03:00:00Z");
    world.run_schedule().await;
    let left = assert_counted(&world, &service).await;
    assert!(left > 0 && left < kept, "{left} {kept}");
}

#[tokio::test]
async fn the_audit_corrects_what_is_counted() {
    let world = World::new().await;
    let service = service(&world).await;
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.job(service.id, service.sms, people(20)).await;
    world.run_tasks().await;
    let right = assert_counted(&world, &service).await;
    let yesterday = world.clock.now().utc_day();
    let mut tx = world.app.store().write().await.unwrap();
    for (what, bytes) in [
        (stored_bytes::Stored::Files, -50),
        (
            stored_bytes::Stored::Messages(Channel::Sms, yesterday),
            7000,
        ),
        (stored_bytes::Stored::Messages(Channel::Email, yesterday), 9),
    ] {
        stored_bytes::add(&mut tx, service.id, what, bytes)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(counted(&world, &service).await, right + 6959);
    until(&world, "2026-03-03T05:10:00Z");
    world.run_schedule().await;
    assert_eq!(counted(&world, &service).await, right);
}

#[tokio::test]
async fn files_are_counted_and_refused_beyond_the_allowance() {
    const LENGTH: i64 = 100_000;
    let world = World::new().await;
    let service = crate::files::service(&world).await;
    let spaces = " ".repeat(usize::try_from(LENGTH).unwrap());
    let pdf = [crate::files::PDF, spaces.as_bytes()].concat();
    let file = json!({"link": {"file": STANDARD.encode(&pdf)}});
    let body = json!({
        "email_address": "ada@example.com", "template_id": service.email, "personalisation": file,
    });
    let post = async || {
        world
            .post(&service.normal, "/v2/notifications/email", &body)
            .await
    };
    let accepted = post().await;
    assert_eq!(accepted.status, 201, "{}", accepted.json);
    world.run_tasks().await;
    let with_file = assert_counted(&world, &service).await;
    assert!(with_file > LENGTH, "{with_file}");
    let files = format!("/service/{}/template/{}/file", service.id, service.email);
    let path = format!("{files}?file_name=guide.pdf&confirm_email=false");
    let add = async || world.internal_request("POST", &path, pdf.clone()).await;
    let added = add().await;
    assert_eq!(added.status, 201, "{}", added.json);
    let with_both = assert_counted(&world, &service).await;
    assert!(with_both > with_file + LENGTH, "{with_both}");
    allow(&world, &service, json!(with_both)).await;
    assert_eq!(post().await.status, 429);
    assert_eq!(add().await.status, 429);
    assert_eq!(counted(&world, &service).await, with_both);
}
