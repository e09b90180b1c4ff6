use app::{
    accept::{AcceptError, idempotency::LookupError},
    cache::templates::FilledTooLarge,
    documents::FileError,
};
use domain::Channel;
use http::StatusCode;
use recipients::phone_numbers::PhoneError;
use serde_json::{Map, Value};
use templates::{MAX_FILLED_BYTES, markdown::QrCodeTooLarge};

use super::{Problem, Shape, file_errors};

/// Returns the response to a message that was not accepted.
pub(crate) fn accept_error(
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
            return Problem::validation(file_errors::describe_all(&faults));
        }
        AcceptError::FileRefused(refused) => file_errors::file_rejected(refused),
        // The database: 503 while it is unavailable, as everywhere. For the file storage the contract has no 503.
        AcceptError::Files(FileError::Store(error)) => return Problem::internal(error),
        AcceptError::Files(fault) => return Problem::internal(fault),
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
        // Another class than its neighbours, and no key in front (`docs/spec/public-api.md` §12.2).
        AcceptError::Phone(error) => return phone(error),
        AcceptError::TextTooLong { characters } => format!(
            "Your message is too long. Text messages cannot be longer than 918 characters. \
             Your message is {characters} characters long."
        ),
        AcceptError::EmailTooLong { bytes } => format!(
            "Your message is too long. Emails cannot be longer than 2000000 bytes. Your message is {bytes} bytes."
        ),
        AcceptError::FilledTooLarge(error) => return filled_too_large(error),
        AcceptError::ValuesTooLarge { bytes, limit } => format!(
            "The values in personalisation are too large. They cannot take more than {limit} bytes, and take {bytes}."
        ),
        AcceptError::QrCodeTooLarge(code) => return qr_code_too_large(&code),
        AcceptError::Unprintable(characters) => {
            return Problem::validation(vec![format!(
                "Letter has characters that cannot be printed: {}",
                text::describe_characters(&characters)
            )]);
        }
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
        AcceptError::Pages(error) => return Problem::internal(error),
        AcceptError::DailyQuota(exceeded) => return exceeded.into(),
        // For callers that cannot replay the first response, as `AdmittedRequest::respond` does.
        AcceptError::KeyTaken => return LookupError::InFlight.into(),
        AcceptError::Busy => return Problem::busy(),
        AcceptError::Store(error) => return Problem::internal(error),
    };
    Problem::bad_request(text)
}

/// Returns the 400 of a message that is too large to be rendered.
pub(crate) fn filled_too_large(error: FilledTooLarge) -> Problem {
    Problem::bad_request(format!(
        "Your message is too long. With its personalisation it has {} bytes, and no message can have more than {MAX_FILLED_BYTES}.",
        error.bytes
    ))
}

/// Returns the 400 of placeholders without a value.
pub(crate) fn missing_personalisation(names: &[String]) -> Problem {
    Problem::bad_request(format!("Missing personalisation: {}", names.join(", ")))
}

fn forbidden(message: &str) -> Problem {
    // 403 with the class of a 400: the contract pairs them so (`docs/spec/public-api.md` §10.1).
    Problem::v2(StatusCode::FORBIDDEN, "BadRequestError", message)
}

/// Returns the 400 of a QR code with too much data, which has three more members than others
/// (`docs/spec/public-api.md` §10.2).
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

fn phone(error: PhoneError) -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "InvalidPhoneError",
        error.legacy_message(),
    )
}
