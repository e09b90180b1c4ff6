//! The shapes of answers. A story holds them against real ones: every key of an answer is here, and every key that is
//! here and not optional is in the answer.

use domain::{Channel, JobStatus, NotificationStatus, Postage};
use serde_json::{Map, Value, json};

use super::{
    providers,
    shapes::{id, reference},
};

/// The answers, and what they share, by name.
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
        ("Unsubscribed", done(&["message", "result"])),
        ("Status", status()),
        ("LiveCounts", counts()),
        ("Heard", done(&["result"])),
        ("Received", done(&["status"])),
        ("LetterStatus", providers::letter_status()),
        ("ReturnedLetters", returned_letters()),
        ("LetterRates", letter_rates()),
        ("Errors", errors()),
        ("OldError", old_error()),
    ]
}

/// An object with these keys, of which all but the optional ones are always there.
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
    json!({"type": ["string", "null"], "enum": all, "description": "Of letters; else null."})
}

fn told(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

/// A page of a list.
fn page(key: &str, of: &str) -> Value {
    object(&[("links", reference("Links")), (key, list(of))], &[])
}

fn links() -> Value {
    let next = told(
        link(),
        "The page after this one; missing if this one is empty.",
    );
    object(&[("current", link()), ("next", next)], &["next"])
}

fn template_link() -> Value {
    let properties = [("id", id()), ("uri", link()), ("version", number())];
    object(&properties, &[])
}

/// The answer to a message that was accepted.
fn accepted(content: Value, has_sanitised: bool) -> Value {
    let mut properties = vec![
        ("content", content),
        (
            "id",
            told(id(), "What to ask for to see what became of it."),
        ),
        ("reference", told(text_or_null(), "As it was given.")),
        ("scheduled_for", json!({"type": "null"})),
        ("template", reference("TemplateLink")),
        ("uri", link()),
    ];
    if has_sanitised {
        let change = object(&[("sanitised", text()), ("unsanitised", text())], &[]);
        let about = "The values that were changed, by their names.";
        let changes =
            json!({"type": "object", "description": about, "additionalProperties": change});
        properties.insert(3, ("sanitised_content", changes));
    }
    object(&properties, &[])
}

fn content_of_text() -> Value {
    let from = told(text_or_null(), "The sender that the recipient sees.");
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
        "description": "How many messages are in which status; missing where jobs are listed.",
        "additionalProperties": number(),
    });
    let properties = [
        ("created_at", moment()),
        ("id", id()),
        ("name", text()),
        (
            "notification_count",
            told(number(), "How many rows it has."),
        ),
        (
            "problem",
            told(text_or_null(), "Why it could not go on, if it could not."),
        ),
        ("processing_finished", moment_or_null()),
        ("processing_started", moment_or_null()),
        ("reference", text_or_null()),
        (
            "rows_kept",
            told(number(), "How many of its rows are messages by now."),
        ),
        ("scheduled_for", moment_or_null()),
        ("statistics", statistics),
        ("status", json!({"type": "string", "enum": JobStatus::ALL})),
        ("template", reference("TemplateLink")),
        ("uri", link()),
    ];
    object(&properties, &["statistics"])
}

fn notification() -> Value {
    let line = || json!({"description": "Of the address of a letter, as it was sent; else null."});
    let completed = "When it came to the status it has, if that is an end.";
    let mut properties = vec![
        ("body", text()),
        ("completed_at", told(moment_or_null(), completed)),
        ("cost_details", cost_details()),
        (
            "cost_in_pounds",
            json!({"type": ["number", "null"], "description": "Null until it is known."}),
        ),
        ("created_at", moment()),
        (
            "created_by_name",
            told(text_or_null(), "Who sent it by hand or with a spreadsheet."),
        ),
        ("email_address", text_or_null()),
        (
            "estimated_delivery",
            told(moment(), "Of letters; else missing."),
        ),
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
            told(moment_or_null(), "When a provider took it."),
        ),
        ("status", shown_status()),
        (
            "subject",
            told(text_or_null(), "Of e-mails and letters; else null."),
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
        "description": "Of a letter `accepted` while it is made and carried, then `received`.",
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
            json!({"type": "number", "description": "In pounds, for a fragment."}),
        ),
    ];
    told(
        object(&properties, &all),
        "What the cost is made of: of a letter its sheets and postage, of a text its fragments and rate, else nothing.",
    )
}

fn template() -> Value {
    let required = object(
        &[("required", json!({"type": "boolean", "const": true}))],
        &[],
    );
    let personalisation = json!({
        "type": "object", "description": "Its placeholders.", "additionalProperties": required,
    });
    let author = "The address of whoever made this version.";
    let properties = [
        ("body", text()),
        ("created_at", moment()),
        ("created_by", told(text_or_null(), author)),
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
            told(text_or_null(), "The body of an e-mail as HTML; else null."),
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
        ("notify_number", told(text(), "The number that it came to.")),
        ("service_id", id()),
        (
            "user_number",
            told(
                text(),
                "Who wrote it, with the country code and without a plus.",
            ),
        ),
    ];
    object(&properties, &[])
}

fn done(keys: &[&str]) -> Value {
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
        "description": "The references that the letters were printed with.",
    });
    object(&[("references", references)], &[])
}

fn letter_rates() -> Value {
    let properties = [
        ("post_class", postage()),
        ("rate", told(text(), "In pounds.")),
        ("sheet_count", number()),
        ("start_date", moment()),
    ];
    json!({"type": "array", "items": object(&properties, &[])})
}

fn errors() -> Value {
    let entry = object(
        &[
            ("error", told(text(), "A word for programs.")),
            ("message", told(text(), "A sentence for people.")),
            (
                "data",
                told(text(), "The link of a QR code that is too long."),
            ),
            ("num_bytes", told(number(), "How long that is.")),
            ("max_bytes", told(number(), "How long it may be.")),
        ],
        &["data", "num_bytes", "max_bytes"],
    );
    let list = json!({"type": "array", "minItems": 1, "items": entry});
    object(&[("errors", list), ("status_code", number())], &[])
}

fn old_error() -> Value {
    let properties = [
        (
            "message",
            json!({"type": ["string", "array", "object"], "description": "A sentence, or several."}),
        ),
        ("result", json!({"type": "string", "const": "error"})),
    ];
    object(&properties, &[])
}
