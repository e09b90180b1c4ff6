use app::{Money, cache::rates};
use axum::{extract::State, response::Response};
use domain::{Postage, Timestamp};
use http::StatusCode;
use serde::Serialize;

use crate::{Api, answer, callers::InternalV2, problem::Problem};

#[derive(Debug, Serialize)]
struct Shown {
    post_class: Postage,
    rate: String,
    sheet_count: u32,
    start_date: Timestamp,
}

/// `GET /letter-rates/` (`docs/spec/public-api.md` §23): those that hold now, by sheets, then rate, then class.
pub(crate) async fn list_rates(State(api): State<Api>, _: InternalV2) -> Result<Response, Problem> {
    let rates = rates::find(&api.app).await.map_err(Problem::fault)?;
    let shown: Vec<Shown> = rates
        .letters_at(api.app.clock().now())
        .into_iter()
        .map(|rate| Shown {
            post_class: rate.postage,
            rate: Money {
                micropounds: rate.micropounds,
            }
            .to_string(),
            sheet_count: rate.sheet_count,
            start_date: rate.start_date,
        })
        .collect();
    Ok(answer::raw_json(StatusCode::OK, &shown))
}
