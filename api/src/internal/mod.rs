//! Endpoints for internal clients: the commands, the console, later the admin application. Old error shape.

pub(crate) mod api_keys;
pub(crate) mod jobs;
pub(crate) mod queue;
pub(crate) mod senders;
pub(crate) mod services;
pub(crate) mod sink;
pub(crate) mod spreadsheets;
pub(crate) mod template_files;
pub(crate) mod templates;

use axum::body::Body;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{answer, problem::Problem};

/// A JSON body of this shape; what does not fit is said in words.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = answer::read_body(body)
        .await
        .map_err(Problem::in_old_shape)?;
    serde_json::from_slice(&answer::without_nul(&bytes)).map_err(|error| invalid(error.to_string()))
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
