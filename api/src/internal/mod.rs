//! Endpoints for internal clients: the commands, the console, later the admin application. Old error shape.

pub(crate) mod api_keys;
pub(crate) mod callbacks;
pub(crate) mod contact_lists;
mod fields;
pub(crate) mod folders;
pub(crate) mod guests;
pub(crate) mod inbound_numbers;
pub(crate) mod jobs;
pub(crate) mod letter_contacts;
pub(crate) mod members;
pub(crate) mod notifications;
pub(crate) mod organisations;
pub(crate) mod queue;
pub(crate) mod reply_tos;
pub(crate) mod retention;
pub(crate) mod services;
pub(crate) mod sink;
pub(crate) mod sms_senders;
pub(crate) mod spreadsheets;
pub(crate) mod template_files;
pub(crate) mod templates;
pub(crate) mod users;

use app::AdminError;
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{answer, problem::Problem};

/// A JSON body of this shape; what does not fit is said in words.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = answer::read_body(body)
        .await
        .map_err(Problem::in_old_shape)?;
    serde_json::from_slice(&answer::without_nul(&bytes)).map_err(|error| invalid(error.to_string()))
}

/// What an error of setting the platform up says.
fn problem(error: AdminError) -> Problem {
    match error {
        AdminError::NoSuch(_) => Problem::old_not_found(),
        AdminError::Fields(fields) => {
            let mut message = Map::new();
            for (name, why) in fields {
                let texts = message.entry(name).or_insert_with(|| json!([]));
                if let Value::Array(texts) = texts {
                    texts.push(why.into());
                }
            }
            Problem::old(StatusCode::BAD_REQUEST, message)
        }
        AdminError::Refused(why) => invalid(why),
        AdminError::Taken(why) => Problem::old(StatusCode::CONFLICT, why),
        AdminError::Store(error) => Problem::fault_old(error),
    }
}

fn ok(data: &Value) -> Response {
    answer::json(StatusCode::OK, &json!({"data": data}))
}

fn created(data: &Value) -> Response {
    answer::json(StatusCode::CREATED, &json!({"data": data}))
}

fn listed<T>(found: &[T], shown: impl Fn(&T) -> Value) -> Response {
    ok(&found.iter().map(shown).collect())
}

fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn invalid(why: String) -> Problem {
    Problem::old(StatusCode::BAD_REQUEST, why)
}

/// An id in a path.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::old_not_found())
}

fn missing(key: &str) -> Problem {
    Problem::old(
        StatusCode::BAD_REQUEST,
        json!({key: ["Missing data for required field."]}),
    )
}
