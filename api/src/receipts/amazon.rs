//! Events of Amazon (`docs/spec/public-api.md` §22.4): from SNS, which signs them, or from a forwarder that reads a queue,
//! with a password.

use app::receipts::{self, ReceiptError};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{Private, SmsReceiptSource};
use http::{HeaderMap, StatusCode};
use providers::amazon::{
    self, AmazonEvent,
    sns::{SnsError, SnsMessage},
};
use serde_json::json;
use tracing::warn;

use super::read_body;
use crate::{
    Api, auth::sign_in, body_limit::RequestBody, json, peers::CallerAddress, problem::Problem,
};

/// The user name of forwarders.
const FORWARDER: &str = "amazon";

/// `POST /notifications/amazon/sns`
pub(crate) async fn receive_sns_message(
    State(api): State<Api>,
    caller: CallerAddress,
    body: RequestBody,
) -> Result<Response, Problem> {
    // Anyone can reach this, and verifying a signature costs more than most requests.
    api.receipt_limit.check(caller)?;
    let body = read_body(body).await?;
    let message = api.settings.receipts.sns.receive(&body).await;
    match message.map_err(refused)? {
        SnsMessage::Events(events) => accept(&api, events).await?,
        SnsMessage::Confirmed | SnsMessage::Unsubscribed => {}
    }
    Ok(done())
}

/// `POST /notifications/amazon/events`
pub(crate) async fn receive_amazon_events(
    State(api): State<Api>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    let users: [Private<String>; 1] = [FORWARDER.to_owned().into()];
    sign_in(&headers, &users, &api.settings.receipts.amazon_passwords)?;
    let events = amazon::parse_events(&read_body(body).await?);
    accept(&api, events.map_err(|_| Problem::unreadable_body())?).await?;
    Ok(done())
}

/// Returns the 403 of a message that SNS has not signed, or of a topic that is not ours.
pub(crate) fn unsigned() -> Problem {
    Problem::legacy(
        StatusCode::FORBIDDEN,
        "Forbidden: messages of this topic are not accepted, or the signature is invalid",
    )
}

fn refused(error: SnsError) -> Problem {
    match error {
        SnsError::Malformed => Problem::unreadable_body(),
        SnsError::UnknownTopic | SnsError::BadSignature => {
            warn!("a message of SNS was refused: {error}");
            unsigned()
        }
        // SNS sends the message again.
        SnsError::Unavailable(error) => {
            warn!("a message of SNS cannot be verified now: {error}");
            Problem::legacy_busy()
        }
    }
}

async fn accept(api: &Api, events: Vec<AmazonEvent>) -> Result<(), Problem> {
    // Together, so that they share a commit.
    let accepting = events.into_iter().map(|event| accept_event(api, event));
    let accepted = futures::future::join_all(accepting).await;
    accepted
        .into_iter()
        .collect::<Result<(), _>>()
        .map_err(|error| match error {
            ReceiptError::Busy => Problem::legacy_busy(),
            ReceiptError::Store(_) => Problem::legacy_internal(error),
        })
}

async fn accept_event(api: &Api, event: AmazonEvent) -> Result<(), ReceiptError> {
    match event {
        AmazonEvent::Email(notice) => receipts::accept_ses_notice(&api.app, notice).await,
        AmazonEvent::Sms(receipt) => {
            let by = SmsReceiptSource::AmazonSms.into();
            receipts::accept_sms_receipt(&api.app, by, &receipt).await
        }
        AmazonEvent::Progress => Ok(()),
        AmazonEvent::Unsupported(kind) => {
            let is_word = kind.len() < 50
                && kind
                    .chars()
                    .all(|c| c.is_alphanumeric() || " _".contains(c));
            let kind = if is_word { &*kind } else { "(unreadable)" };
            warn!(
                "an event of Amazon of the type {kind} was dropped: choose other event types where they are published"
            );
            Ok(())
        }
    }
}

fn done() -> Response {
    json::response(StatusCode::OK, &json!({"result": "success"})).into_response()
}
