use app::letters::print_run::{self, RunState, StartRunError};
use axum::{extract::State, response::Response};
use domain::{NotificationStatus, Timestamp};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{fields::Fields, invalid, listed};
use crate::{Api, json, problem::Problem};

/// How many runs are listed: those of a fortnight.
const MOST: u32 = 14;

fn run_view(state: &RunState) -> Value {
    let volumes = state.volumes.iter().flat_map(|(provider, classes)| {
        classes.iter().map(move |(postage, volume)| {
            json!({
                "provider": provider, "postage": postage, "letters": volume.letters, "sheets": volume.sheets,
            })
        })
    });
    let volumes: Vec<Value> = volumes.collect();
    let all = state.volumes.values().flat_map(|classes| classes.values());
    let (letters, sheets) = all.fold((0, 0), |(letters, sheets), volume| {
        (letters + volume.letters, sheets + volume.sheets)
    });
    let statuses: Map<String, Value> = state
        .statuses
        .iter()
        .map(|(status, count)| (status.to_string(), json!(count)))
        .collect();
    let waiting = state.statuses.get(&NotificationStatus::Created);
    json!({
        "deadline": state.run.deadline,
        "started_at": state.run.started_at,
        "finished_at": state.run.finished_at,
        "letters": letters,
        "sheets": sheets,
        "not_handed_over": waiting.copied().unwrap_or(0),
        "statuses": statuses,
        "volumes": volumes,
    })
}

/// `GET /letters/print-runs`: the last runs, newest first.
pub(crate) async fn list_print_runs(State(api): State<Api>) -> Result<Response, Problem> {
    let found = print_run::list(&api.app, MOST)
        .await
        .map_err(Problem::legacy_internal)?;
    Ok(listed(&found, run_view))
}

/// `POST /letters/print-runs`: starts the run of a deadline that has passed, `{"deadline": …}`, or the last
/// one; with `{"now": true}` a run of every letter that exists.
pub(crate) async fn start_print_run(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let deadline: Option<Timestamp> = fields.optional("deadline");
    let takes_all: Option<bool> = fields.optional("now");
    fields.finish()?;
    let deadline = match takes_all {
        Some(true) => Some(api.app.clock().now()),
        _ => deadline,
    };
    let started = print_run::start(&api.app, deadline).await;
    let deadline = started.map_err(|error| match error {
        StartRunError::Future(_) => invalid(error.to_string()),
        StartRunError::Store(error) => Problem::legacy_internal(error),
    })?;
    let data = json!({"data": {"deadline": deadline}});
    Ok(json::response(StatusCode::ACCEPTED, &data))
}
