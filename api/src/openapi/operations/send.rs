use app::{accept::AcceptError, fixtures::ids};
use domain::Channel;
use recipients::phone_numbers::PhoneError;
use serde_json::{Value, json};

use crate::openapi::{
    error_examples::{self, Named, accepting},
    examples::{NOTIFICATION, ROOT, accepted_template},
    operation::Operation,
    requests::reference,
};
use crate::v2::bodies::{EmailBody, LetterBody, SmsBody};

const TAG: &str = "Send messages";

/// Adds the `Idempotency-Key` header and what it changes in the response.
pub(super) fn idempotent(operation: Operation) -> Operation {
    operation
        .parameter(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes the request idempotent for 24 hours: a repeated request gets the first response. Use \
                a new key for each message.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        }))
        .with_header(
            201,
            "Idempotent-Replay",
            "`true` if this is the stored response of an earlier request with the same key",
            json!({"type": "string", "const": "true"}),
        )
}

pub(crate) fn send_sms() -> Operation {
    let body = json!({
        "phone_number": "07700 900123",
        "template_id": ids::SMS_TEMPLATE,
        "personalisation": {"name": "Ada"},
        "reference": "order 1234",
    });
    let with_sender = json!({
        "phone_number": "+44 7700 900123",
        "template_id": ids::SMS_TEMPLATE,
        "personalisation": {"name": ["Ada", "Grace"]},
        "sms_sender_id": ids::SMS_SENDER,
    });
    let content = json!({
        "body": "Hello Ada\n\nFunctional Tests make our world a better place",
        "from_number": "CLIENTTESTS",
    });
    let response = accepted(content, ids::SMS_TEMPLATE.to_string());
    let operation = Operation::new(TAG, "Send a text message")
        .body(
            reference("Text"),
            &[
                ("text", "A text message", body),
                ("with_sender", "With a sender id", with_sender),
            ],
        )
        .responds(
            201,
            "The text message is stored and will be delivered",
            "AcceptedText",
            response,
        )
        .links_to(201, "get_notification")
        .fails_with([error_examples::missing_keys(SmsBody::SCHEMA)])
        .fails_with(error_examples::send_errors(Channel::Sms))
        .fails_with(sms_errors());
    idempotent(operation)
}

fn sms_errors() -> Vec<Named> {
    vec![
        (
            "bad_number",
            error_examples::validation("phone_number Not enough digits"),
        ),
        (
            "no_such_sender",
            accepting(AcceptError::NoSuchSmsSender(NOTIFICATION.to_owned())),
        ),
        (
            "too_long",
            accepting(AcceptError::TextTooLong { characters: 1000 }),
        ),
        ("file_in_a_text", accepting(AcceptError::FileOutsideEmail)),
        ("team_only", accepting(AcceptError::OutsideTeam)),
        ("trial_mode", accepting(AcceptError::OutsideTrial)),
        (
            "international",
            accepting(AcceptError::InternationalNotAllowed),
        ),
        (
            "landline",
            accepting(AcceptError::Phone(PhoneError::NotAUkMobile)),
        ),
    ]
}

pub(crate) fn send_email() -> Operation {
    let body = json!({
        "email_address": "ada@example.com",
        "template_id": ids::EMAIL_TEMPLATE,
        "personalisation": {"name": "Ada"},
        "reference": "order 1234",
        "email_reply_to_id": ids::REPLY_TO,
        "one_click_unsubscribe_url": "https://www.example.com/unsubscribe?id=1234",
    });
    let with_file = json!({
        "email_address": "ada@example.com",
        "template_id": ids::EMAIL_TEMPLATE,
        "personalisation": {
            "name": {
                "file": "bmFtZSxkYXkKQWRhLEZyaWRheQo=",
                "filename": "days.csv",
                "retention_period": "4 weeks",
                "confirm_email_before_download": false,
            },
        },
    });
    let sanitised = json!({
        "email_address": "ada@example.com",
        "template_id": ids::EMAIL_TEMPLATE,
        "personalisation": {"name": "Ada [click](https://shop.example/x)"},
        "sanitise_content_for": ["name"],
    });
    let content = json!({
        "body": "Hello Ada\r\n\r\nFunctional test help make our world a better place",
        "from_email": "client.functional.tests@mail.example.org",
        "one_click_unsubscribe_url": "https://www.example.com/unsubscribe?id=1234",
        "subject": "Functional Tests are good",
    });
    let mut response = accepted(content, ids::EMAIL_TEMPLATE.to_string());
    response["sanitised_content"] = json!({});
    let operation = Operation::new(TAG, "Send an email")
        .body(
            reference("Email"),
            &[
                ("email", "An email", body),
                (
                    "with_file",
                    "With a file as the value of a placeholder",
                    with_file,
                ),
                (
                    "sanitised",
                    "With a value that a member of the public wrote",
                    sanitised,
                ),
            ],
        )
        .responds(
            201,
            "The email is stored and will be delivered",
            "AcceptedEmail",
            response,
        )
        .links_to(201, "get_notification")
        .fails_with([error_examples::missing_keys(EmailBody::SCHEMA)])
        .fails_with(error_examples::send_errors(Channel::Email))
        .fails_with(email_errors());
    idempotent(operation)
}

fn email_errors() -> Vec<Named> {
    vec![
        (
            "bad_address",
            error_examples::validation("email_address Not a valid email address"),
        ),
        (
            "no_such_reply_to",
            accepting(AcceptError::NoSuchReplyTo(NOTIFICATION.to_owned())),
        ),
        (
            "too_long",
            accepting(AcceptError::EmailTooLong { bytes: 2_000_001 }),
        ),
        ("files_not_set_up", accepting(AcceptError::FilesNotSetUp)),
        (
            "file_with_a_virus",
            accepting(AcceptError::FileRefused(
                app::documents::FileRejected::Virus,
            )),
        ),
        ("team_only", accepting(AcceptError::OutsideTeam)),
        ("trial_mode", accepting(AcceptError::OutsideTrial)),
    ]
}

pub(crate) fn send_letter() -> Operation {
    let body = json!({
        "template_id": ids::LETTER_TEMPLATE,
        "personalisation": {
            "address_line_1": "Ada Lovelace",
            "address_line_2": "1 Example Street",
            "address_line_3": "Exampletown",
            "address_line_4": "SW1A 1AA",
        },
        "reference": "order 1234",
    });
    let precompiled = json!({
        "reference": "order 1234",
        "content": "JVBERi0xLjQK",
        "postage": "first",
    });
    let content = json!({"body": "Hello Ada Lovelace", "subject": "Main heading"});
    let response = accepted(content, ids::LETTER_TEMPLATE.to_string());
    let pages = json!({"id": NOTIFICATION, "postage": "first", "reference": "order 1234"});
    let operation = Operation::new(TAG, "Send a letter")
    .description("Sends a letter from a template, or a PDF of your own if the body has the key `content`.")
    .body(
        json!({"anyOf": [reference("Letter"), reference("PrecompiledLetter")]}),
        &[
            ("letter", "From a template", body),
            (
                "precompiled",
                "A precompiled PDF (shortened here)",
                precompiled,
            ),
        ],
    )
    .responds(
        201,
        "The letter is stored and will be printed",
        "AcceptedLetter",
        response,
    )
    .responds(201, "", "AcceptedPages", pages)
    .links_to(201, "get_notification")
    .fails_with([error_examples::missing_keys(LetterBody::SCHEMA)])
    .fails_with(error_examples::send_errors(Channel::Letter))
    .fails_with(letter_errors());
    idempotent(operation)
}

fn letter_errors() -> Vec<Named> {
    vec![
        (
            "short_address",
            error_examples::validation("Address must be at least 3 lines"),
        ),
        ("not_base64", accepting(AcceptError::NotBase64)),
        ("file_in_a_letter", accepting(AcceptError::FileOutsideEmail)),
        ("team_key", accepting(AcceptError::LetterWithTeamKey)),
        ("trial_mode", accepting(AcceptError::LetterInTrial)),
    ]
}

pub(crate) fn unknown_channel() -> Operation {
    Operation::new(TAG, "Reject an unknown channel")
    .description("The channels are `sms`, `email` and `letter`; `POST` to any other path here returns 404.")
    .path("id", "Any other word", json!({"type": "string"}), "fax")
    .fails_with([("unknown_path", crate::problem::unknown_route())])
    .fails_with(error_examples::service_errors())
}

/// Returns the response to an accepted message.
fn accepted(content: Value, template: String) -> Value {
    json!({
        "content": content,
        "id": NOTIFICATION,
        "reference": "order 1234",
        "scheduled_for": null,
        "template": accepted_template(template),
        "uri": format!("{ROOT}v2/notifications/{NOTIFICATION}"),
    })
}
