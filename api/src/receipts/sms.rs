//! Delivery receipts of text messages (`docs/spec/public-api.md` §22.1).

use app::receipts;
use axum::{extract::State, response::Response};
use domain::SmsReceiptSource;
use http::{HeaderMap, StatusCode};
use providers::sms::{
    firetext, mmg,
    receipts::{ReceiptError, SmsReceipt},
};
use serde_json::{Value, json};

use super::read_body;
use crate::{
    Api, ReceiptAccess,
    auth::sign_in,
    body_limit::RequestBody,
    json,
    peers::{self, CallerAddress},
    problem::Problem,
};

/// `POST /notifications/sms/mmg`
pub(crate) async fn receive_mmg_receipt(
    State(api): State<Api>,
    caller: CallerAddress,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    admit(&api, caller, &headers, &api.settings.receipts.mmg)?;
    let receipt = mmg::parse_receipt(&read_body(body).await?);
    accept(&api, SmsReceiptSource::Mmg, receipt).await
}

/// `POST /notifications/sms/firetext`
pub(crate) async fn receive_firetext_receipt(
    State(api): State<Api>,
    caller: CallerAddress,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    admit(&api, caller, &headers, &api.settings.receipts.firetext)?;
    let receipt = firetext::parse_receipt(&read_body(body).await?);
    accept(&api, SmsReceiptSource::Firetext, receipt).await
}

/// Checks who sends a receipt, before its body is read.
fn admit(
    api: &Api,
    caller: CallerAddress,
    headers: &HeaderMap,
    access: &ReceiptAccess,
) -> Result<(), Problem> {
    peers::check_network(caller, &access.networks)?;
    if !access.passwords.is_empty() {
        sign_in(headers, &access.users, &access.passwords)?;
    } else if access.networks.is_empty() {
        // Only where any address may call: a known provider may report as fast as we send.
        api.receipt_limit.check(caller)?;
    }
    Ok(())
}

/// Accepts a receipt. Only the presence of the required fields is checked here; what they mean is decided when the
/// receipt is processed.
async fn accept(
    api: &Api,
    source: SmsReceiptSource,
    receipt: Result<SmsReceipt, ReceiptError>,
) -> Result<Response, Problem> {
    let receipt = receipt.map_err(|error| match error {
        // The reference answers 500, which would blame us and not the sender (`docs/spec/public-api.md` §25).
        ReceiptError::Malformed => Problem::unreadable_body(),
        ReceiptError::Missing(fields) => incomplete(source, &fields),
    })?;
    receipts::accept_sms_receipt(&api.app, source.into(), &receipt)
        .await
        .map_err(|error| match error {
            receipts::ReceiptError::Busy => Problem::legacy_busy(),
            receipts::ReceiptError::Store(_) => Problem::legacy_internal(error),
        })?;
    Ok(json::response(
        StatusCode::OK,
        &json!({"result": "success"}),
    ))
}

/// Returns the 400 of a receipt without required fields.
pub(crate) fn incomplete(source: SmsReceiptSource, missing: &[&str]) -> Problem {
    let messages: Vec<Value> = missing
        .iter()
        .map(|name| format!("{} callback failed: {name} missing", source.title()).into())
        .collect();
    Problem::legacy(StatusCode::BAD_REQUEST, messages)
}
