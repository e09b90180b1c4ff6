use domain::SmsReceiptSource;
use providers::letter::dvla::{JOB_STATUSES, MAILING_PRODUCTS, POSTAGE_CLASSES};
use serde_json::{Value, json};

use crate::openapi::{
    error_examples,
    examples::{LINK_TOKEN, NOTIFICATION},
    operation::Operation,
    requests::{id, reference},
};
use crate::{
    auth, peers,
    problem::{self, Problem},
    receipts::documented,
};

const TAG: &str = "Providers";

/// Adds the errors of every endpoint for providers.
fn provider_request(operation: Operation) -> Operation {
    operation
        .fails_with([
            ("unreadable_body", Problem::unreadable_body()),
            ("too_large", Problem::too_large().into_legacy()),
            ("busy", Problem::legacy_busy()),
        ])
        .fails_with(error_examples::legacy_server_errors())
}

fn receipt(operation: Operation, by: SmsReceiptSource, reference_name: &str) -> Operation {
    let done = json!({"result": "success"});
    provider_request(
        operation
            .description(
                "Without passwords or networks in the settings the request is not authenticated, so a receipt is applied only \
                 to a notification that it fits, and the requests of an address are limited. Before the response only the \
                 presence of the required keys is checked.",
            )
            .responds(200, "The receipt is stored", "ReceiptStored", done)
            .fails_with([
                ("incomplete", documented::incomplete(by, &["status", reference_name])),
                ("credentials_missing", Problem::credentials_missing()),
                ("unauthorized", auth::unauthorized()),
                ("unknown_network", peers::unknown_network()),
                ("too_many", Problem::too_many_from_address()),
            ]),
    )
}

/// Returns the schema of a text that may also be a number.
fn text_or_number(about: &str) -> Value {
    json!({"type": ["string", "number"], "description": about})
}

pub(crate) fn receive_mmg_receipt() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "CID": text_or_number("The id of the notification."),
            "status": text_or_number("The outcome: `3` delivered; `2`, `4` and `5` failures."),
            "substatus": text_or_number("The reason of a failure."),
            "deliverytime": text_or_number("The time of the outcome."),
        },
        "required": ["status", "CID"],
    });
    let example = json!({
        "CID": NOTIFICATION, "status": "3", "deliverytime": "2026-03-02 09:00:05",
    });
    let operation = Operation::new(TAG, "Receive a delivery receipt from MMG").body(
        schema,
        &[("delivered", "A text message was delivered", example)],
    );
    receipt(operation, SmsReceiptSource::Mmg, "CID")
}

pub(crate) fn receive_firetext_receipt() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "reference": {"type": "string", "description": "The id of the notification."},
            "status": {
                "type": "string", "description": "The outcome: `0` delivered, `1` failure, `2` in transit.",
            },
            "code": {"type": "string", "description": "The reason of a failure."},
            "time": {"type": "string", "description": "The time of the outcome."},
        },
        "required": ["status", "reference"],
    });
    let example = json!({"reference": NOTIFICATION, "status": "0", "time": "2026-03-02 09:00:05"});
    let operation = Operation::new(TAG, "Receive a delivery receipt from Firetext").form(
        schema,
        &[("delivered", "A text message was delivered", example)],
    );
    receipt(operation, SmsReceiptSource::Firetext, "reference")
}

pub(crate) fn receive_response_file() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "Type": {"type": "string", "enum": ["Notification", "SubscriptionConfirmation"]},
            "MessageId": {"type": "string"},
            "Message": {
                "type": "string",
                "description": "JSON text; the key of the file is at `Records[0].s3.object.key`.",
            },
            "SubscribeURL": {"type": "string", "description": "Where a subscription is confirmed, at SNS."},
        },
        "required": ["Type"],
    });
    let object = json!({"Records": [{"s3": {"object": {"key": "NOTIFY-20260302170000-RSP.TXT"}}}]});
    let example = json!({
        "Type": "Notification", "MessageId": NOTIFICATION, "Message": object.to_string(),
    });
    provider_request(
        Operation::new(TAG, "Receive the announcement of a response file")
            .description(
                "The storage of the print provider announces a file that says which letters were posted. A task reads it; a \
                 file whose name does not end with `RS.TXT` or `RSP.TXT` is ignored. The response is the same for every \
                 announcement.",
            )
            .body(schema, &[("announced", "A response file has arrived", example)])
            .responds(
                200,
                "The announcement was received",
                "ResponseFileAnnounced",
                json!({"result": "success", "message": "DVLA callback succeeded"}),
            )
            .fails_with([("too_many", Problem::too_many_from_address())]),
    )
}

/// Adds the responses of both endpoints for inbound SMS.
fn inbound_sms(operation: Operation) -> Operation {
    provider_request(
        operation
            .responds(
                200,
                "The text message is stored",
                "MessageStored",
                json!({"status": "ok"}),
            )
            .fails_with([
                ("credentials_missing", Problem::credentials_missing()),
                ("unauthorized", auth::unauthorized()),
            ]),
    )
}

pub(crate) fn receive_mmg_text() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "Number": text_or_number("The number that the message was sent to."),
            "MSISDN": text_or_number("The number of the sender."),
            "Message": text_or_number("The text, form-encoded, with backslash escapes."),
            "ID": text_or_number("The id that MMG gave the message; a message that is delivered twice is stored once."),
            "DateRecieved": text_or_number("The time of the message, form-encoded. The spelling is MMG's."),
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
    let unknown_number = json!({"type": "string", "const": "RECEIVED"});
    inbound_sms(
        Operation::new(TAG, "Receive an inbound text message from MMG")
            .body(schema, &[("text", "A text message", example)]),
    )
    .responds_with(200, "", html, unknown_number, Some("RECEIVED".into()))
}

pub(crate) fn receive_firetext_text() -> Operation {
    let text = |about: &str| json!({"type": "string", "description": about});
    let schema = json!({
        "type": "object",
        "properties": {
            "destination": text("The number that the message was sent to."),
            "source": text("The number of the sender."),
            "message": text("The text."),
            "time": text("The time of the message."),
        },
        "required": ["destination", "source", "message"],
    });
    let example = json!({
        "destination": "447700900581",
        "source": "447700900582",
        "message": "Is the library open?",
        "time": "2026-03-02 09:00:00",
    });
    inbound_sms(
        Operation::new(TAG, "Receive an inbound text message from Firetext")
            .form(schema, &[("text", "A text message", example)]),
    )
}

/// Adds the responses of the endpoints for providers that the settings name.
fn of_settings(operation: Operation) -> Operation {
    let name = json!({"type": "string"});
    provider_request(operation)
        .path(
            "provider",
            "The name of the provider in the settings",
            name,
            "twilio",
        )
        .fails_with([
            ("unauthorized", auth::unauthorized()),
            ("not_found", problem::unknown_route()),
            ("too_many", Problem::too_many_from_address()),
        ])
}

fn settings_receipt(title: &'static str) -> Operation {
    let schema = json!({
        "type": "object",
        "description": "Twilio's fields, or those of the gateway's rule in the settings. A gateway may send JSON.",
        "properties": {
            "MessageSid": {"type": "string", "description": "Twilio's id of the message."},
            "MessageStatus": {"type": "string", "description": "Twilio's status, such as `delivered`."},
            "ErrorCode": {"type": "string", "description": "The reason of a failure."},
        },
    });
    let example = json!({"MessageSid": "SM0123", "MessageStatus": "delivered"});
    let done = json!({"result": "success"});
    of_settings(
        Operation::new(TAG, title)
            .form(
                schema,
                &[("delivered", "A text message was delivered", example)],
            )
            .description("Twilio signs the request; a gateway sends the secret of its rule.")
            .responds(200, "The receipt is stored", "ReceiptStored", done),
    )
}

pub(crate) fn receive_provider_receipt() -> Operation {
    settings_receipt("Receive a delivery receipt from a provider in the settings")
}

pub(crate) fn receive_provider_receipt_of() -> Operation {
    settings_receipt("Receive a delivery receipt for the notification in the path").path(
        "reference",
        "The id of the notification",
        id(),
        NOTIFICATION,
    )
}

pub(crate) fn receive_provider_text() -> Operation {
    let text = |about: &str| json!({"type": "string", "description": about});
    let schema = json!({
        "type": "object",
        "properties": {
            "To": text("The number that the message was sent to."),
            "From": text("The number of the sender."),
            "Body": text("The text."),
            "MessageSid": text("Twilio's id of the message; one that is delivered twice is stored once."),
        },
        "required": ["To", "From"],
    });
    let example = json!({
        "To": "+447700900581", "From": "+447700900582", "Body": "Is the library open?", "MessageSid": "SM0123",
    });
    let xml = "text/xml; charset=utf-8";
    of_settings(
        Operation::new(
            TAG,
            "Receive an inbound text message from a provider in the settings",
        )
        .form(schema, &[("text", "A text message", example)])
        .description("Twilio signs the request."),
    )
    .responds_with(
        200,
        "The text message is stored",
        xml,
        json!({"type": "string"}),
        None,
    )
}

pub(crate) fn receive_sns_message() -> Operation {
    let text = |about: &str| json!({"type": "string", "description": about});
    let schema = json!({
        "type": "object",
        "properties": {
            "Type": text("`Notification`, `SubscriptionConfirmation` or `UnsubscribeConfirmation`."),
            "TopicArn": text("The topic, which must be in the settings."),
            "Message": text("An event of SES or of AWS End User Messaging, as JSON."),
            "MessageId": text("The id of the message."),
            "Timestamp": text("The time of the message."),
            "SignatureVersion": text("`1` or `2`."),
            "Signature": text("The signature of SNS."),
            "SigningCertURL": text("The certificate of the signature, at `https://sns.<region>.amazonaws.com/`."),
        },
        "required": [
            "Type", "TopicArn", "Message", "MessageId", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL",
        ],
    });
    let example = json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-2:123456789012:receipts",
        "Message": "{\"notificationType\":\"Delivery\",\"mail\":{\"messageId\":\"0102017c\"}}",
        "Timestamp": "2026-03-02T09:00:05.000Z",
        "SignatureVersion": "2",
        "Signature": "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVCkhRS7fUQvi2egU3N858fiTDN6bkkOxYDVrY0Ad8L10Hs3zH81mtnPk5uvvolIC1CXGu43obcgFxeL3khZl8IKvO61GWB6jI9b5+gLPoBc1Q=",
        "SigningCertURL": "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0.pem",
    });
    let operation = Operation::new(TAG, "Receive a message of Amazon SNS")
        .body(schema, &[("notification", "An e-mail was delivered", example)])
        .description(
            "Accepts events of the topics in the settings if SNS has signed them. A subscription of such a topic is \
             confirmed by itself.",
        );
    amazon(operation).fails_with([("unsigned", documented::unsigned())])
}

pub(crate) fn receive_amazon_events() -> Operation {
    let schema = json!({
        "type": "object",
        "description": "An event of SES or AWS End User Messaging; or such events as SNS, SQS, Lambda or EventBridge \
                        wrap them, with `Message`, `Messages` and `Body`, `Records` and `body`, or `detail`.",
    });
    let example = json!({"Messages": [{
        "MessageId": "1",
        "Body": "{\"Message\":\"{\\\"notificationType\\\":\\\"Delivery\\\",\\\"mail\\\":{\\\"messageId\\\":\\\"0102017c\\\"}}\"}",
    }]});
    let operation = Operation::new(TAG, "Receive events of Amazon from a queue")
        .body(schema, &[("queue", "A message of SQS", example)])
        .description("For programs that read events from a queue. The user name is `amazon`.");
    amazon(operation).fails_with([
        ("credentials_missing", Problem::credentials_missing()),
        ("unauthorized", auth::unauthorized()),
    ])
}

fn amazon(operation: Operation) -> Operation {
    let done = json!({"result": "success"});
    provider_request(operation.responds(200, "The events are stored", "ReceiptStored", done))
        .fails_with([("too_many", Problem::too_many_from_address())])
}

pub(crate) fn receive_letter_receipt() -> Operation {
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
    Operation::new(TAG, "Receive the status of a letter from the print provider")
    .description("The print provider gets the URL, with its token, together with the letter. Errors have the v2 shape.")
    .parameter(json!({
        "name": "token", "in": "query", "required": true, "description": "The signed id of the letter.",
        "schema": {"type": "string"}, "example": LINK_TOKEN,
    }))
    .body(reference("LetterStatus"), &[("despatched", "A letter was despatched", example)])
    .responds_empty(204, "The status is stored")
    .fails_with([
        ("bad_token", documented::bad_token()),
        ("another_letter", documented::another_letter()),
        ("bad_status", error_examples::validation("data LOST is not one of [DESPATCHED, REJECTED]")),
        ("too_many", Problem::too_many_from_address()),
    ])
    .fails_with(error_examples::body_errors())
    .fails_with(error_examples::server_errors())
}

/// Returns the schema of a status report of the print provider.
pub(in crate::openapi) fn letter_status() -> Value {
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
                            "Required unless the letter was rejected: `totalSheets`, a number; `postageClass`, one of {}; \
                             `mailingProduct`, one of {}. Others are ignored.",
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
