//! Callbacks to services (`docs/spec/public-api.md` §24, `docs/spec/workers.md` §11).

mod attempts;
mod delivery_status;
mod log;

mod neighbours;
mod pausing;

use std::time::Duration;

use app::manage::callbacks::CallbackChange;
use domain::CallbackKind;
use pillarbox_stories::{TestService, World};
use serde_json::json;

const URL: &str = "https://riverside.example.org/told";
const OTHER_URL: &str = "https://hilltop.example.org/told";
const TOKEN: &str = "a-token-of-theirs";
/// Between two attempts.
const RETRY_DELAY: Duration = Duration::from_mins(5);

/// Lets a service be told at a URL.
async fn tell(world: &World, service: &TestService, kind: CallbackKind, url: &str) {
    let change = CallbackChange {
        url: Some(url.to_owned()),
        bearer_token: Some(TOKEN.to_owned()),
        ..CallbackChange::default()
    };
    app::manage::callbacks::set(&world.app, service.id, kind, change)
        .await
        .unwrap();
}

/// Creates a service that is told what becomes of its notifications.
async fn told_service(world: &World, name: &str, url: &str) -> TestService {
    let service = world.service(name).await;
    tell(world, &service, CallbackKind::DeliveryStatus, url).await;
    service
}

/// Sends an SMS, lets the provider accept it and returns its id.
async fn sent_sms(world: &World, service: &TestService) -> String {
    let answer = world
        .send_sms(service, &service.normal, "07700900123")
        .await;
    world.run_tasks().await;
    answer.json["id"].as_str().unwrap().to_owned()
}

/// Lets MMG report a status: 3 is delivered, 2 permanent failure, 4 temporary failure.
async fn mmg_reports(world: &World, id: &str, status: &str) {
    let body = json!({"CID": id, "status": status});
    let answer = world
        .request("POST", "/notifications/sms/mmg", None, body.to_string())
        .await;
    assert_eq!(answer.status, 200);
}

/// Sends an SMS that is delivered, without running the callback.
async fn delivered_sms(world: &World, service: &TestService) -> String {
    let id = sent_sms(world, service).await;
    mmg_reports(world, &id, "3").await;
    id
}
