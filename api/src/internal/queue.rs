use app::upkeep::queue_stats::{self, DeadLetter};
use axum::{
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::id;
use crate::{Api, answer, callers::Internal, problem::Problem};

const MOST: u32 = 1000;

/// `GET /queue`: how every lane stands.
pub(crate) async fn get_queue(State(api): State<Api>, _: Internal) -> Result<Response, Problem> {
    let view = queue_stats::read(&api.app)
        .await
        .map_err(Problem::fault_old)?;
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
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": {"lanes": lanes, "dead_letters": view.dead_letters}}),
    ))
}

/// `GET /queue/dead`: newest first.
pub(crate) async fn list_dead_letters(
    State(api): State<Api>,
    _: Internal,
) -> Result<Response, Problem> {
    let found = queue_stats::list_dead(&api.app, MOST)
        .await
        .map_err(Problem::fault_old)?;
    let data: Vec<Value> = found.iter().map(shown).collect();
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

fn shown(dead: &DeadLetter) -> Value {
    json!({
        "id": dead.id, "pool": dead.pool, "lane": dead.lane, "service": dead.service_id, "kind": dead.kind,
        "attempts": dead.attempt + 1, "why": dead.why, "created_at": dead.created_at, "died_at": dead.died_at,
    })
}

/// `GET /queue/dead/<task>`: one, with what it is about – ids, nothing personal.
pub(crate) async fn get_dead_letter(
    State(api): State<Api>,
    _: Internal,
    Path(task): Path<String>,
) -> Result<Response, Problem> {
    let found = queue_stats::find_dead(&api.app, id(&task)?)
        .await
        .map_err(Problem::fault_old)?;
    let dead = found.ok_or_else(Problem::old_not_found)?;
    let mut data = shown(&dead);
    data["payload"] = serde_json::from_str(&dead.payload).unwrap_or_else(|_| json!(dead.payload));
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

/// `POST /queue/dead/<task>/replay`
pub(crate) async fn replay_dead_letter(
    State(api): State<Api>,
    _: Internal,
    Path(task): Path<String>,
) -> Result<Response, Problem> {
    let task = id(&task)?;
    let replayed = queue_stats::replay(&api.app, task)
        .await
        .map_err(Problem::fault_old)?;
    if !replayed {
        return Err(Problem::old_not_found());
    }
    Ok(answer::json(
        StatusCode::ACCEPTED,
        &json!({"data": {"id": task}}),
    ))
}
