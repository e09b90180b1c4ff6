use app::{accept::AcceptError, fixtures::ids};
use domain::Channel;
use recipients::phone_numbers::PhoneError;
use serde_json::{Value, json};

use super::{
    examples::{NOTIFICATION, ROOT, accepted_template},
    operation::Operation,
    refusals::{self, Named, accepting},
    shapes::reference,
};
use crate::v2::bodies::{EMAIL, LETTER, SMS};

const TAG: &str = "Sending";

pub(super) fn operations() -> Vec<Operation> {
    vec![send_sms(), send_email(), send_letter(), otherwise()]
}

/// A request that is done once, with what its answer may carry for that.
pub(super) fn once(operation: Operation) -> Operation {
    operation
        .parameter(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes sure that the request is done once, however often it is made within a day: a text of \
                your own, a new one for each message.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        }))
        .with_header(
            201,
            "Idempotent-Replay",
            "`true` if the request was done before, and this is the answer that it was given then",
            json!({"type": "string", "const": "true"}),
        )
}

fn send_sms() -> Operation {
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
    let answer = accepted(content, ids::SMS_TEMPLATE.to_string());
    let operation = Operation::new(
        "POST",
        "/v2/notifications/sms",
        "send_sms",
        TAG,
        "Send a text message",
    )
    .body(
        reference("Text"),
        &[
            ("text", "A text", body),
            ("with_sender", "From a sender of your choice", with_sender),
        ],
    )
    .answers(
        201,
        "The text is kept and will be delivered",
        "AcceptedText",
        answer,
    )
    .leads_to(201, "get_notification")
    .refuses([refusals::empty(&SMS)])
    .refuses(refusals::of_sending(Channel::Sms))
    .refuses(of_texts());
    once(operation)
}

fn of_texts() -> Vec<Named> {
    vec![
        (
            "bad_number",
            refusals::validation("phone_number Not enough digits"),
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

fn send_email() -> Operation {
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
    let mut answer = accepted(content, ids::EMAIL_TEMPLATE.to_string());
    answer["sanitised_content"] = json!({});
    let operation = Operation::new(
        "POST",
        "/v2/notifications/email",
        "send_email",
        TAG,
        "Send an e-mail",
    )
    .body(
        reference("Email"),
        &[
            ("email", "An e-mail", body),
            ("with_file", "With a file, in place of a name", with_file),
            (
                "sanitised",
                "With words of a member of the public",
                sanitised,
            ),
        ],
    )
    .answers(
        201,
        "The e-mail is kept and will be delivered",
        "AcceptedEmail",
        answer,
    )
    .leads_to(201, "get_notification")
    .refuses([refusals::empty(&EMAIL)])
    .refuses(refusals::of_sending(Channel::Email))
    .refuses(of_emails());
    once(operation)
}

fn of_emails() -> Vec<Named> {
    vec![
        (
            "bad_address",
            refusals::validation("email_address Not a valid email address"),
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

fn send_letter() -> Operation {
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
    let answer = accepted(content, ids::LETTER_TEMPLATE.to_string());
    let pages = json!({"id": NOTIFICATION, "postage": "first", "reference": "order 1234"});
    let operation = Operation::new(
        "POST",
        "/v2/notifications/letter",
        "send_letter",
        TAG,
        "Send a letter",
    )
    .about("From a template, or as a PDF of your own if the body has the key `content`.")
    .body(
        json!({"anyOf": [reference("Letter"), reference("PrecompiledLetter")]}),
        &[
            ("letter", "From a template", body),
            (
                "precompiled",
                "A PDF of your own (shortened here)",
                precompiled,
            ),
        ],
    )
    .answers(
        201,
        "The letter is kept and will be printed",
        "AcceptedLetter",
        answer,
    )
    .answers(201, "", "AcceptedPages", pages)
    .leads_to(201, "get_notification")
    .refuses([refusals::empty(&LETTER)])
    .refuses(refusals::of_sending(Channel::Letter))
    .refuses(of_letters());
    once(operation)
}

fn of_letters() -> Vec<Named> {
    vec![
        (
            "short_address",
            refusals::validation("Address must be at least 3 lines"),
        ),
        ("not_base64", accepting(AcceptError::NotBase64)),
        ("file_in_a_letter", accepting(AcceptError::FileOutsideEmail)),
        ("team_key", accepting(AcceptError::LetterWithTeamKey)),
        ("trial_mode", accepting(AcceptError::LetterInTrial)),
    ]
}

fn otherwise() -> Operation {
    Operation::new(
        "POST",
        "/v2/notifications/{id}",
        "send_otherwise",
        TAG,
        "A channel that there is not",
    )
    .about("There are texts, e-mails and letters; `POST` to any other path here is a 404.")
    .path("id", "Anything else", json!({"type": "string"}), "fax")
    .refuses([("unknown_path", crate::problem::unknown_path())])
    .refuses(refusals::of_services())
}

/// The answer to a message that was accepted.
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
