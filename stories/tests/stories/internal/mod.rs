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
