use app::upkeep::queue_stats::{self, DeadLetter};
use axum::{extract::State, response::Response};
use domain::TaskId;
use http::StatusCode;
use serde_json::{Value, json};

use super::ids::Id;
use crate::{Api, json, problem::Problem};

const MOST: u32 = 1000;

/// `GET /queue`: the number of tasks in each lane.
pub(crate) async fn get_queue(State(api): State<Api>) -> Result<Response, Problem> {
    let view = queue_stats::read(&api.app)
        .await
        .map_err(Problem::legacy_internal)?;
    let now = api.app.clock().now();
    let lanes: Vec<Value> = view
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "pool": lane.pool, "lane": lane.lane, "tasks": lane.tasks,
                "oldest_ready_seconds": lane.oldest_ready.map(|since| now.since(since).as_secs()),
            })
        })
        .collect();
    Ok(json::response(
        StatusCode::OK,
        &json!({"data": {"lanes": lanes, "dead_letters": view.dead_letters}}),
    ))
}

/// `GET /queue/dead`: newest first.
pub(crate) async fn list_dead_letters(State(api): State<Api>) -> Result<Response, Problem> {
    let found = queue_stats::list_dead(&api.app, MOST)
        .await
        .map_err(Problem::legacy_internal)?;
    let data: Vec<Value> = found.iter().map(dead_letter_view).collect();
    Ok(json::response(StatusCode::OK, &json!({"data": data})))
}

fn dead_letter_view(dead: &DeadLetter) -> Value {
    json!({
        "id": dead.id, "pool": dead.pool, "lane": dead.lane, "service": dead.service_id, "kind": dead.kind,
        "attempts": dead.attempt + 1, "why": dead.why, "created_at": dead.created_at, "died_at": dead.died_at,
    })
}

/// `GET /queue/dead/<task>`: a dead letter with its payload, which has ids only.
pub(crate) async fn get_dead_letter(
    State(api): State<Api>,
    Id(task): Id<TaskId>,
) -> Result<Response, Problem> {
    let found = queue_stats::find_dead(&api.app, task)
        .await
        .map_err(Problem::legacy_internal)?;
    let dead = found.ok_or_else(Problem::legacy_not_found)?;
    let mut data = dead_letter_view(&dead);
    // As text if it is no JSON: a payload that cannot be parsed may be why the task failed.
    data["payload"] = serde_json::from_str(&dead.payload).unwrap_or_else(|_| json!(dead.payload));
    Ok(json::response(StatusCode::OK, &json!({"data": data})))
}

/// `POST /queue/dead/<task>/replay`
pub(crate) async fn replay_dead_letter(
    State(api): State<Api>,
    Id(task): Id<TaskId>,
) -> Result<Response, Problem> {
    let replayed = queue_stats::replay(&api.app, task)
        .await
        .map_err(Problem::legacy_internal)?;
    if !replayed {
        return Err(Problem::legacy_not_found());
    }
    Ok(json::response(
        StatusCode::ACCEPTED,
        &json!({"data": {"id": task}}),
    ))
}
