use app::accept::limits;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::JobId;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{job_response::JobResponse, query};
use crate::{Api, auth::ServiceKey, json, links, problem::Problem};

const PAGE_SIZE: u32 = 50;

#[derive(Debug, Serialize)]
struct Page<'a> {
    jobs: Vec<JobResponse<'a>>,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /v2/jobs?older_than=<id>`: jobs created with the caller's type of key, newest first. A job that a user created counts
/// as created with a normal key. Pages and links are those of notifications (`docs/spec/public-api.md` §16).
pub(crate) async fn list_jobs(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    limits::check_read_rate(&api.app, &caller)?;
    let older_than = query::older_than(query.as_deref())?;
    let (service, key_type) = (caller.tenant.service.id, caller.key_type);
    let found = app::jobs::list_older(&api.app, service, key_type, older_than, PAGE_SIZE)
        .await
        .map_err(Problem::internal)?;
    let root = links::root_url(&api, &headers);
    let link = |older_than: Option<JobId>| match older_than {
        Some(id) => format!("{root}v2/jobs?older_than={id}"),
        None => format!("{root}v2/jobs"),
    };
    let page = Page {
        jobs: found
            .iter()
            .map(|job| JobResponse::new(job, None, &root))
            .collect(),
        links: Links {
            current: link(older_than),
            // Present unless the page is empty, even if nothing follows: the same rule as for notifications.
            next: found.last().map(|last| link(Some(last.id))),
        },
    };
    Ok(json::ordered_response(StatusCode::OK, &page))
}
