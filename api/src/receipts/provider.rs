//! Requests of SMS providers that the settings name (`docs/spec/public-api.md` §22.5). The provider's own code checks and
//! parses them; the last part of the path is its name in the settings.

use app::receipts::{self, SmsReporter};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use providers::sms::{
    SmsProvider,
    receipts::{ProviderRequest, RequestError, SmsReceiver},
};
use serde_json::json;
use tracing::{error, warn};

use super::{read_body, received_texts::receive_from};
use crate::{
    Api, auth,
    body_limit::RequestBody,
    json,
    peers::CallerAddress,
    problem::{self, Problem},
};

/// An answer that tells Twilio to send nothing back; other providers read only the status.
const EMPTY_TWIML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

/// `POST /notifications/sms/<provider>`
pub(crate) async fn receive_provider_receipt(
    State(api): State<Api>,
    caller: CallerAddress,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    receive_receipt(&api, caller, &provider, (None, &query, &headers), body).await
}

/// `POST /notifications/sms/<provider>/<reference>`
pub(crate) async fn receive_provider_receipt_of(
    State(api): State<Api>,
    caller: CallerAddress,
    Path((provider, reference)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let parts = (Some(&*reference), &*query, &headers);
    receive_receipt(&api, caller, &provider, parts, body).await
}

async fn receive_receipt(
    api: &Api,
    caller: CallerAddress,
    provider: &str,
    (reference, query, headers): (Option<&str>, &str, &HeaderMap),
    body: RequestBody,
) -> Result<Response, Problem> {
    // Before the signature is known to be good, anyone may be calling.
    api.receipt_limit.check(caller)?;
    let provider = receipts::sms_provider(&api.app, provider).ok_or_else(problem::unknown_route)?;
    let receiver = receiver_of(&*provider)?;
    let body = read_body(body).await?;
    let request = ProviderRequest {
        reference,
        query,
        headers,
        body: &body,
    };
    let receipt = match receiver.parse_receipt(&request) {
        Ok(receipt) => receipt,
        Err(RequestError::UnknownStatus) => {
            // The provider would only send it again: it is acknowledged, and the rule must be completed.
            error!(
                "{} sent a receipt with a status that its rule in the settings does not list: add it to `receipts.statuses`",
                provider.name()
            );
            None
        }
        Err(error) => return Err(refused(provider.name(), &error)),
    };
    if let Some(receipt) = receipt {
        let by = SmsReporter {
            source: receiver.source(),
            provider: Some(provider.name()),
        };
        receipts::accept_sms_receipt(&api.app, by, &receipt)
            .await
            .map_err(|error| match error {
                receipts::ReceiptError::Busy => Problem::legacy_busy(),
                receipts::ReceiptError::Store(_) => Problem::legacy_internal(error),
            })?;
    }
    Ok(json::response(
        StatusCode::OK,
        &json!({"result": "success"}),
    ))
}

/// `POST /notifications/sms/receive/<provider>`
pub(crate) async fn receive_provider_text(
    State(api): State<Api>,
    caller: CallerAddress,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    api.receipt_limit.check(caller)?;
    let provider =
        receipts::sms_provider(&api.app, &provider).ok_or_else(problem::unknown_route)?;
    let receiver = receiver_of(&*provider)?;
    let body = read_body(body).await?;
    let inbound = receiver.parse_inbound(&ProviderRequest {
        reference: None,
        query: query.as_deref().unwrap_or_default(),
        headers: &headers,
        body: &body,
    });
    let inbound = inbound.map_err(|error| refused(provider.name(), &error))?;
    receive_from(&api, receiver.source(), inbound).await?;
    let xml = HeaderValue::from_static("text/xml; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, xml)], EMPTY_TWIML).into_response())
}

fn receiver_of(provider: &dyn SmsProvider) -> Result<&dyn SmsReceiver, Problem> {
    provider.receiver().ok_or_else(problem::unknown_route)
}

fn refused(provider: &str, error: &RequestError) -> Problem {
    match error {
        RequestError::Unsupported => problem::unknown_route(),
        RequestError::Unauthorized => {
            warn!(
                "a request in the name of {provider} was refused: {error}. If it is theirs, compare the URL and the secret \
                 there with the settings"
            );
            auth::unauthorized()
        }
        RequestError::Malformed | RequestError::UnknownStatus => Problem::unreadable_body(),
    }
}
