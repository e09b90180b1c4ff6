//! `POST /notifications/letter/dvla` (`docs/spec/letters.md` §8.1): a storage announces a response file of the print provider.

use app::letters::response_files;
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};
use tracing::warn;

use super::read_body;
use crate::{Api, body_limit::RequestBody, json, peers::CallerAddress, problem::Problem};

/// `POST /notifications/letter/dvla`
pub(crate) async fn receive_response_file(
    State(api): State<Api>,
    caller: CallerAddress,
    body: RequestBody,
) -> Result<Response, Problem> {
    // The path is open to anyone, and each announcement is a look at the print provider's storage.
    api.receipt_limit.check(caller)?;
    let body = read_body(body).await?;
    let envelope = json::parse_value(&body).unwrap_or_default();
    match envelope["Type"].as_str() {
        Some("SubscriptionConfirmation") => {
            let url = envelope["SubscribeURL"].as_str().unwrap_or_default();
            response_files::confirm_subscription(&api.app, url.to_owned()).await;
        }
        Some("Notification") => {
            if let Some(key) = key(&envelope) {
                response_files::announce(&api.app, &key)
                    .await
                    .map_err(Problem::legacy_internal)?;
            } else {
                warn!("an announcement of a response file names no file");
            }
        }
        _ => warn!("an announcement of a response file has no type that is known"),
    }
    // Whatever it was: a storage would only send the same again.
    Ok(json::response(
        StatusCode::OK,
        &json!({"result": "success", "message": "DVLA callback succeeded"}),
    ))
}

/// Returns the key of the object that a message of a storage is about.
fn key(envelope: &Value) -> Option<String> {
    let message = json::parse_value(envelope["Message"].as_str()?.as_bytes()).ok()?;
    let key = message["Records"][0]["s3"]["object"]["key"].as_str()?;
    Some(key.to_owned())
}
