//! Error responses, and every public error text (`docs/spec/public-api.md` §2.4, §3, §4, §6, appendix B). The texts are part
//! of the public contract: clients show them and branch on them.

mod accept;
mod bulk;
mod file_errors;
mod idempotency;
mod internal;
mod letters;
mod limits;
mod routing;
mod wording;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::error;

use crate::json::{self, JsonError};

pub(crate) use accept::{accept_error, filled_too_large, missing_personalisation};
pub(crate) use bulk::{bulk_error, job_not_waiting, job_of_another_key_type};
pub(crate) use file_errors::file_rejected;
pub(crate) use idempotency::bad_idempotency_key;
pub(crate) use letters::{
    not_a_letter, pdf_not_ready, pdf_of_failed_letter, pdf_with_virus, range_not_satisfiable,
};
pub(crate) use routing::{method_not_allowed, panic_response, unknown_route};
pub(crate) use wording::{display_value, unexpected_keys};

use limits::Limit;

/// An error response, in one of the two shapes of the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    shape: Shape,
    retry_after_seconds: Option<u32>,
    /// The limit that was exceeded, for the `RateLimit` headers.
    limit: Option<Box<Limit>>,
    /// Whether to send `WWW-Authenticate: Bearer`; only the endpoints for inbound texts do.
    asks_for_bearer: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// `{"errors":[…],"status_code":…}`
    V2(Vec<Entry>),
    /// `{"message":…,"result":"error"}`, the shape of everything outside `/v2`
    Legacy(Value),
}

/// One error of the v2 shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The class that clients switch on.
    pub error: &'static str,
    /// The text that clients show.
    pub message: String,
    /// Further members, where an error has some.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<Map<String, Value>>,
}

impl Problem {
    /// Returns one error in the v2 shape.
    pub(crate) fn v2(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        let entry = Entry {
            error,
            message: message.into(),
            details: None,
        };
        Self {
            status,
            shape: Shape::V2(vec![entry]),
            retry_after_seconds: None,
            limit: None,
            asks_for_bearer: false,
        }
    }

    /// Returns a 400 with one `ValidationError` for each message; a repeated message is listed once.
    pub(crate) fn validation(messages: Vec<String>) -> Self {
        let mut entries: Vec<Entry> = Vec::with_capacity(messages.len());
        for message in messages {
            let entry = Entry {
                error: "ValidationError",
                message,
                details: None,
            };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Self {
            status: StatusCode::BAD_REQUEST,
            shape: Shape::V2(entries),
            retry_after_seconds: None,
            limit: None,
            asks_for_bearer: false,
        }
    }

    /// Returns an error in the legacy shape; the message is a text, a list or an object.
    pub(crate) fn legacy(status: StatusCode, message: impl Into<Value>) -> Self {
        Self {
            status,
            shape: Shape::Legacy(message.into()),
            retry_after_seconds: None,
            limit: None,
            asks_for_bearer: false,
        }
    }

    /// Returns the HTTP status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns whether the body has the v2 shape.
    pub(crate) const fn is_v2(&self) -> bool {
        matches!(self.shape, Shape::V2(_))
    }

    /// Returns the body of the response.
    pub(crate) fn body(&self) -> Value {
        match &self.shape {
            Shape::V2(entries) => json!({"errors": entries, "status_code": self.status.as_u16()}),
            Shape::Legacy(message) => json!({"message": message, "result": "error"}),
        }
    }

    /// Returns the errors of the v2 shape, or none.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.shape {
            Shape::V2(entries) => entries,
            Shape::Legacy(_) => &[],
        }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::v2(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    /// Returns the 400 of a body that is not JSON.
    pub(crate) fn invalid_json() -> Self {
        Self::bad_request("Invalid JSON supplied in POST data")
    }

    pub(crate) fn too_large() -> Self {
        Self::v2(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "The data value transmitted exceeds the capacity limit.",
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::v2(StatusCode::NOT_FOUND, "NoResultFound", "No result found")
    }

    pub(crate) fn legacy_not_found() -> Self {
        Self::legacy(StatusCode::NOT_FOUND, "No result found")
    }

    /// Logs an internal error and returns a 500 that tells nothing of it. A transient one – a full disk, a database that
    /// restarts – becomes a 503 with `Retry-After`.
    pub(crate) fn internal(cause: impl std::error::Error + 'static) -> Self {
        log(&cause);
        if app::is_transient(&cause) {
            return Self {
                retry_after_seconds: Some(TRANSIENT_RETRY_SECONDS),
                ..Self::unavailable(
                    "Nothing can be stored or read just now, try again in a few seconds",
                )
            };
        }
        Self::internal_server_error()
    }

    /// Returns the 500 of an internal error.
    pub(crate) fn internal_server_error() -> Self {
        Self::v2(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "Internal server error",
        )
    }

    /// [`Problem::internal`] in the legacy shape.
    pub(crate) fn legacy_internal(cause: impl std::error::Error + 'static) -> Self {
        Self::internal(cause).into_legacy()
    }

    /// Converts to the legacy shape, for endpoints that share a check with v2; the first message is kept.
    pub(crate) fn into_legacy(self) -> Self {
        match self.shape {
            Shape::V2(entries) => {
                let message = entries
                    .into_iter()
                    .next()
                    .map_or(Value::Null, |entry| entry.message.into());
                Self {
                    shape: Shape::Legacy(message),
                    ..self
                }
            }
            Shape::Legacy(_) => self,
        }
    }

    /// Replaces the message of the legacy shape.
    pub(crate) fn map_message(self, change: impl FnOnce(Value) -> Value) -> Self {
        match self.shape {
            Shape::Legacy(message) => Self {
                shape: Shape::Legacy(change(message)),
                ..self
            },
            Shape::V2(_) => self,
        }
    }

    /// Returns a 429 with the headers of the limit.
    fn limit_exceeded(error: &'static str, message: String, limit: Limit) -> Self {
        Self {
            retry_after_seconds: Some(limit.wait_seconds),
            limit: Some(Box::new(limit)),
            ..Self::v2(StatusCode::TOO_MANY_REQUESTS, error, message)
        }
    }

    /// Returns the 401 of an inbound text without credentials.
    pub(crate) fn credentials_missing() -> Self {
        Self {
            asks_for_bearer: true,
            ..Self::legacy(
                StatusCode::UNAUTHORIZED,
                "Unauthorized: authentication token must be provided",
            )
        }
    }

    /// Returns the 400 of a provider's request that cannot be parsed.
    pub(crate) fn unreadable_body() -> Self {
        Self::legacy(
            StatusCode::BAD_REQUEST,
            "The browser (or proxy) sent a request that this server could not understand.",
        )
    }

    /// Returns the 503 of a provider's request while too many writes are queued.
    pub(crate) fn legacy_busy() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::legacy(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too much waits to be stored, try again in a moment",
            )
        }
    }

    /// Returns the 504 of a request that took too long (`docs/spec/public-api.md` §2.4).
    pub(crate) fn timeout() -> Self {
        Self::v2(
            StatusCode::GATEWAY_TIMEOUT,
            "SoftEventletTimeout",
            "Timeout serving request",
        )
    }

    /// Returns the 429 of an address that calls an endpoint for everyone too often.
    pub(crate) fn too_many_from_address() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::legacy(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests from this address, try again in a moment",
            )
        }
    }

    /// Returns the 408 of an upload that hardly moves.
    pub(crate) fn body_too_slow() -> Self {
        Self::legacy(
            StatusCode::REQUEST_TIMEOUT,
            "The file arrives too slowly, try again on a faster connection",
        )
    }

    /// Returns the 408 of a request whose body hardly moves.
    pub(crate) fn request_too_slow() -> Self {
        Self::v2(
            StatusCode::REQUEST_TIMEOUT,
            "RequestTimeoutError",
            "The request arrives too slowly, try again on a faster connection",
        )
    }

    fn busy() -> Self {
        Self::unavailable("Too many messages wait to be stored, try again in a moment")
    }

    pub(crate) fn too_many_bodies() -> Self {
        Self::unavailable("Too many large requests at once, try again in a moment")
    }

    pub(crate) fn too_many_large_responses() -> Self {
        Self::unavailable("Too many large responses wait to be read, try again in a moment")
    }

    fn unavailable(text: &str) -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::v2(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                text,
            )
        }
    }
}

/// `Retry-After` of a transient error.
pub(crate) const TRANSIENT_RETRY_SECONDS: u32 = 5;

fn log(cause: &(dyn std::error::Error + 'static)) {
    error!(error = cause, "a request failed: {cause}");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = json::response(self.status, &self.body());
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        for (name, value) in self.limit.iter().flat_map(|limit| limit.headers()) {
            let value = HeaderValue::from_str(&value).expect("limits are written in ASCII");
            response.headers_mut().insert(name, value);
        }
        if self.asks_for_bearer {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns an authentication error (`docs/spec/public-api.md` §3.2, §3.3).
pub(crate) fn auth(status: StatusCode, message: impl Into<String>) -> Problem {
    Problem::v2(status, "AuthError", message)
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Invalid => Self::invalid_json(),
            JsonError::TooManyValues => Self::bad_request(
                "The request has too many JSON values: send fewer or shorter lists",
            ),
        }
    }
}
