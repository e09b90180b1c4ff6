//! Everything that a client can be told is wrong: the only place that holds public wording
//! (`docs/spec/public-api.md` §2.4, §3, §4, §6, appendix B). The texts are interface facts; clients show them and
//! switch on them.

use std::any::Any;

use app::{
    DailyLimitReached, LimitError,
    accept::{AcceptError, idempotency::LookupError},
    documents::FileError,
    jobs::{BulkError, spreadsheets::UploadError},
};
use axum::response::{IntoResponse, Response};
use domain::{Channel, JobStatus, KeyType};
use http::{HeaderName, HeaderValue, StatusCode, header};
use recipients::phone_numbers::PhoneError;
use serde::Serialize;
use serde_json::{Map, Value, json};
use templates::markdown::QrCodeTooLarge;
use tracing::error;

use crate::{answer, v2::file_values};

/// An answer that says what is wrong, in one of the two shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    shape: Shape,
    retry_after_seconds: Option<u32>,
    /// What was exceeded, for whoever reads `RateLimit` headers.
    limit: Option<Box<Limit>>,
    /// `WWW-Authenticate: Bearer`, which only those who bring texts are told.
    names_scheme: bool,
}

/// A limit that was met (draft-ietf-httpapi-ratelimit-headers): said on a 429 only, so that nothing is new to a client
/// that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What it is called.
    pub(crate) policy: String,
    /// How many there may be in the window.
    pub(crate) quota: i64,
    /// How long the window is.
    pub(crate) window_seconds: u32,
    /// How many are left.
    pub(crate) remaining: i64,
    /// After how many seconds asking again makes sense.
    pub(crate) wait_seconds: u32,
}

impl Limit {
    /// A daily limit.
    pub(crate) fn of_a_day(
        allowance: domain::Allowance,
        quota: i64,
        remaining: i64,
        wait_seconds: u32,
    ) -> Self {
        Self {
            policy: format!("{allowance}-day"),
            quota,
            window_seconds: 86_400,
            remaining,
            wait_seconds,
        }
    }

    /// `RateLimit-Policy` and `RateLimit`.
    fn headers(&self) -> [(HeaderName, String); 2] {
        let Self {
            policy,
            quota,
            window_seconds,
            remaining,
            wait_seconds,
        } = self;
        [
            (
                HeaderName::from_static("ratelimit-policy"),
                format!("\"{policy}\";q={quota};w={window_seconds}"),
            ),
            (
                HeaderName::from_static("ratelimit"),
                format!("\"{policy}\";r={remaining};t={wait_seconds}"),
            ),
        ]
    }
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
            limit: None,
            names_scheme: false,
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
            limit: None,
            names_scheme: false,
        }
    }

    /// An error in the old shape; the message is a text, a list or an object.
    pub(crate) fn old(status: StatusCode, message: impl Into<Value>) -> Self {
        Self {
            status,
            shape: Shape::Old(message.into()),
            retry_after_seconds: None,
            limit: None,
            names_scheme: false,
        }
    }

    /// The status that it is answered with.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether it has the shape of v2.
    pub(crate) const fn is_v2(&self) -> bool {
        matches!(self.shape, Shape::V2(_))
    }

    /// What the answer says.
    pub(crate) fn body(&self) -> Value {
        match &self.shape {
            Shape::V2(entries) => json!({"errors": entries, "status_code": self.status.as_u16()}),
            Shape::Old(message) => json!({"message": message, "result": "error"}),
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

    /// A fault of ours: the client is told nothing, the log everything. If it passes – a full disk, a database that
    /// starts anew – the client is asked to come back.
    pub(crate) fn fault(cause: impl std::error::Error + 'static) -> Self {
        log(&cause);
        if app::is_transient(&cause) {
            return Self {
                retry_after_seconds: Some(PASSING_SECONDS),
                ..Self::try_again(
                    "Nothing can be stored or read just now, try again in a few seconds",
                )
            };
        }
        Self::internal()
    }

    /// Files or the pages of a letter could not be put in their store: the contract has 500 for that, whether it passes
    /// or not (`docs/spec/public-api.md` §9.2, §11).
    fn unkept(cause: impl std::error::Error + 'static) -> Self {
        log(&cause);
        Self::internal()
    }

    /// What a client is told of a fault of ours.
    pub(crate) fn internal() -> Self {
        Self::v2(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "Internal server error",
        )
    }

    /// The same in the old shape.
    pub(crate) fn fault_old(cause: impl std::error::Error + 'static) -> Self {
        Self::fault(cause).in_old_shape()
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

    /// Asking again helps, after a while.
    fn too_many(error: &'static str, message: String, limit: Limit) -> Self {
        Self {
            retry_after_seconds: Some(limit.wait_seconds),
            limit: Some(Box::new(limit)),
            ..Self::v2(StatusCode::TOO_MANY_REQUESTS, error, message)
        }
    }

    /// A provider brings a text and does not say who it is.
    pub(crate) fn not_signed_in() -> Self {
        Self {
            names_scheme: true,
            ..Self::old(
                StatusCode::UNAUTHORIZED,
                "Unauthorized: authentication token must be provided",
            )
        }
    }

    /// A body that cannot be made sense of, in the old shape.
    pub(crate) fn not_understood() -> Self {
        Self::old(
            StatusCode::BAD_REQUEST,
            "The browser (or proxy) sent a request that this server could not understand.",
        )
    }

    /// So much waits to be kept that the caller had better come back, in the old shape.
    pub(crate) fn busy_old() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::old(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too much waits to be stored, try again in a moment",
            )
        }
    }

    /// The answer took too long (`docs/spec/public-api.md` §2.4).
    pub(crate) fn timeout() -> Self {
        Self::v2(
            StatusCode::GATEWAY_TIMEOUT,
            "SoftEventletTimeout",
            "Timeout serving request",
        )
    }

    fn busy() -> Self {
        Self::try_again("Too many messages wait to be stored, try again in a moment")
    }

    pub(crate) fn too_many_bodies() -> Self {
        Self::try_again("Too many large requests at once, try again in a moment")
    }

    fn try_again(text: &str) -> Self {
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

/// When to come back after a fault that passes.
const PASSING_SECONDS: u32 = 5;

fn log(cause: &(dyn std::error::Error + 'static)) {
    error!(error = cause, "a request failed: {cause}");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = answer::json(self.status, &self.body());
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        for (name, value) in self.limit.iter().flat_map(|limit| limit.headers()) {
            let value = HeaderValue::from_str(&value).expect("words and numbers");
            response.headers_mut().insert(name, value);
        }
        if self.names_scheme {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<LimitError> for Problem {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::RateLimited {
                key_type,
                rate,
                wait_seconds,
            } => {
                let name = match key_type {
                    KeyType::Normal => "LIVE",
                    KeyType::Team => "TEAM",
                    KeyType::Test => "TEST",
                };
                let text = format!(
                    "Exceeded rate limit for key type {name} of {rate} requests per 60 seconds"
                );
                let limit = Limit {
                    policy: "minute".to_owned(),
                    quota: rate.into(),
                    window_seconds: 60,
                    remaining: 0,
                    wait_seconds,
                };
                Self::too_many("RateLimitError", text, limit)
            }
            LimitError::DailyLimit(reached) => reached.into(),
            LimitError::Store(error) => Self::fault(error),
        }
    }
}

impl From<DailyLimitReached> for Problem {
    fn from(reached: DailyLimitReached) -> Self {
        daily_limit(reached.allowance, reached.limit, 0, reached.wait_seconds)
    }
}

/// A daily limit would be passed, with so many left of it and so many seconds of the day.
pub(crate) fn daily_limit(
    allowance: domain::Allowance,
    limit: i64,
    remaining: i64,
    wait_seconds: u32,
) -> Problem {
    let text = format!("Exceeded send limits ({allowance}: {limit}) for today");
    let limit = Limit::of_a_day(allowance, limit, remaining, wait_seconds);
    Problem::too_many("TooManyRequestsError", text, limit)
}

/// A key that cannot be one.
pub(crate) fn bad_idempotency_key() -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "IdempotencyError",
        "Idempotency-Key must be given once, and have 1 to 255 printable ASCII characters",
    )
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let class = "IdempotencyError";
        match error {
            LookupError::InFlight => Self {
                retry_after_seconds: Some(1),
                ..Self::v2(
                    StatusCode::CONFLICT,
                    class,
                    "A request with this Idempotency-Key is being worked on, try again in a moment",
                )
            },
            LookupError::OtherRequest => Self::v2(
                StatusCode::UNPROCESSABLE_ENTITY,
                class,
                "This Idempotency-Key was used for another request: use a new one for each message",
            ),
            LookupError::Store(error) => Self::fault(error),
        }
    }
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
        AcceptError::NoNameToSanitise => {
            return Problem::validation(vec![
                "sanitise_content_for must have nothing but text and null in it".to_owned(),
            ]);
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
        AcceptError::FileValue(faults) => {
            return Problem::validation(file_values::faults(&faults));
        }
        AcceptError::FileRefused(refused) => file_values::refused(refused),
        AcceptError::Files(FileError::Store(error)) => return Problem::fault(error),
        AcceptError::Files(fault) => return Problem::unkept(fault),
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
        AcceptError::Pages(error) => return Problem::unkept(error),
        AcceptError::DailyLimit(reached) => return reached.into(),
        AcceptError::KeyTaken => return LookupError::InFlight.into(),
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

/// The entry of this error has three more members (`docs/spec/public-api.md` §10.2).
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

/// Only letters have pages (`docs/spec/public-api.md` §15).
pub(crate) fn not_a_letter() -> Problem {
    Problem::bad_request("Notification is not a letter")
}

/// The pages of a letter hold a virus (`docs/spec/public-api.md` §15).
pub(crate) fn pdf_with_virus() -> Problem {
    Problem::bad_request("File did not pass the virus scan")
}

/// A letter that failed for technical reasons may have no pages (`docs/spec/public-api.md` §15).
pub(crate) fn pdf_of_failed_letter() -> Problem {
    Problem::bad_request("PDF not available for letters in status technical-failure")
}

/// The pages of a letter are not there yet (`docs/spec/public-api.md` §15).
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

/// What an error of taking many rows says. What one message would be refused for too has been said before.
pub(crate) fn sending_in_bulk(error: BulkError) -> Problem {
    let text = match error {
        BulkError::Refused(error) => return Problem::fault(error),
        BulkError::Unreadable(_) => error.to_string(),
        BulkError::SenderOfAnotherChannel(Channel::Sms) => {
            "reply_to_id can only be given for emails".to_owned()
        }
        BulkError::SenderOfAnotherChannel(Channel::Letter) => {
            "reply_to_id and sms_sender_id can not be given for letters".to_owned()
        }
        BulkError::SenderOfAnotherChannel(Channel::Email) => {
            "sms_sender_id can only be given for text messages".to_owned()
        }
        BulkError::InThePast => "scheduled_for datetime can not be in the past".to_owned(),
        BulkError::TooFarAhead => {
            "scheduled_for datetime can only be 7 days in the future".to_owned()
        }
        BulkError::MoreThanADay { rows, limit } => {
            format!("{rows} rows are more than the {limit} messages you may send in a day")
        }
        BulkError::MoreThanToday {
            allowance,
            limit,
            remaining,
            wait_seconds,
        } => return daily_limit(allowance, limit, remaining, wait_seconds),
        BulkError::Invalid { problems, report } => return bad_rows(problems, &report),
        BulkError::Files(UploadError::TooLarge(_)) => return Problem::too_large(),
        BulkError::Files(error) => return Problem::fault(error),
    };
    Problem::validation(vec![text])
}

/// What is wrong with rows: with all of them, how many are bad, and what is wrong with the first of those.
fn bad_rows(problems: Vec<String>, report: &app::jobs::spreadsheets::Report) -> Problem {
    let mut messages = problems;
    let bad = report.error_counts.rows_with_errors;
    if bad > 0 {
        let rows = report.rows();
        messages.push(format!(
            "{bad} of {rows} rows have errors, nothing was sent"
        ));
    }
    messages.extend(report.errors.iter().map(|error| {
        let (row, message) = (error.spreadsheet_row_number, &error.message);
        match &error.column_header {
            Some(column) => format!("Row {row}, column {column}: {message}"),
            None => format!("Row {row}: {message}"),
        }
    }));
    if messages.is_empty() {
        messages.push("no column says to whom the messages go".to_owned());
    }
    Problem::validation(messages)
}

/// A job that a key of this type has not made.
pub(crate) fn job_of_another_key_type() -> Problem {
    Problem::v2(
        StatusCode::FORBIDDEN,
        "BadRequestError",
        "Can only cancel jobs that were made with a key of the same type",
    )
}

/// A job that does not wait: for its time, or for a person.
pub(crate) fn job_not_waiting(status: JobStatus) -> Problem {
    Problem::v2(
        StatusCode::CONFLICT,
        "ConflictError",
        format!(
            "Only a job that is scheduled, paused or stopped with an error can be cancelled, and this one is {status}"
        ),
    )
}

fn phone(error: PhoneError) -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "InvalidPhoneError",
        error.legacy_message(),
    )
}

/// Authentication failed (`docs/spec/public-api.md` §3.2, §3.3).
pub(crate) fn auth(status: StatusCode, message: impl Into<String>) -> Problem {
    Problem::v2(status, "AuthError", message)
}

/// No such route.
pub(crate) async fn no_such_path() -> Problem {
    unknown_path()
}

/// What is said where there is no such route.
pub(crate) fn unknown_path() -> Problem {
    Problem::old(
        StatusCode::NOT_FOUND,
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling \
         and try again.",
    )
}

/// A route with other methods. Its body is JSON although its type says HTML: clients rely on neither.
pub(crate) fn wrong_method() -> Response {
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

/// A handler panicked: a fault of ours. Where, is in the log already; its words may quote the request, and only those
/// that are the program's own are logged.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let what = cause.downcast_ref::<&'static str>().copied();
    error!(
        "a request handler panicked: {}",
        what.unwrap_or("(its words may quote the request)")
    );
    Problem::old(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").into_response()
}
