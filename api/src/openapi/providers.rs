use domain::SmsReceiptSource;
use providers::letter::dvla::{JOB_STATUSES, MAILING_PRODUCTS, POSTAGE_CLASSES};
use serde_json::{Value, json};

use super::{
    examples::{LINK_TOKEN, NOTIFICATION},
    operation::Operation,
    refusals,
    shapes::{id, reference},
};
use crate::{callers, problem::Problem, receipts::told};

const TAG: &str = "Providers";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        hear_mmg(),
        hear_firetext(),
        receive_mmg(),
        receive_firetext(),
        hear_letter(),
    ]
}

/// What every endpoint of a provider may answer.
fn heard(operation: Operation) -> Operation {
    operation
        .refuses([
            ("not_understood", Problem::not_understood()),
            ("too_large", Problem::too_large()),
            ("busy", Problem::busy_old()),
        ])
        .refuses(refusals::anywhere_old())
}

fn receipt(operation: Operation, by: SmsReceiptSource, reference_name: &str) -> Operation {
    let done = json!({"result": "success"});
    heard(
        operation
            .about(
                "Anybody may send one, so it is believed only as far as it fits a message of ours. Nothing but that the \
                 needed keys are there is checked before it is answered.",
            )
            .answers(200, "The receipt is kept", "Heard", done)
            .refuses([("incomplete", told::incomplete(by, &["status", reference_name]))]),
    )
}

/// A text, or a number that counts as one.
fn loose(about: &str) -> Value {
    json!({"type": ["string", "number"], "description": about})
}

fn hear_mmg() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "CID": loose("The message: our id for it."),
            "status": loose("What became of it: `3` delivered, `2`, `4` and `5` failures."),
            "substatus": loose("Why it failed."),
            "deliverytime": loose("When."),
        },
        "required": ["status", "CID"],
    });
    let example = json!({
        "CID": NOTIFICATION, "status": "3", "deliverytime": "2026-03-02 09:00:05",
    });
    let operation = Operation::new(
        "POST",
        "/notifications/sms/mmg",
        "hear_mmg",
        TAG,
        "Hear a receipt of MMG",
    )
    .body(schema, &[("delivered", "A text was delivered", example)]);
    receipt(operation, SmsReceiptSource::Mmg, "CID")
}

fn hear_firetext() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "reference": {"type": "string", "description": "The message: our id for it."},
            "status": {
                "type": "string", "description": "What became of it: `0` delivered, `1` a failure, `2` on its way.",
            },
            "code": {"type": "string", "description": "Why it failed."},
            "time": {"type": "string", "description": "When."},
        },
        "required": ["status", "reference"],
    });
    let example = json!({"reference": NOTIFICATION, "status": "0", "time": "2026-03-02 09:00:05"});
    let operation = Operation::new(
        "POST",
        "/notifications/sms/firetext",
        "hear_firetext",
        TAG,
        "Hear a receipt of Firetext",
    )
    .form(schema, &[("delivered", "A text was delivered", example)]);
    receipt(operation, SmsReceiptSource::Firetext, "reference")
}

/// What both who bring texts are told.
fn brought(operation: Operation) -> Operation {
    heard(
        operation
            .answers(200, "The text is kept", "Received", json!({"status": "ok"}))
            .refuses([
                ("not_signed_in", Problem::not_signed_in()),
                ("stranger", callers::stranger()),
            ]),
    )
}

fn receive_mmg() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "Number": loose("The number that was dialled."),
            "MSISDN": loose("Who wrote the text."),
            "Message": loose("What it says, form-encoded, with backslash escapes."),
            "ID": loose("MMG's own id for it; a text that is brought twice is kept once."),
            "DateRecieved": loose("When it was written, form-encoded; so spelt."),
        },
        "required": ["Number", "MSISDN", "Message"],
    });
    let example = json!({
        "Number": "447700900581",
        "MSISDN": "447700900582",
        "Message": "Is+the+library+open%3F",
        "ID": "8d0f1c6c",
        "DateRecieved": "2026-03-02+09%3A00%3A00",
    });
    let html = "text/html; charset=utf-8";
    let not_ours = json!({"type": "string", "const": "RECEIVED"});
    brought(
        Operation::new(
            "POST",
            "/notifications/sms/receive/mmg",
            "receive_mmg",
            TAG,
            "Receive a text from MMG",
        )
        .body(schema, &[("text", "A text", example)]),
    )
    .answers_of(200, "", html, not_ours, Some("RECEIVED".into()))
}

fn receive_firetext() -> Operation {
    let text = |about: &str| json!({"type": "string", "description": about});
    let schema = json!({
        "type": "object",
        "properties": {
            "destination": text("The number that was dialled."),
            "source": text("Who wrote the text."),
            "message": text("What it says."),
            "time": text("When it was written."),
        },
        "required": ["destination", "source", "message"],
    });
    let example = json!({
        "destination": "447700900581",
        "source": "447700900582",
        "message": "Is the library open?",
        "time": "2026-03-02 09:00:00",
    });
    brought(
        Operation::new(
            "POST",
            "/notifications/sms/receive/firetext",
            "receive_firetext",
            TAG,
            "Receive a text from Firetext",
        )
        .form(schema, &[("text", "A text", example)]),
    )
}

fn hear_letter() -> Operation {
    let property = |key: &str, value: &str| json!({"key": key, "value": value});
    let example = json!({
        "id": "1",
        "time": "2026-03-03T09:00:00Z",
        "data": {
            "jobId": NOTIFICATION,
            "jobStatus": "DESPATCHED",
            "transitionDate": "2026-03-03T09:00:00Z",
            "despatchProperties": [
                property("totalSheets", "1"),
                property("postageClass", "2ND"),
                property("mailingProduct", "MM UNSORTED"),
            ],
        },
        "metadata": {"correlationId": "f3a1"},
    });
    Operation::new(
        "POST",
        "/notifications/letter/status",
        "hear_letter",
        TAG,
        "Hear that a letter was despatched or rejected",
    )
    .about("The print provider is given the whole URL, with its token, beside the letter. Errors have the shape of v2.")
    .parameter(json!({
        "name": "token", "in": "query", "required": true, "description": "The letter, signed by us.",
        "schema": {"type": "string"}, "example": LINK_TOKEN,
    }))
    .body(reference("LetterStatus"), &[("despatched", "A letter has left", example)])
    .answers_nothing(204, "What is said is kept")
    .refuses([
        ("bad_token", told::bad_token()),
        ("another_letter", told::another_letter()),
        ("bad_status", refusals::validation("data LOST is not one of [DESPATCHED, REJECTED]")),
    ])
    .refuses(refusals::of_bodies())
    .refuses(refusals::anywhere())
}

/// What the print provider says.
pub(super) fn letter_status() -> Value {
    let moment = json!({"type": "string", "format": "date-time"});
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "specVersion": text, "type": text, "source": text, "id": text,
            "time": moment,
            "dataContentType": {"type": "string", "enum": ["application/json"]},
            "data": {
                "type": "object",
                "properties": {
                    "jobId": id(),
                    "jobStatus": {"type": "string", "enum": JOB_STATUSES},
                    "transitionDate": {
                        "type": "string", "format": "date-time", "description": "`YYYY-MM-DDTHH:MM:SSZ`.",
                    },
                    "despatchProperties": {
                        "type": "array", "minItems": 3, "uniqueItems": true,
                        "description": format!(
                            "Needed unless the letter was rejected: `totalSheets`, a number; `postageClass`, one of {}; \
                             `mailingProduct`, one of {}; and any others.",
                            POSTAGE_CLASSES.join(", "),
                            MAILING_PRODUCTS.join(", "),
                        ),
                        "items": {
                            "type": "object",
                            "properties": {"key": text, "value": text},
                            "required": ["key", "value"],
                        },
                    },
                },
                "required": ["jobId", "jobStatus", "transitionDate"],
            },
            "metadata": {
                "type": "object", "properties": {"correlationId": text}, "required": ["correlationId"],
            },
        },
        "required": ["id", "time", "data", "metadata"],
    })
}
