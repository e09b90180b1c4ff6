use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::JobId;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::{
    schema::{shown, unexpected},
    show_job::Job,
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// How many jobs a page has.
const PAGE: u32 = 50;

#[derive(Debug, Serialize)]
struct Page<'a> {
    jobs: Vec<Job<'a>>,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /v2/jobs?older_than=<id>`: newest first, those made with the caller's type of key (jobs that people make count
/// as made with a normal one). Pages and links are as those of notifications (`docs/spec/public-api.md` §16).
pub(crate) async fn list_jobs(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let older_than = older_than(query.as_deref().unwrap_or_default())?;
    let (service, key_type) = (caller.tenant.service.id, caller.key_type);
    let found = app::jobs::list_older(&api.app, service, key_type, older_than, PAGE)
        .await
        .map_err(Problem::fault)?;
    let root = answer::url_root(&api, &headers);
    let link = |older_than: Option<JobId>| match older_than {
        Some(id) => format!("{root}v2/jobs?older_than={id}"),
        None => format!("{root}v2/jobs"),
    };
    let page = Page {
        jobs: found.iter().map(|job| Job::new(job, None, &root)).collect(),
        links: Links {
            current: link(older_than),
            next: found.last().map(|last| link(Some(last.id))),
        },
    };
    Ok(answer::raw_json(StatusCode::OK, &page))
}

/// Where the page begins; of several, the first counts.
fn older_than(query: &str) -> Result<Option<JobId>, Problem> {
    let (mut ids, mut unknown) = (Vec::new(), Vec::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key == "older_than" {
            ids.push(value.parse());
        } else {
            unknown.push(shown(&Value::from(&*key)));
        }
    }
    unknown.sort();
    unknown.dedup();
    let first = ids.into_iter().next().transpose();
    let fault = first
        .as_ref()
        .err()
        .map(|_| "older_than is not a valid UUID".to_owned());
    let errors: Vec<String> = fault.into_iter().chain(unexpected(&unknown)).collect();
    match first {
        Ok(first) if errors.is_empty() => Ok(first),
        _ => Err(Problem::validation(errors)),
    }
}
