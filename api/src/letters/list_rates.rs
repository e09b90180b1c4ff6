use app::{Money, cache::rates};
use axum::{extract::State, response::Response};
use domain::{Postage, Timestamp};
use http::StatusCode;
use serde::Serialize;

use crate::{Api, json, problem::Problem};

#[derive(Debug, Serialize)]
struct RateView {
    post_class: Postage,
    rate: String,
    sheet_count: u32,
    start_date: Timestamp,
}

/// `GET /letter-rates/` (`docs/spec/public-api.md` §23): the current rates, by sheets, then rate, then postage class.
pub(crate) async fn list_rates(State(api): State<Api>) -> Result<Response, Problem> {
    let rates = rates::find(&api.app).await.map_err(Problem::internal)?;
    let views: Vec<RateView> = rates
        .letters_at(api.app.clock().now())
        .into_iter()
        .map(|rate| RateView {
            post_class: rate.postage,
            rate: Money {
                micropounds: rate.micropounds,
            }
            .to_string(),
            sheet_count: rate.sheet_count,
            start_date: rate.start_date,
        })
        .collect();
    Ok(json::ordered_response(StatusCode::OK, &views))
}
