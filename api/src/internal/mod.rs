//! Endpoints for internal clients: the commands and administration interfaces. Errors have the legacy shape.

pub(crate) mod api_keys;
pub(crate) mod callbacks;
pub(crate) mod contact_lists;
mod fields;
pub(crate) mod folders;
pub(crate) mod guests;
mod ids;
pub(crate) mod inbound_numbers;
pub(crate) mod jobs;
pub(crate) mod letter_contacts;
pub(crate) mod letter_files;
pub(crate) mod letter_uploads;
pub(crate) mod members;
pub(crate) mod notifications;
pub(crate) mod organisations;
pub(crate) mod print_runs;
pub(crate) mod providers;
pub(crate) mod queue;
pub(crate) mod rates;
pub(crate) mod reply_tos;
pub(crate) mod response_files;
pub(crate) mod retention;
pub(crate) mod returned_letters;
pub(crate) mod services;
pub(crate) mod sink;
pub(crate) mod sms_senders;
pub(crate) mod spreadsheets;
pub(crate) mod statistics;
pub(crate) mod suppressions;
pub(crate) mod template_files;
pub(crate) mod templates;
pub(crate) mod unsubscribe_reports;
pub(crate) mod users;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    body_limit::{self, RequestBody},
    json,
    problem::Problem,
};

/// Parses a JSON body.
async fn read<T: DeserializeOwned>(body: RequestBody) -> Result<T, Problem> {
    let bytes = body_limit::read_body(body)
        .await
        .map_err(Problem::into_legacy)?;
    let bytes = json::without_nul(&bytes);
    // Before it is parsed: many small values take up to a hundred times the memory of their text.
    json::check_value_count(&bytes).map_err(|error| Problem::from(error).into_legacy())?;
    serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))
}

fn ok(data: &Value) -> Response {
    json::response(StatusCode::OK, &json!({"data": data}))
}

fn created(data: &Value) -> Response {
    json::response(StatusCode::CREATED, &json!({"data": data}))
}

fn listed<T>(found: &[T], view: impl Fn(&T) -> Value) -> Response {
    ok(&found.iter().map(view).collect())
}

fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn invalid(why: String) -> Problem {
    Problem::legacy(StatusCode::BAD_REQUEST, why)
}

fn missing(key: &str) -> Problem {
    Problem::legacy(
        StatusCode::BAD_REQUEST,
        json!({key: ["Missing data for required field."]}),
    )
}
