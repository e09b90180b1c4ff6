use axum::{
    extract::{Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Api, answer, callers::Internal, problem::Problem};

const STANDARD_LIMIT: usize = 50;
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    channel: Option<domain::Channel>,
    limit: Option<usize>,
}

/// `GET /sink`: what would have been sent in development, newest first.
pub(crate) async fn list_sink(
    State(api): State<Api>,
    _: Internal,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let sink = api
        .settings
        .sink
        .clone()
        .ok_or_else(Problem::old_not_found)?;
    let limit = asked.limit.unwrap_or(STANDARD_LIMIT).min(MOST);
    let looked = tokio::task::spawn_blocking(move || {
        Ok::<_, std::io::Error>((sink.count()?, sink.list(asked.channel, limit)?))
    });
    let (counts, kept) = looked
        .await
        .map_err(Problem::fault_old)?
        .map_err(Problem::fault_old)?;
    let kept: Vec<Value> = kept
        .iter()
        .map(|one| {
            json!({
                "channel": one.channel.as_str(), "id": one.id, "to": one.to, "about": one.summary,
                "path": one.path, "at": one.at.to_string(), "copy": one.copy,
            })
        })
        .collect();
    let counts = json!({"email": counts.email, "sms": counts.sms, "letter": counts.letter});
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": {"counts": counts, "kept": kept}}),
    ))
}
