use std::collections::BTreeMap;

use app::jobs::{self, BulkError, BulkRequest, Sender};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{
    bulk_body::BulkBody,
    once::{Admitted, Request},
    schema::{Members, Schema, Shape},
    show_job::Job,
};
use crate::{
    Api,
    answer::{self, InHand},
    callers::ServiceKey,
    problem::{self, Problem},
};

/// The largest body: 100,000 rows of several hundred bytes.
const MAX_BODY_BYTES: usize = 64 << 20;

pub(crate) const SCHEMA: Schema = Schema {
    keys: &[
        ("name", Shape::Text(255)),
        ("template_id", Shape::Uuid),
        ("scheduled_for", Shape::Time),
        ("reply_to_id", Shape::Uuid),
        ("sms_sender_id", Shape::Uuid),
        ("reference", Shape::Text(1000)),
    ],
    required: &["name", "template_id"],
};

/// `POST /v2/notifications/bulk`: one template to many people, as a job.
///
/// ```json
/// {"name": "Bin days", "template_id": "…", "rows": [["phone number", "name"], ["07700900123", "Ada"], …]}
/// ```
///
/// Instead of `rows` – arrays of texts, numbers and nulls, the columns' names first – `csv` may hold the same as one
/// text. The columns are those of a spreadsheet: the recipient's, one for each placeholder and, if wanted, `reference`.
/// `scheduled_for` is a time at most seven days ahead (UTC unless it has an offset); `reply_to_id` (e-mails) or
/// `sms_sender_id` (texts) names a sender; `reference` is that of rows without one. At most 100,000 rows, all or none of
/// which are sent. 201 answers the job as `GET /v2/jobs/<id>` shows it.
pub(crate) async fn send_bulk(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request = Request {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/bulk",
        channel: None,
        headers: &headers,
        max_body_bytes: MAX_BODY_BYTES,
    };
    let mut sending = match request.admit(body).await? {
        Admitted::New(sending) => sending,
        Admitted::Answered(response) => return Ok(response),
    };
    let order = read(&api, sending.take_body()).await?;

    let root = answer::url_root(&api, &headers);
    let none = BTreeMap::new();
    let write = |job: &app::Job| answer::written(&Job::new(job, Some(&none), &root));
    match jobs::send_bulk(&api.app, &caller.0, order, sending.once(&write)).await {
        Ok(job) => Ok(answer::json_bytes(StatusCode::CREATED, write(&job))),
        Err(BulkError::Refused(refused)) => {
            sending.answer(&api, &caller, Err(refused), write).await
        }
        Err(error) => Err(problem::sending_in_bulk(error)),
    }
}

/// What is asked for. Reading a large body takes a while, so it is done where nobody waits, and the body is gone
/// afterwards.
async fn read(api: &Api, body: InHand) -> Result<BulkRequest, Problem> {
    let read =
        tokio::task::spawn_blocking(move || BulkBody::read(&answer::without_nul(&body))).await;
    let body = read.map_err(Problem::fault)??;
    let now = api.app.clock().now();
    let mut members = Members(SCHEMA.check(body.members.into(), now)?);
    let name = members.text("name").expect("the schema requires it");
    let sms_sender = members.id("sms_sender_id");
    let reply_to = members.id("reply_to_id");
    let says = |text: &str| Problem::validation(vec![text.to_owned()]);
    if name.trim().is_empty() {
        return Err(says("name should be non-empty"));
    }
    let sender = match (sms_sender, reply_to) {
        (None, None) => None,
        (Some((id, as_given)), None) => Some(Sender::Sms(id, as_given)),
        (None, Some((id, as_given))) => Some(Sender::ReplyTo(id, as_given)),
        (Some(_), Some(_)) => {
            return Err(says("sms_sender_id and reply_to_id must not both be given"));
        }
    };
    Ok(BulkRequest {
        name,
        template_id: members.id("template_id").expect("the schema requires it").0,
        csv: body.csv,
        scheduled_for: members
            .text("scheduled_for")
            .and_then(|text| text.parse().ok()),
        sender,
        reference: members.text("reference"),
    })
}
