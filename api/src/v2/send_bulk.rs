use std::{collections::BTreeMap, sync::Arc};

use app::jobs::{self, BulkError, BulkJob, BulkRequest, Sender};
use axum::{extract::State, response::Response};
use domain::{ReplyToId, SmsSenderId, TemplateId};
use http::{HeaderMap, StatusCode};

use super::{
    bulk_body::BulkBody,
    idempotency::{Admission, AdmittedRequest, SendRequest},
    job_response::JobResponse,
    request_body::{Given, Id, Text, Time, request_body},
};
use crate::{
    Api,
    auth::ServiceKey,
    body_limit::{BodyBytes, RequestBody},
    json, links,
    memory_budget::Share,
    problem::{self, Problem},
};

/// The largest body, enough for 100,000 rows of several hundred bytes.
const MAX_BODY_BYTES: usize = 64 << 20;

request_body! {
    /// The body without its rows, which [`BulkBody`] streams into CSV.
    JobBody {
        name: Text<255>,
        template_id: Id<TemplateId>,
        scheduled_for: Option<Time>,
        reply_to_id: Option<Id<ReplyToId>>,
        sms_sender_id: Option<Id<SmsSenderId>>,
        reference: Option<Text<1000>>,
    }
}

/// `POST /v2/notifications/bulk`: sends one template to many recipients, as a job.
///
/// ```json
/// {"name": "Bin days", "template_id": "…", "rows": [["phone number", "name"], ["07700900123", "Ada"], …]}
/// ```
///
/// The parameters are described in the OpenAPI document. All rows are accepted or none. The response is the job as
/// `GET /v2/jobs/<id>` returns it.
pub(crate) async fn send_bulk(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    let send = SendRequest {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/bulk",
        channel: None,
        headers: &headers,
        max_body_bytes: MAX_BODY_BYTES,
    };
    let admitted = match send.admit(body).await? {
        Admission::New(admitted) => admitted,
        Admission::Replayed(response) => return Ok(response),
    };
    let root = links::root_url(&api, &headers);
    let (heavy_work, service) = (Arc::clone(&api.heavy_work), caller.0.tenant.service.id);
    // Parsing and checking 100,000 rows takes long enough to hold up the requests of this thread.
    let send = async move { send_rows(&api, &caller, admitted, &root).await };
    heavy_work.run(service, Box::pin(send)).await?
}

async fn send_rows(
    api: &Api,
    caller: &ServiceKey,
    mut admitted: AdmittedRequest,
    root: &str,
) -> Result<Response, Problem> {
    // The share is kept to the end, because the rows are in memory as CSV until they are stored.
    let (request, _share) = parse(api, admitted.take_body())?;
    // A new job has no notifications to count yet.
    let none = BTreeMap::new();
    let write = |created: &BulkJob| {
        let response = JobResponse::new(&created.job, Some(&none), root);
        json::to_json_bytes(&response.with_warnings(&created.warnings))
    };
    match jobs::send_bulk(&api.app, &caller.0, request, admitted.idempotent(&write)).await {
        Ok(job) => Ok(json::bytes_response(StatusCode::CREATED, write(&job))),
        Err(BulkError::Refused(refused)) => {
            admitted.respond(api, caller, Err(refused), write).await
        }
        Err(error) => Err(problem::bulk_error(error)),
    }
}

/// Parses the body and drops it. Returns its share of the budget too.
fn parse(api: &Api, bytes: BodyBytes) -> Result<(BulkRequest, Share), Problem> {
    let body = BulkBody::read(&json::without_nul(&bytes))?;
    let share = bytes.into_share();
    let job = JobBody::parse(body.members.into(), api.app.clock().now())?;
    let invalid = |text: &str| Problem::validation(vec![text.to_owned()]);
    if job.name.trim().is_empty() {
        return Err(invalid("name should be non-empty"));
    }
    let sms_sender = job.sms_sender_id.map(Given::into_pair);
    let reply_to = job.reply_to_id.map(Given::into_pair);
    let sender = match (sms_sender, reply_to) {
        (None, None) => None,
        (Some((id, as_given)), None) => Some(Sender::Sms(id, as_given)),
        (None, Some((id, as_given))) => Some(Sender::ReplyTo(id, as_given)),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "sms_sender_id and reply_to_id must not both be given",
            ));
        }
    };
    let request = BulkRequest {
        name: job.name,
        template_id: job.template_id.value,
        csv: body.csv,
        scheduled_for: job.scheduled_for,
        sender,
        reference: job.reference,
    };
    Ok((request, share))
}
