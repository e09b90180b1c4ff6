//! JSON Schemas of responses. A story compares them with real responses: no response has a key that its schema lacks, and
//! each has every key that is not optional.

use domain::{Channel, JobStatus, NotificationStatus, Postage, SuppressionReason};
use serde_json::{Map, Value, json};

use super::{
    operations,
    requests::{id, reference},
};

/// Returns the schemas of responses and of their parts, by name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("AcceptedText", accepted(content_of_text(), false)),
        ("AcceptedEmail", accepted(content_of_email(), true)),
        ("AcceptedLetter", accepted(content_of_letter(), false)),
        ("AcceptedPages", accepted_pages()),
        ("TemplateLink", template_link()),
        ("Job", job()),
        ("Jobs", page("jobs", "Job")),
        ("Notification", notification()),
        ("Notifications", page("notifications", "Notification")),
        ("Links", links()),
        ("Template", template()),
        ("Templates", object(&[("templates", list("Template"))], &[])),
        ("PreviewedTemplate", preview()),
        ("ReceivedText", received_text()),
        (
            "ReceivedTexts",
            page("received_text_messages", "ReceivedText"),
        ),
        ("Unsubscribed", texts(&["message", "result"])),
        ("Status", status()),
        ("LiveCounts", counts()),
        ("ReceiptStored", texts(&["result"])),
        ("ResponseFileAnnounced", texts(&["message", "result"])),
        ("MessageStored", texts(&["status"])),
        ("LetterStatus", operations::letter_status()),
        ("ReturnedLetters", returned_letters()),
        ("LetterRates", letter_rates()),
        ("Suppressions", page("suppressions", "Suppression")),
        ("Suppression", suppression()),
        ("Suppressed", object(&[("id", id())], &[])),
        ("Errors", errors()),
        ("LegacyError", legacy_error()),
    ]
}

/// Returns the schema of an object with these keys; all but the optional ones are required.
fn object(properties: &[(&str, Value)], optional: &[&str]) -> Value {
    let required: Vec<&str> = properties
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !optional.contains(key))
        .collect();
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(key, schema)| ((*key).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn list(name: &str) -> Value {
    json!({"type": "array", "items": reference(name)})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn moment() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn moment_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn link() -> Value {
    json!({"type": "string", "format": "uri"})
}

fn channel() -> Value {
    json!({"type": "string", "enum": Channel::ALL})
}

fn postage() -> Value {
    json!({"type": "string", "enum": Postage::ALL})
}

fn postage_or_null() -> Value {
    let mut all: Vec<Value> = Postage::ALL.iter().map(|one| one.as_str().into()).collect();
    all.push(Value::Null);
    json!({"type": ["string", "null"], "enum": all, "description": "Null unless it is a letter."})
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

/// Returns the schema of a page of a list.
fn page(key: &str, of: &str) -> Value {
    object(&[("links", reference("Links")), (key, list(of))], &[])
}

fn suppression() -> Value {
    let properties = [
        ("created_at", moment()),
        ("id", id()),
        (
            "reason",
            json!({"type": "string", "enum": SuppressionReason::ALL}),
        ),
        ("recipient", text()),
        ("type", channel()),
    ];
    object(&properties, &[])
}

fn links() -> Value {
    let next = described(link(), "The next page; missing if this page is empty.");
    object(&[("current", link()), ("next", next)], &["next"])
}

fn template_link() -> Value {
    let properties = [("id", id()), ("uri", link()), ("version", number())];
    object(&properties, &[])
}

/// Returns the schema of the response to an accepted message.
fn accepted(content: Value, has_sanitised: bool) -> Value {
    let mut properties = vec![
        ("content", content),
        ("id", described(id(), "The id of the notification.")),
        (
            "reference",
            described(text_or_null(), "The reference that the request gave."),
        ),
        ("scheduled_for", json!({"type": "null"})),
        ("template", reference("TemplateLink")),
        ("uri", link()),
    ];
    if has_sanitised {
        let change = object(&[("sanitised", text()), ("unsanitised", text())], &[]);
        let about = "The values that were changed, by name.";
        let changes =
            json!({"type": "object", "description": about, "additionalProperties": change});
        // At its place in the alphabetical order, in which the response has it.
        properties.insert(3, ("sanitised_content", changes));
    }
    object(&properties, &[])
}

fn content_of_text() -> Value {
    let from = described(text_or_null(), "The sender that the recipient sees.");
    object(&[("body", text()), ("from_number", from)], &[])
}

fn content_of_email() -> Value {
    let properties = [
        ("body", text()),
        ("from_email", text()),
        ("one_click_unsubscribe_url", text_or_null()),
        ("subject", text()),
    ];
    object(&properties, &[])
}

fn content_of_letter() -> Value {
    object(&[("body", text()), ("subject", text())], &[])
}

fn accepted_pages() -> Value {
    let properties = [("id", id()), ("postage", postage()), ("reference", text())];
    object(&properties, &[])
}

fn job() -> Value {
    let statistics = json!({
        "type": "object",
        "description": "The number of notifications by status; missing in lists of jobs.",
        "additionalProperties": number(),
    });
    let warnings = json!({
        "type": "array",
        "description": "What looks wrong with the rows, a sentence each; only in the response to the request that has them.",
        "items": text(),
    });
    let properties = [
        ("created_at", moment()),
        ("id", id()),
        ("name", text()),
        (
            "notification_count",
            described(number(), "The number of rows."),
        ),
        (
            "problem",
            described(text_or_null(), "Why the job stopped, if it is in error."),
        ),
        ("processing_finished", moment_or_null()),
        ("processing_started", moment_or_null()),
        ("reference", text_or_null()),
        (
            "rows_kept",
            described(
                number(),
                "The number of rows that are notifications so far.",
            ),
        ),
        ("scheduled_for", moment_or_null()),
        ("statistics", statistics),
        ("status", json!({"type": "string", "enum": JobStatus::ALL})),
        ("template", reference("TemplateLink")),
        ("uri", link()),
        ("warnings", warnings),
    ];
    object(&properties, &["statistics", "warnings"])
}

fn notification() -> Value {
    let line = || json!({"description": "The address line of a letter, as it was sent; null for other channels."});
    let completed = "When the notification reached its final status.";
    let mut properties = vec![
        ("body", text()),
        ("completed_at", described(moment_or_null(), completed)),
        ("cost_details", cost_details()),
        (
            "cost_in_pounds",
            json!({"type": ["number", "null"], "description": "Null until the cost is known."}),
        ),
        ("created_at", moment()),
        (
            "created_by_name",
            described(
                text_or_null(),
                "The user who sent it by hand or with a spreadsheet.",
            ),
        ),
        ("email_address", text_or_null()),
        ("estimated_delivery", described(moment(), "Letters only.")),
        ("id", id()),
        ("is_cost_data_ready", json!({"type": "boolean"})),
    ];
    properties.extend(
        ["line_1", "line_2", "line_3", "line_4", "line_5", "line_6"].map(|name| (name, line())),
    );
    properties.extend([
        ("one_click_unsubscribe_url", text_or_null()),
        ("phone_number", text_or_null()),
        ("postage", postage_or_null()),
        ("postcode", line()),
        ("reference", text_or_null()),
        ("scheduled_for", json!({"type": "null"})),
        (
            "sent_at",
            described(moment_or_null(), "When a provider accepted it."),
        ),
        ("status", shown_status()),
        (
            "subject",
            described(text_or_null(), "Null for text messages."),
        ),
        ("template", reference("TemplateLink")),
        ("type", channel()),
    ]);
    object(&properties, &["estimated_delivery"])
}

fn shown_status() -> Value {
    let mut all: Vec<&str> = NotificationStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    all.extend(["accepted", "received"]);
    json!({
        "type": "string", "enum": all,
        "description": "A letter is `accepted` until it is delivered, then `received`.",
    })
}

fn cost_details() -> Value {
    let all = [
        "billable_sheets_of_paper",
        "billable_sms_fragments",
        "international_rate_multiplier",
        "postage",
        "sms_rate",
    ];
    let properties = [
        (all[0], number()),
        (all[1], number()),
        (all[2], json!({"type": "number"})),
        (all[3], postage()),
        (
            all[4],
            json!({"type": "number", "description": "In pounds per fragment."}),
        ),
    ];
    described(
        object(&properties, &all),
        "The parts of the cost: sheets and postage of a letter, fragments and rate of a text message, nothing for an email.",
    )
}

fn template() -> Value {
    let required = object(
        &[("required", json!({"type": "boolean", "const": true}))],
        &[],
    );
    let personalisation = json!({
        "type": "object", "description": "The placeholders of the template.", "additionalProperties": required,
    });
    let author = "The email address of the author of this version.";
    let properties = [
        ("body", text()),
        ("created_at", moment()),
        ("created_by", described(text_or_null(), author)),
        ("id", id()),
        ("letter_contact_block", text_or_null()),
        ("name", text()),
        ("personalisation", personalisation),
        ("postage", postage_or_null()),
        ("subject", text_or_null()),
        ("type", channel()),
        ("updated_at", moment_or_null()),
        ("version", number()),
    ];
    object(&properties, &[])
}

fn preview() -> Value {
    let properties = [
        ("body", text()),
        (
            "html",
            described(
                text_or_null(),
                "The body of an email as HTML; null for other channels.",
            ),
        ),
        ("id", id()),
        ("postage", postage_or_null()),
        ("subject", text_or_null()),
        ("type", channel()),
        ("version", number()),
    ];
    object(&properties, &[])
}

fn received_text() -> Value {
    let properties = [
        ("content", text()),
        ("created_at", moment()),
        ("id", id()),
        (
            "notify_number",
            described(text(), "The number that the message was sent to."),
        ),
        ("service_id", id()),
        (
            "user_number",
            described(
                text(),
                "The number of the sender, with the country code and without a plus.",
            ),
        ),
    ];
    object(&properties, &[])
}

fn texts(keys: &[&str]) -> Value {
    let properties: Vec<(&str, Value)> = keys.iter().map(|key| (*key, text())).collect();
    object(&properties, &[])
}

fn status() -> Value {
    let rest = ["build_time", "db_bulk_version", "db_version", "git_commit"];
    let version = || json!({"type": ["integer", "null"]});
    let properties = [
        (rest[0], text_or_null()),
        (rest[1], version()),
        (rest[2], version()),
        (rest[3], text_or_null()),
        ("status", json!({"type": "string", "const": "ok"})),
    ];
    object(&properties, &rest)
}

fn counts() -> Value {
    object(&[("organisations", number()), ("services", number())], &[])
}

fn returned_letters() -> Value {
    let references = json!({
        "type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[0-9A-Z]{16}$"},
        "description": "The printed references of the letters.",
    });
    object(&[("references", references)], &[])
}

fn letter_rates() -> Value {
    let properties = [
        ("post_class", postage()),
        ("rate", described(text(), "In pounds.")),
        ("sheet_count", number()),
        ("start_date", moment()),
    ];
    json!({"type": "array", "items": object(&properties, &[])})
}

fn errors() -> Value {
    let entry = object(
        &[
            (
                "error",
                described(text(), "The class of the error, for programs."),
            ),
            (
                "message",
                described(text(), "The text of the error, for people."),
            ),
            (
                "data",
                described(text(), "The link of a QR code that is too long."),
            ),
            ("num_bytes", described(number(), "The length of that link.")),
            (
                "max_bytes",
                described(number(), "The longest link that fits."),
            ),
        ],
        &["data", "num_bytes", "max_bytes"],
    );
    let list = json!({"type": "array", "minItems": 1, "items": entry});
    object(&[("errors", list), ("status_code", number())], &[])
}

fn legacy_error() -> Value {
    let properties = [
        (
            "message",
            json!({"type": ["string", "array", "object"], "description": "A text, a list of texts, or an object of lists by field."}),
        ),
        ("result", json!({"type": "string", "const": "error"})),
    ];
    object(&properties, &[])
}
