//! The internal API: every noun with its rules, its errors, and another service's ids.

mod api_keys;
mod callbacks;
mod contact_lists;
mod defaults;
mod folders;
mod guests;
mod inbound_numbers;
mod organisations;
mod providers;
mod retention;
mod services;
mod templates;
mod users;

use domain::ServiceId;
use pillarbox_stories::{TestResponse, World};
use serde_json::{Value, json};

async fn get(world: &World, path: &str) -> TestResponse {
    world.internal_request("GET", path, "").await
}

async fn post(world: &World, path: &str, body: Value) -> TestResponse {
    world.internal_request("POST", path, body.to_string()).await
}

/// Sends a `POST` request that must succeed and returns its data.
async fn made(world: &World, path: &str, body: Value) -> Value {
    let answer = post(world, path, body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.json);
    answer.data().clone()
}

/// Sends a `POST` request that must fail with 400 and exactly this message.
async fn refused(world: &World, path: &str, body: Value, message: Value) {
    let answer = post(world, path, body).await;
    assert_eq!(answer.status, 400, "{path}: {}", answer.json);
    assert_eq!(
        answer.json,
        json!({"message": message, "result": "error"}),
        "{path}"
    );
}

/// Asserts a 404 in the internal error format.
fn is_unknown(answer: &TestResponse) {
    assert_eq!(answer.status, 404, "{}", answer.json);
    assert_eq!(
        answer.json,
        json!({"message": "No result found", "result": "error"})
    );
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

const NOBODY: &str = "22222222-0000-4000-8000-0000000000ff";

/// Creates a live service with nothing but a name.
async fn service(world: &World, name: &str) -> ServiceId {
    let new = app::manage::services::NewService::named(name);
    app::manage::services::create(&world.app, new)
        .await
        .unwrap()
        .id
}

/// A body with a name, at a path of the internal interface.
fn named(path: &str, name: &str) -> Value {
    let field = if path.ends_with("sms-sender") {
        "sms_sender"
    } else {
        "name"
    };
    let mut body = match path.rsplit('/').next() {
        Some("user") => json!({"email_address": "ada@example.gov.uk"}),
        Some("api-key") => json!({"key_type": "normal"}),
        Some("template") => json!({"template_type": "sms", "content": "Hello"}),
        _ => json!({}),
    };
    body[field] = name.into();
    body
}

#[tokio::test]
async fn names_have_lengths() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let of_service = |path: &str| format!("/service/{service}/{path}");
    for path in [
        "/organisations".to_owned(),
        "/service".to_owned(),
        "/user".to_owned(),
        of_service("api-key"),
        of_service("template"),
        of_service("template-folder"),
        of_service("sms-sender"),
    ] {
        let long = post(&world, &path, named(&path, &"é".repeat(256))).await;
        assert_eq!(long.status, 400, "{path}: {}", long.json);
        let length = if path.ends_with("sms-sender") {
            11
        } else {
            255
        };
        let good = post(&world, &path, named(&path, &"e".repeat(length))).await;
        assert_eq!(good.status, 201, "{path}: {}", good.json);
    }
    let upload = async |path: &str, query: &str, length: usize| {
        let path = format!(
            "{}?{query}&file_name={}",
            of_service(path),
            "a".repeat(length)
        );
        world
            .internal_request("POST", &path, "phone number\n07700900123\n")
            .await
    };
    for (path, query) in [
        ("contact-list", "template_type=sms".to_owned()),
        ("spreadsheet", {
            let path = of_service("template");
            let made = post(&world, &path, named(&path, "Hello")).await;
            format!("template_id={}", id(made.data()))
        }),
    ] {
        let long = upload(path, &query, 256).await;
        assert_eq!(long.status, 400, "{path}: {}", long.json);
        assert!(long.message().contains("longer than 255 characters"));
        assert_eq!(upload(path, &query, 255).await.status, 201, "{path}");
    }
}
