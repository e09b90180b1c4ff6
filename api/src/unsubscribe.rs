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
    Api, json,
    peers::CallerAddress,
    problem::{self, Problem},
};

/// `POST /unsubscribe/<notification id>/<token>` (`docs/spec/public-api.md` §21): a mail program sends it; the body is ignored.
pub(crate) async fn unsubscribe(
    State(api): State<Api>,
    caller: CallerAddress,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    // Before the token is opened, so that guessing tokens is limited as well.
    api.unsubscribe_limit.check(caller)?;
    // A path that is not UTF-8 cannot be a link of ours.
    let Ok(Path((id, token))) = path else {
        return Err(invalid_token());
    };
    let Some(id) = hyphenated(&id) else {
        // The route has an id here, and anything else is a path that does not exist (`docs/spec/public-api.md` §2.1).
        return Err(problem::unknown_route());
    };
    match unsubscribe::unsubscribe(&api.app, id, &token).await {
        Ok(()) => {
            let body = json!({"message": "Unsubscribe successful", "result": "success"});
            Ok(json::response(StatusCode::OK, &body))
        }
        Err(UnsubscribeError::InvalidToken) => Err(invalid_token()),
        Err(UnsubscribeError::NoSuchMessage) => Err(invalid_or_expired()),
        Err(UnsubscribeError::Store(fault)) => Err(Problem::legacy_internal(fault)),
    }
}

/// Returns the 404 of a link that we did not sign.
pub(crate) fn invalid_token() -> Problem {
    refused("This is not a valid unsubscribe link.")
}

/// Returns the 404 of a link of ours whose email is unknown.
pub(crate) fn invalid_or_expired() -> Problem {
    refused("This unsubscribe link is invalid or expired.")
}

fn refused(text: &str) -> Problem {
    Problem::legacy(StatusCode::NOT_FOUND, json!({"unsubscribe request": text}))
}

/// Parses an id with hyphens, in either case; anything else is another path.
fn hyphenated(text: &str) -> Option<NotificationId> {
    let id = (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()?;
    Some(id.into())
}
