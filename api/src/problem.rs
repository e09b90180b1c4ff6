//! Everything that a client can be told is wrong: the only place that holds public wording (public-api §2.4, §3, §4, §6,
//! appendix B). The texts are interface facts; clients show them and switch on them.

use std::any::Any;

use app::{DoorError, notifications::accept::AcceptError};
use axum::response::{IntoResponse, Response};
use content::{markdown::QrCodeTooLarge, phone_numbers::PhoneError};
use domain::{Channel, KeyType};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::error;

use crate::answer;

/// An answer that says what is wrong, in one of the two shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    shape: Shape,
    retry_after_seconds: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// `{"errors":[…],"status_code":…}`
    V2(Vec<Entry>),
    /// `{"message":…,"result":"error"}`
    Old(Value),
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
    /// One error in the v2 shape.
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
        }
    }

    /// What is wrong with the values of a request; identical texts once.
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
        }
    }

    /// An error in the old shape; the message is a text, a list or an object.
    pub(crate) fn old(status: StatusCode, message: impl Into<Value>) -> Self {
        Self {
            status,
            shape: Shape::Old(message.into()),
            retry_after_seconds: None,
        }
    }

    /// The errors of the v2 shape, for tests of what is said.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.shape {
            Shape::V2(entries) => entries,
            Shape::Old(_) => &[],
        }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::v2(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    pub(crate) fn invalid_json() -> Self {
        Self::bad_request("Invalid JSON supplied in POST data")
    }

    pub(crate) fn too_large() -> Self {
        Self::old(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The data value transmitted exceeds the capacity limit.",
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::v2(StatusCode::NOT_FOUND, "NoResultFound", "No result found")
    }

    pub(crate) fn old_not_found() -> Self {
        Self::old(StatusCode::NOT_FOUND, "No result found")
    }

    /// A fault of ours: the client is told nothing, the log everything.
    pub(crate) fn fault(cause: impl std::error::Error + 'static) -> Self {
        log(&cause);
        Self::v2(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "Internal server error",
        )
    }

    /// The same in the old shape.
    pub(crate) fn fault_old(cause: impl std::error::Error + 'static) -> Self {
        log(&cause);
        Self::old(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }

    /// The same problem in the old shape, for endpoints that share a check with v2.
    pub(crate) fn in_old_shape(self) -> Self {
        match self.shape {
            Shape::V2(entries) => {
                let message = entries
                    .into_iter()
                    .next()
                    .map_or(Value::Null, |entry| entry.message.into());
                Self {
                    shape: Shape::Old(message),
                    ..self
                }
            }
            Shape::Old(_) => self,
        }
    }

    /// The same problem with another message, in the old shape.
    pub(crate) fn map_message(self, change: impl FnOnce(Value) -> Value) -> Self {
        match self.shape {
            Shape::Old(message) => Self {
                shape: Shape::Old(change(message)),
                ..self
            },
            Shape::V2(_) => self,
        }
    }

    fn busy() -> Self {
        let text = "Too many messages wait to be stored, try again in a moment";
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

fn log(cause: &(dyn std::error::Error + 'static)) {
    error!(error = cause, "a request failed: {cause}");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = match self.shape {
            Shape::V2(entries) => answer::json(
                self.status,
                &json!({"errors": entries, "status_code": self.status.as_u16()}),
            ),
            Shape::Old(message) => {
                answer::json(self.status, &json!({"message": message, "result": "error"}))
            }
        };
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<DoorError> for Problem {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::TooFast { key_type, rate } => {
                let name = match key_type {
                    KeyType::Normal => "LIVE",
                    KeyType::Team => "TEAM",
                    KeyType::Test => "TEST",
                };
                Self::v2(
                    StatusCode::TOO_MANY_REQUESTS,
                    "RateLimitError",
                    format!(
                        "Exceeded rate limit for key type {name} of {rate} requests per 60 seconds"
                    ),
                )
            }
            DoorError::DailyLimit { allowance, limit } => daily_limit(allowance, limit),
            DoorError::Store(error) => Self::fault(error),
        }
    }
}

fn daily_limit(allowance: domain::Allowance, limit: i64) -> Problem {
    let text = format!("Exceeded send limits ({allowance}: {limit}) for today");
    Problem::v2(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsError", text)
}

/// What an error of accepting a message says, with what only the endpoint knows.
pub(crate) fn accepting(
    error: AcceptError,
    service: domain::ServiceId,
    admin_base_url: &str,
) -> Problem {
    let text = match error {
        AcceptError::ChannelNotAllowed(channel) => {
            let messages = match channel {
                Channel::Sms => "text messages",
                Channel::Email => "emails",
                Channel::Letter => "letters",
            };
            format!("Service is not allowed to send {messages}")
        }
        AcceptError::NothingToSanitise => {
            return Problem::validation(vec![
                "sanitise_content_for names a value that is not text".to_owned(),
            ]);
        }
        AcceptError::NoSuchTemplate => "Template not found".to_owned(),
        AcceptError::WrongTemplateType { template, wanted } => {
            format!("{template} template is not suitable for {wanted} notification")
        }
        AcceptError::TemplateArchived => "Template has been deleted".to_owned(),
        AcceptError::MissingPersonalisation(names) => return missing_personalisation(&names),
        AcceptError::Empty => "Your message is empty.".to_owned(),
        AcceptError::FileOutsideEmail => "Can only send a file by email".to_owned(),
        AcceptError::FilesNotSetUp => format!(
            "Send files by email has not been set up - add contact details for your service at \
             {admin_base_url}/services/{service}/service-settings/send-files-by-email"
        ),
        AcceptError::NoSuchSmsSender(id) => {
            format!("sms_sender_id {id} does not exist in database for service id {service}")
        }
        AcceptError::NoSuchReplyTo(id) => {
            format!("email_reply_to_id {id} does not exist in database for service id {service}")
        }
        AcceptError::OutsideTeam => {
            "Can’t send to this recipient using a team-only API key".to_owned()
        }
        AcceptError::OutsideTrial => {
            "Can’t send to this recipient when service is in trial mode – see \
                                      https://www.notifications.service.gov.uk/trial-mode"
                .to_owned()
        }
        AcceptError::InternationalNotAllowed => {
            "Cannot send to international mobile numbers".to_owned()
        }
        AcceptError::Phone(error) => return phone(error),
        AcceptError::TextTooLong { characters } => format!(
            "Your message is too long. Text messages cannot be longer than 918 characters. \
             Your message is {characters} characters long."
        ),
        AcceptError::EmailTooLong { bytes } => format!(
            "Your message is too long. Emails cannot be longer than 2000000 bytes. Your message is {bytes} bytes."
        ),
        AcceptError::QrCodeTooLarge(code) => return qr_code_too_large(&code),
        AcceptError::LetterWithTeamKey => {
            return forbidden("Cannot send letters with a team api key");
        }
        AcceptError::LetterInTrial => {
            return forbidden("Cannot send letters when service is in trial mode");
        }
        AcceptError::Address(error) => return Problem::validation(vec![error.to_string()]),
        AcceptError::NotBase64 => {
            "Cannot decode letter content (invalid base64 encoding)".to_owned()
        }
        AcceptError::Pages(error) => return Problem::fault(error),
        AcceptError::DailyLimit { allowance, limit } => return daily_limit(allowance, limit),
        AcceptError::Busy => return Problem::busy(),
        AcceptError::Store(error) => return Problem::fault(error),
    };
    Problem::bad_request(text)
}

/// Placeholders without a value.
pub(crate) fn missing_personalisation(names: &[String]) -> Problem {
    Problem::bad_request(format!("Missing personalisation: {}", names.join(", ")))
}

fn forbidden(message: &str) -> Problem {
    Problem::v2(StatusCode::FORBIDDEN, "BadRequestError", message)
}

/// The entry of this error has three more members (public-api §10.2).
fn qr_code_too_large(code: &QrCodeTooLarge) -> Problem {
    let details = Map::from_iter([
        ("data".to_owned(), Value::from(code.data.as_str())),
        ("num_bytes".to_owned(), Value::from(code.size_bytes())),
        (
            "max_bytes".to_owned(),
            Value::from(QrCodeTooLarge::LIMIT_BYTES),
        ),
    ]);
    let mut problem = Problem::validation(vec![
        "Cannot create a usable QR code - the link is too long".to_owned(),
    ]);
    if let Shape::V2(entries) = &mut problem.shape {
        entries[0].details = Some(details);
    }
    problem
}

/// Only letters have pages (public-api §15).
pub(crate) fn not_a_letter() -> Problem {
    Problem::bad_request("Notification is not a letter")
}

/// The pages of a letter hold a virus (public-api §15).
pub(crate) fn pdf_with_virus() -> Problem {
    Problem::bad_request("File did not pass the virus scan")
}

/// A letter that failed for technical reasons may have no pages (public-api §15).
pub(crate) fn pdf_of_failed_letter() -> Problem {
    Problem::bad_request("PDF not available for letters in status technical-failure")
}

/// The pages of a letter are not there yet (public-api §15).
pub(crate) fn pdf_not_ready() -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "PDFNotReadyError",
        "PDF not available yet, try again later",
    )
}

/// A file does not have the bytes that were asked for.
pub(crate) fn no_such_range() -> Problem {
    Problem::v2(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "RequestedRangeNotSatisfiable",
        "The requested range not satisfiable",
    )
}

fn phone(error: PhoneError) -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "InvalidPhoneError",
        error.legacy_message(),
    )
}

/// Authentication failed (public-api §3.2, §3.3).
pub(crate) fn auth(status: StatusCode, message: impl Into<String>) -> Problem {
    Problem::v2(status, "AuthError", message)
}

/// No such route.
pub(crate) async fn no_such_path() -> Problem {
    Problem::old(
        StatusCode::NOT_FOUND,
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling \
         and try again.",
    )
}

/// A route with other methods. Its body is JSON although its type says HTML: clients rely on neither.
pub(crate) async fn wrong_method() -> Response {
    let problem = Problem::old(
        StatusCode::METHOD_NOT_ALLOWED,
        "The method is not allowed for the requested URL.",
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// A handler panicked: a fault of ours.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let what = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied());
    error!(
        "a request handler panicked: {}",
        what.unwrap_or("(no words)")
    );
    Problem::old(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").into_response()
}
