//! `POST /notifications/letter/status` (`docs/spec/public-api.md` §22.3): receipts of the print provider.

use app::receipts::{self, LetterReceipt, LetterReceiptStatus};
use axum::extract::{RawQuery, State};
use domain::NotificationId;
use http::StatusCode;
use providers::letter::dvla::{self, LetterEvent};
use tracing::error;

use crate::{
    Api,
    body_limit::{self, RequestBody},
    json,
    peers::CallerAddress,
    problem::{Problem, display_value},
};

/// `POST /notifications/letter/status?token=…`
pub(crate) async fn receive_letter_receipt(
    State(api): State<Api>,
    caller: CallerAddress,
    RawQuery(query): RawQuery,
    body: RequestBody,
) -> Result<StatusCode, Problem> {
    // The path is open to anyone, so the limit comes even before the token.
    api.receipt_limit.check(caller)?;
    // The token is checked first: a caller without one learns nothing about the body.
    let letter = letter_of(&api, query.as_deref().unwrap_or_default())?;
    let body = body_limit::read_form(body).await?;
    let body = json::parse_v2(&body).inspect_err(|_| log_invalid(letter, "it is not JSON"))?;
    let receipt = dvla::LetterReceipt::parse(&body, display_value)
        .map_err(|messages| invalid_receipt(letter, messages))?;
    // The token proves that the caller has the link of one letter, and says nothing about another.
    if receipt.letter() != Some(letter) {
        return Err(another_letter());
    }
    let event = receipt
        .event()
        .map_err(|message| invalid_receipt(letter, vec![message]))?;
    let receipt = LetterReceipt {
        id: letter,
        status: status_of(&event),
    };
    receipts::accept_letter_receipt(&api.app, &receipt)
        .await
        .map_err(Problem::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

fn status_of(event: &LetterEvent) -> LetterReceiptStatus {
    match event {
        LetterEvent::Rejected => LetterReceiptStatus::Rejected,
        LetterEvent::Despatched {
            sheets,
            postage_class,
            mailing_product,
            at,
        } => LetterReceiptStatus::despatched(*sheets, postage_class, mailing_product, *at),
    }
}

/// Logs a receipt that does not fit the schema: until its provider is corrected, the letter stays `sending`.
fn invalid_receipt(letter: NotificationId, messages: Vec<String>) -> Problem {
    log_invalid(letter, &messages.join("; "));
    Problem::validation(messages)
}

fn log_invalid(letter: NotificationId, why: &str) {
    error!(notification.id = %letter, "invalid callback of the print provider for letter {letter}: {why}");
}

fn invalid(status: StatusCode, message: &str) -> Problem {
    Problem::v2(status, "InvalidRequest", message)
}

fn letter_of(api: &Api, query: &str) -> Result<NotificationId, Problem> {
    let token = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "token");
    let letter = token.and_then(|(_, token)| receipts::read_letter_status_token(&api.app, &token));
    letter.ok_or_else(bad_token)
}

/// Returns the 403 of a missing or invalid token.
pub(crate) fn bad_token() -> Problem {
    invalid(
        StatusCode::FORBIDDEN,
        "A valid token must be provided in the query string",
    )
}

/// Returns the 400 of a token for another letter.
pub(crate) fn another_letter() -> Problem {
    invalid(
        StatusCode::BAD_REQUEST,
        "Notification ID in letter callback data does not match ID in token",
    )
}
