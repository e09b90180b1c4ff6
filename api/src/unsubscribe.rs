use app::receipts::unsubscribe::{self, UnsubscribeError};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use domain::NotificationId;
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api, answer,
    problem::{self, Problem},
};

/// `POST /unsubscribe/<notification id>/<token>` (`docs/spec/public-api.md` §21): a mail program does it; the body is
/// ignored.
pub(crate) async fn unsubscribe(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    // A path whose percent signs make no text is none that we made.
    let Ok(Path((id, token))) = path else {
        return Err(not_a_link());
    };
    let Some(id) = hyphenated(&id) else {
        return Err(problem::no_such_path().await);
    };
    match unsubscribe::unsubscribe(&api.app, id, &token).await {
        Ok(()) => {
            let body = json!({"message": "Unsubscribe successful", "result": "success"});
            Ok(answer::json(StatusCode::OK, &body))
        }
        Err(UnsubscribeError::NotALink) => Err(not_a_link()),
        Err(UnsubscribeError::NoSuchMessage) => Err(invalid_or_expired()),
        Err(UnsubscribeError::Store(fault)) => Err(Problem::fault_old(fault)),
    }
}

/// What is said of a link that we have not made.
pub(crate) fn not_a_link() -> Problem {
    refused("This is not a valid unsubscribe link.")
}

/// What is said of a link of ours that no longer leads anywhere.
pub(crate) fn invalid_or_expired() -> Problem {
    refused("This unsubscribe link is invalid or expired.")
}

fn refused(text: &str) -> Problem {
    Problem::old(StatusCode::NOT_FOUND, json!({"unsubscribe request": text}))
}

/// An id as this path takes it: with its hyphens, in either case; anything else is another path.
fn hyphenated(text: &str) -> Option<NotificationId> {
    let id = (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()?;
    Some(id.into())
}
