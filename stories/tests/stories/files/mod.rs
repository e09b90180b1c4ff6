//! Files by e-mail: what is accepted, what a recipient sees, and when a file is removed (`docs/spec/public-api.md`
//! §9).

mod download;
mod retention;
mod sending;
mod template_files;

use std::{path::Path, time::Duration};

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Channel, Clock as _};
use pillarbox_stories::{TestResponse, TestService, World};
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";
pub(crate) const PDF: &[u8] = b"%PDF-1.7 your decision";
pub(crate) const WEEK: Duration = Duration::from_hours(24 * 7);

/// Creates a service that may send files, with a template for them.
pub(crate) async fn service(world: &World) -> TestService {
    service_of(world, "Riverside Council").await
}

async fn service_of(world: &World, name: &str) -> TestService {
    let new = NewService {
        rate_limit: 100_000,
        ..NewService::named(name)
    };
    let mut service = world.service_with(new).await;
    set_up(world, &service).await;
    service.email = template(world, &service, "Download your file: ((link))").await;
    service
}

async fn with_contact(
    world: &World,
    service: domain::ServiceId,
    contact: Option<&str>,
) -> Result<(), app::AdminError> {
    let change = app::manage::services::ServiceChange {
        contact_link: Some(contact.map(str::to_owned)),
        ..app::manage::services::ServiceChange::default()
    };
    app::manage::services::update(&world.app, service, change)
        .await
        .map(drop)
}

async fn set_up(world: &World, service: &TestService) {
    let contact = Some("https://riverside.example/help");
    with_contact(world, service.id, contact).await.unwrap();
}

pub(crate) async fn template(
    world: &World,
    service: &TestService,
    content: &str,
) -> domain::TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Email,
        name: "A file".to_owned(),
        subject: Some("Your file".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::create(&world.app, service.id, new)
        .await
        .unwrap()
        .id
}

fn file(bytes: &[u8], more: &Value) -> Value {
    let mut file = json!({"file": STANDARD.encode(bytes)});
    for (key, value) in more.as_object().unwrap() {
        file[key] = value.clone();
    }
    file
}

async fn send(world: &World, service: &TestService, personalisation: Value) -> TestResponse {
    send_to(world, service, ADA, personalisation).await
}

async fn send_to(
    world: &World,
    service: &TestService,
    to: &str,
    personalisation: Value,
) -> TestResponse {
    let body = json!({
        "email_address": to, "template_id": service.email, "personalisation": personalisation,
    });
    world
        .post(&service.normal, "/v2/notifications/email", &body)
        .await
}

/// Returns the link in a response.
fn link(answer: &TestResponse) -> String {
    assert_eq!(answer.status, 201, "{}", answer.json);
    let body = answer.json["content"]["body"].as_str().unwrap();
    body.trim_start_matches("Download your file: ").to_owned()
}

async fn send_one(world: &World, service: &TestService, bytes: &[u8], more: Value) -> String {
    link(&send(world, service, json!({"link": file(bytes, &more)})).await)
}

/// Returns the number of stored files below a folder.
fn stored(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { stored(&path) } else { 1 })
        .sum()
}

pub(crate) fn kept(world: &World) -> usize {
    stored(&world.files().join("documents"))
}

pub(crate) async fn rows(world: &World) -> usize {
    let far = world.clock.now().plus(WEEK * 1000);
    let mut session = world.app.read().await.unwrap();
    store::documents::list_expired(&mut session, far, 10_000)
        .await
        .unwrap()
        .len()
}
