//! `POST /notifications/letter/status` (`docs/spec/public-api.md` §22.3): receipts of the print provider.

use app::receipts::{self, LetterReceipt, LetterReceiptStatus};
use axum::{
    body::Body,
    extract::{RawQuery, State},
};
use domain::NotificationId;
use http::StatusCode;
use providers::letter::dvla::{self, LetterEvent};

use crate::{Api, answer, problem::Problem, v2::shown};

/// `POST /notifications/letter/status?token=…`
pub(crate) async fn hear_letter(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<StatusCode, Problem> {
    // The token comes first: without it nothing is said about the body.
    let letter = letter_of(&api, query.as_deref().unwrap_or_default())?;
    let body = answer::parse_v2(&answer::read_form(body).await?)?;
    let receipt = dvla::LetterReceipt::parse(&body, shown).map_err(Problem::validation)?;
    if receipt.letter() != Some(letter) {
        return Err(another_letter());
    }
    let event = receipt
        .event()
        .map_err(|message| Problem::validation(vec![message]))?;
    let receipt = LetterReceipt {
        id: letter,
        word: word(&event),
    };
    receipts::accept_letter_receipt(&api.app, &receipt)
        .await
        .map_err(Problem::fault)?;
    Ok(StatusCode::NO_CONTENT)
}

fn word(event: &LetterEvent) -> LetterReceiptStatus {
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

fn invalid(status: StatusCode, message: &str) -> Problem {
    Problem::v2(status, "InvalidRequest", message)
}

fn letter_of(api: &Api, query: &str) -> Result<NotificationId, Problem> {
    let token = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "token");
    let letter = token.and_then(|(_, token)| receipts::read_letter_status_token(&api.app, &token));
    letter.ok_or_else(bad_token)
}

/// The token in the URL is absent or not ours.
pub(crate) fn bad_token() -> Problem {
    invalid(
        StatusCode::FORBIDDEN,
        "A valid token must be provided in the query string",
    )
}

/// Token and body are about different letters.
pub(crate) fn another_letter() -> Problem {
    invalid(
        StatusCode::BAD_REQUEST,
        "Notification ID in letter callback data does not match ID in token",
    )
}
