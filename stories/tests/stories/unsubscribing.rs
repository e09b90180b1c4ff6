//! One-click unsubscribing (`docs/spec/public-api.md` §14, §21).

use std::{io::Write as _, time::Duration};

use app::{manage::callbacks::CallbackChange, receipts::unsubscribe};
use domain::{CallbackKind, Clock as _, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use store::Keyring;

const ADA: &str = "ada@example.com";

/// Creates a template whose e-mails have an unsubscribe link.
async fn newsletter(world: &World, service: &TestService) -> TemplateId {
    let mut template = {
        let mut session = world.app.read().await.unwrap();
        let found = store::templates::find(&mut session, service.id, service.email).await;
        found.unwrap().unwrap()
    };
    template.id = TemplateId::generate(world.clock.now(), world.app.random());
    template.has_unsubscribe_link = true;
    let mut tx = world.app.store().write().await.unwrap();
    store::templates::insert(&mut tx, &template).await.unwrap();
    tx.commit().await.unwrap();
    template.id
}

async fn send(world: &World, service: &TestService, template: TemplateId, more: Value) -> String {
    let mut body = json!({
        "email_address": ADA, "template_id": template,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let answer = world
        .post(&service.normal, "/v2/notifications/email", &body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json["id"].as_str().unwrap().to_owned()
}

/// Returns the path of the link in the last e-mail.
fn link(world: &World) -> String {
    let mail = world.email.accepted().pop().unwrap();
    let url = mail.unsubscribe_url.unwrap();
    let root = &world.app.settings.api_base_url;
    url.strip_prefix(root.as_str()).unwrap().to_owned()
}

async fn click(world: &World, path: &str) -> (u16, Value) {
    let body = "List-Unsubscribe=One-Click";
    let answer = world.request("POST", path, None, body).await;
    (answer.status.as_u16(), answer.json)
}

fn done() -> (u16, Value) {
    let body = json!({"message": "Unsubscribe successful", "result": "success"});
    (200, body)
}

fn refused(text: &str) -> (u16, Value) {
    let body = json!({"message": {"unsubscribe request": text}, "result": "error"});
    (404, body)
}

async fn requests(world: &World, service: &TestService) -> Vec<String> {
    let found = unsubscribe::list(&world.app, service.id, 10).await.unwrap();
    found
        .into_iter()
        .map(|one| one.email_address.into_inner())
        .collect()
}

const TOLD_AT: &str = "https://riverside.example.org/unsubscribed";

/// Lets a service be told of requests.
async fn tell(world: &World, service: &TestService) {
    let change = CallbackChange {
        url: Some(TOLD_AT.to_owned()),
        bearer_token: Some("a-token-of-theirs".to_owned()),
        ..CallbackChange::default()
    };
    let kind = CallbackKind::UnsubscribeRequest;
    app::manage::callbacks::set(&world.app, service.id, kind, change)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_is_told_once_of_each_request() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let other = world.service("Hilltop Council").await;
    tell(&world, &service).await;
    let (ours, theirs) = (
        newsletter(&world, &service).await,
        newsletter(&world, &other).await,
    );
    send(&world, &other, theirs, json!({})).await;
    world.run_tasks().await;
    // Another service's callback is no business of ours.
    assert_eq!(click(&world, &link(&world)).await, done());
    let id = send(&world, &service, ours, json!({"reference": "fünf"})).await;
    world.run_tasks().await;
    let path = link(&world);
    for _ in 0..2 {
        assert_eq!(click(&world, &path).await, done());
    }
    let (one, two) = futures::join!(click(&world, &path), click(&world, &path));
    assert_eq!((one, two), (done(), done()));
    world.run_tasks().await;
    let told = world.receiver.received(TOLD_AT);
    assert_eq!(told.len(), 1);
    let requests = unsubscribe::list(&world.app, service.id, 10).await.unwrap();
    let (request, at) = (requests[0].id, requests[0].created_at);
    assert_eq!(
        told[0].body,
        format!(
            "{{\"unsubscribe_request_id\": \"{request}\", \"notification_id\": \"{id}\", \
             \"reference\": \"f\\u00fcnf\", \"to\": \"{ADA}\", \"template_id\": \"{ours}\", \
             \"template_version\": 1, \"requested_at\": \"{at}\"}}"
        )
    );
}

#[tokio::test]
async fn nothing_is_told_of_a_person_who_was_erased_meanwhile() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    tell(&world, &service).await;
    let template = newsletter(&world, &service).await;
    send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    assert_eq!(click(&world, &link(&world)).await, done());
    let mut tx = world.app.store().write().await.unwrap();
    let request = unsubscribe::list(&world.app, service.id, 1).await.unwrap()[0].id;
    let gone = store::unsubscribe_requests::delete(&mut tx, service.id, request).await;
    assert!(gone.unwrap());
    tx.commit().await.unwrap();
    world.run_tasks().await;
    assert!(world.receiver.all_received().is_empty());
}

#[tokio::test]
async fn a_link_fits_only_its_own_email() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let template = newsletter(&world, &service).await;
    let other = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let id = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let path = link(&world);
    assert!(path.contains(&id), "{path}");
    assert_eq!(
        click(&world, &path.replace(&id, &other)).await,
        refused("This is not a valid unsubscribe link.")
    );
    assert_eq!(requests(&world, &service).await, [] as [String; 0]);

    // Links of earlier versions hold no id.
    let old = unsubscribe::unbound_token(&world.app, ADA, world.clock.now());
    assert_eq!(
        click(&world, &format!("/unsubscribe/{other}/{old}")).await,
        done()
    );
}

#[tokio::test]
async fn an_email_carries_a_link_that_unsubscribes_its_reader_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let other = world.service("Hilltop Council").await;
    let template = newsletter(&world, &service).await;
    let id = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let path = link(&world);
    assert!(path.starts_with(&format!("/unsubscribe/{id}/")), "{path}");

    let (one, two) = futures::join!(click(&world, &path), click(&world, &path));
    assert_eq!((one, two), (done(), done()));
    assert_eq!(
        click(&world, &path.replace(&id, &id.to_uppercase())).await,
        done()
    );
    assert_eq!(requests(&world, &service).await, [ADA]);
    assert_eq!(requests(&world, &other).await, [] as [String; 0]);

    let mut tx = world.app.store().write().await.unwrap();
    let now = world.clock.now();
    let id = id.parse().unwrap();
    let foreign = store::unsubscribe_requests::set_processed(&mut tx, other.id, id, now).await;
    assert_eq!(
        foreign.unwrap(),
        0,
        "another service processes nothing of ours"
    );
    let own = store::unsubscribe_requests::set_processed(&mut tx, service.id, id, now).await;
    assert_eq!(own.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(click(&world, &path).await, done());
    assert_eq!(
        requests(&world, &service).await,
        [ADA, ADA],
        "asked again after it was done"
    );
}

#[tokio::test]
async fn a_link_of_the_services_own_goes_before_ours_and_most_emails_have_none() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let template = newsletter(&world, &service).await;
    let url = "https://riverside.example/stop?who=ada";
    let own = send(
        &world,
        &service,
        template,
        json!({"one_click_unsubscribe_url": url}),
    )
    .await;
    let none = send(&world, &service, service.email, json!({})).await;
    let ours = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let shown = async |id: &str| {
        let path = format!("/v2/notifications/{id}");
        let answer = world.get(&service.normal, &path).await;
        answer.json["one_click_unsubscribe_url"].clone()
    };
    assert_eq!(shown(&own).await, json!(url));
    assert_eq!(shown(&none).await, Value::Null);
    let (first, second) = (shown(&ours).await, shown(&ours).await);
    assert_ne!(first, second, "a new token each time");
    let root = &world.app.settings.api_base_url;
    let path = first.as_str().unwrap().strip_prefix(root.as_str()).unwrap();
    assert_eq!(click(&world, path).await, done());
    let mails = world.email.accepted();
    let sent_with = |id: &str| {
        let mail = mails.iter().find(|mail| mail.id.to_string() == id);
        mail.unwrap().unsubscribe_url.as_deref()
    };
    assert_eq!(sent_with(&own), Some(url));
    assert_eq!(sent_with(&none), None);
}

#[tokio::test]
async fn forged_and_expired_links_do_nothing() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let template = newsletter(&world, &service).await;
    let id = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let path = link(&world);
    let invalid = refused("This is not a valid unsubscribe link.");
    let letter = app::receipts::letter_status_token(&world.app, id.parse().unwrap());
    let changed = {
        let middle = path.len() - 20;
        let other = if &path[middle..=middle] == "A" {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &path[..middle], &path[middle + 1..])
    };
    for forged in [
        format!("/unsubscribe/{id}/abc"),
        format!("/unsubscribe/{id}/{letter}"),
        format!("/unsubscribe/{id}/{}", "A".repeat(3000)),
        format!("/unsubscribe/{id}/%00%ff=="),
        changed,
    ] {
        let (status, body) = click(&world, &forged).await;
        assert_eq!(status, invalid.0, "{forged}: {body}");
    }
    assert_eq!(
        click(&world, &format!("/unsubscribe/{id}/abc")).await,
        invalid
    );
    for id in [
        "22222222000040008000000000000001",
        "1",
        "{22222222-0000-4000-8000-00000000000}",
    ] {
        let (status, body) = click(
            &world,
            &format!("/unsubscribe/{id}/abc").replace(['{', '}'], "%7B"),
        )
        .await;
        assert!(
            status == 404 && body["message"].is_string(),
            "{id} is no path: {body}"
        );
    }

    let text = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let text = text.json["id"].as_str().unwrap();
    // The token is bound to its notification.
    let gone = refused("This is not a valid unsubscribe link.");
    for other in ["22222222-0000-4000-8000-000000000001", text] {
        assert_eq!(
            click(&world, &path.replace(&id, other)).await,
            gone,
            "{other}"
        );
    }
    assert_eq!(requests(&world, &service).await, [] as [String; 0]);

    world.advance(Duration::from_hours(24 * 365 - 1));
    assert_eq!(click(&world, &path).await, done());
    world.advance(Duration::from_hours(2));
    assert_eq!(click(&world, &path).await, invalid, "a year is over");
}

#[tokio::test]
async fn links_and_what_came_by_them_live_through_a_rotation_of_the_keys() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let template = newsletter(&world, &service).await;
    let first = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let path = link(&world);
    let letter = app::receipts::letter_status_token(&world.app, first.parse().unwrap());
    assert_eq!(click(&world, &path).await, done());

    let line = Keyring::new_key_line(2, world.app.random());
    let keyring = world.keyring();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&keyring)
        .unwrap();
    file.write_all(line.as_bytes()).unwrap();
    world.app.store().keyring().reload().unwrap();
    let resealed = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap();
    assert_eq!(resealed.unsubscribe_requests, 1);
    let again = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap();
    assert_eq!(again.unsubscribe_requests, 0, "twice is once");

    assert_eq!(click(&world, &path).await, done());
    let token = app::receipts::read_letter_status_token(&world.app, &letter);
    assert_eq!(token.map(|id| id.to_string()), Some(first));
    // Sealed rows no longer need the older key; links that were issued with it still do.
    std::fs::write(&keyring, line).unwrap();
    world.app.store().keyring().reload().unwrap();
    assert_eq!(requests(&world, &service).await, [ADA]);
    assert_eq!(
        click(&world, &path).await,
        refused("This is not a valid unsubscribe link.")
    );
}

#[tokio::test]
async fn a_link_outlives_the_retention_of_its_email() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let template = newsletter(&world, &service).await;
    let id = send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    let path = link(&world);
    let id = id.parse().unwrap();
    let mut tx = world.app.store().write().await.unwrap();
    store::history::insert_from_notifications(&mut tx, service.id, &[id])
        .await
        .unwrap();
    store::history::delete(&mut tx, service.id, &[id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(Duration::from_hours(24 * 300));
    for _ in 0..2 {
        assert_eq!(click(&world, &path).await, done());
    }
    assert_eq!(requests(&world, &service).await, [ADA]);
}

#[tokio::test]
async fn a_service_fetches_requests_in_reports() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Hilltop Council").await,
    );
    let template = newsletter(&world, &service).await;
    send(&world, &service, template, json!({})).await;
    world.run_tasks().await;
    click(&world, &link(&world)).await;
    let path = |service: &TestService, rest: &str| format!("/service/{}/{rest}", service.id);
    let creation = "create-unsubscribe-request-report";
    let summary = "unsubscribe-request-reports-summary";
    let listed = world
        .internal_request("GET", &path(&service, summary), "")
        .await;
    assert_eq!(listed.data()[0]["count"], 1);
    assert_eq!(listed.data()[0]["is_a_batched_report"], false);
    let made = world
        .internal_request("POST", &path(&service, creation), "{}")
        .await;
    assert_eq!(made.status, 201);
    let report = made.data()["report_id"].as_str().unwrap().to_owned();
    let again = world
        .internal_request("POST", &path(&service, creation), "{}")
        .await;
    assert_eq!(again.status, 404, "there is nothing left to report");
    let get = format!("unsubscribe-request-report/{report}");
    let got = world
        .internal_request("GET", &path(&service, &get), "")
        .await;
    assert_eq!(got.data()[0]["email_address"], ADA);
    let theirs = world.internal_request("GET", &path(&other, &get), "").await;
    assert_eq!(theirs.status, 404);

    let process = format!("process-unsubscribe-request-report/{report}");
    let processed = json!({"report_has_been_processed": true}).to_string();
    let theirs = world
        .internal_request("POST", &path(&other, &process), processed.clone())
        .await;
    assert_eq!(theirs.status, 404);
    for _ in 0..2 {
        let ours = world
            .internal_request("POST", &path(&service, &process), processed.clone())
            .await;
        assert_eq!(ours.status, 204);
    }
    // A click after the report was processed is a new request, for the next report.
    click(&world, &link(&world)).await;
    let listed = world
        .internal_request("GET", &path(&service, summary), "")
        .await;
    assert_eq!(listed.data().as_array().unwrap().len(), 2);
    assert!(listed.data()[1]["processed_by_service_at"].is_string());
    // Marked as not processed again, the report gives back no second open request for the e-mail.
    let reopened = json!({"report_has_been_processed": false}).to_string();
    let ours = world
        .internal_request("POST", &path(&service, &process), reopened)
        .await;
    assert_eq!(ours.status, 204);
}
