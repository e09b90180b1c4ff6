//! Endpoints for providers: delivery receipts and inbound messages (`docs/spec/public-api.md` §22). They check the caller;
//! `providers` parses the bodies, and `app` processes them.

mod letter;
mod received_texts;
mod sms;

/// What the description of the API says about these endpoints.
pub(crate) mod told {
    pub(crate) use super::{
        letter::{another_letter, bad_token},
        sms::incomplete,
    };
}

pub(crate) use letter::hear_letter;
pub(crate) use received_texts::{receive_firetext, receive_mmg};
pub(crate) use sms::{hear_firetext, hear_mmg};

use axum::body::Body;

use crate::{
    answer::{self, InHand},
    problem::Problem,
};

/// Reads a body. If it breaks off, the error has the shape that the callers of these endpoints know.
async fn read_body(body: Body) -> Result<InHand, Problem> {
    answer::read_form(body).await.map_err(|problem| {
        if problem == Problem::too_large() {
            problem
        } else {
            Problem::not_understood()
        }
    })
}
