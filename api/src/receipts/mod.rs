//! Endpoints for providers: delivery receipts and inbound messages (`docs/spec/public-api.md` §22). They check the caller;
//! `providers` parses the bodies, and `app` processes them.

mod amazon;
mod letter;
mod provider;
mod received_texts;
mod response_files;
mod sms;

/// What the description of the API says about these endpoints.
pub(crate) mod documented {
    pub(crate) use super::{
        amazon::unsigned,
        letter::{another_letter, bad_token},
        sms::incomplete,
    };
}

pub(crate) use amazon::{receive_amazon_events, receive_sns_message};
pub(crate) use letter::receive_letter_receipt;
pub(crate) use provider::{
    receive_provider_receipt, receive_provider_receipt_of, receive_provider_text,
};
pub(crate) use received_texts::{receive_firetext_text, receive_mmg_text};
pub(crate) use response_files::receive_response_file;
pub(crate) use sms::{receive_firetext_receipt, receive_mmg_receipt};

use crate::{
    body_limit::{self, BodyBytes, RequestBody},
    problem::Problem,
};

/// Reads a body. If it breaks off, the error has the shape that the callers of these endpoints know.
async fn read_body(body: RequestBody) -> Result<BodyBytes, Problem> {
    body_limit::read_form(body).await.map_err(|problem| {
        if problem == Problem::invalid_json() {
            Problem::unreadable_body()
        } else {
            // The limits of bodies are answered in this shape too (`docs/spec/public-api.md` §2.5).
            problem.into_legacy()
        }
    })
}
