use app::unsubscribe::{self, UnsubscribeError};
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

const NOT_A_LINK: &str = "This is not a valid unsubscribe link.";

/// `POST /unsubscribe/<notification id>/<token>` (public-api §21): a mail program does it; the body is ignored.
pub(crate) async fn unsubscribe(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    // A path whose percent signs make no text is none that we made.
    let Ok(Path((id, token))) = path else {
        return Err(refused(NOT_A_LINK));
    };
    let Some(id) = hyphenated(&id) else {
        return Err(problem::no_such_path().await);
    };
    match unsubscribe::unsubscribe(&api.app, id, &token).await {
        Ok(()) => {
            let body = json!({"message": "Unsubscribe successful", "result": "success"});
            Ok(answer::json(StatusCode::OK, &body))
        }
        Err(UnsubscribeError::NotALink) => Err(refused(NOT_A_LINK)),
        Err(UnsubscribeError::NoSuchMessage) => {
            Err(refused("This unsubscribe link is invalid or expired."))
        }
        Err(UnsubscribeError::Store(fault)) => Err(Problem::fault_old(fault)),
    }
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
