//! The shapes of requests: the tables that check them, as JSON Schema.

use serde_json::{Map, Value, json};

use crate::v2::bodies::{
    BULK, EMAIL, INLAND_POSTAGE, LETTER, PRECOMPILED, PREVIEW, SMS, Schema, Shape,
};

/// A schema of the document, by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An id.
pub(super) fn id() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// The requests, by name.
pub(super) fn requests() -> Vec<(&'static str, Value)> {
    let mut bulk = written(&BULK);
    bulk["properties"]["rows"] = json!({
        "type": "array",
        "items": {"type": "array", "items": {"type": ["string", "number", "null"]}},
        "minItems": 2,
        "maxItems": 100_001,
        "description": "The names of the columns, then a row for each message.",
    });
    bulk["properties"]["csv"] = json!({
        "type": "string",
        "description": "The same as one text, in place of `rows`.",
    });
    bulk["oneOf"] = json!([{"required": ["rows"]}, {"required": ["csv"]}]);
    let mut preview = written(&PREVIEW);
    // The path says which; other keys are ignored.
    preview["properties"] = json!({"personalisation": preview["properties"]["personalisation"]});
    preview["additionalProperties"] = true.into();
    vec![
        ("Text", written(&SMS)),
        ("Email", written(&EMAIL)),
        ("Letter", written(&LETTER)),
        ("PrecompiledLetter", written(&PRECOMPILED)),
        ("Rows", bulk),
        ("Preview", preview),
        ("Personalisation", personalisation()),
        ("File", file()),
    ]
}

fn written(schema: &Schema) -> Value {
    let properties: Map<String, Value> = schema
        .keys
        .iter()
        .map(|(key, shape)| ((*key).to_owned(), property(key, *shape)))
        .collect();
    let mut written = json!({"type": "object", "properties": properties});
    if !schema.required.is_empty() {
        written["required"] = schema.required.into();
    }
    written["additionalProperties"] = false.into();
    written
}

fn property(key: &str, shape: Shape) -> Value {
    let mut property = match shape {
        Shape::Text(usize::MAX) => json!({"type": "string"}),
        Shape::Text(limit) => json!({"type": "string", "maxLength": limit}),
        Shape::Phone => json!({"type": "string", "minLength": 1}),
        Shape::Email => json!({"type": "string", "format": "email"}),
        Shape::Uuid => id(),
        Shape::Object => reference("Personalisation"),
        Shape::ScheduledFor | Shape::Time => {
            json!({"type": ["string", "null"], "format": "date-time"})
        }
        Shape::HttpsUrl => json!({"type": "string", "format": "uri", "pattern": "^https:"}),
        Shape::List => json!({"type": ["array", "null"], "items": {}}),
        Shape::Postage => json!({"type": "string", "enum": INLAND_POSTAGE}),
    };
    property["description"] = about(key, shape).into();
    property
}

/// What a key is for.
fn about(key: &str, shape: Shape) -> &'static str {
    match (key, shape) {
        ("reference", _) => {
            "Your own name for the message or the job, by which messages can be listed. It need not be unique."
        }
        ("phone_number", _) => {
            "The number that the text goes to, in any notation: `07700 900 123`, `+44 7700 900123`."
        }
        ("email_address", _) => "The address that the e-mail goes to.",
        ("template_id", _) => "The template to send; its latest version is used.",
        ("scheduled_for", Shape::Time) => {
            "When to send, at most seven days ahead; UTC unless it has an offset. At once if it is missing or null."
        }
        ("scheduled_for", _) => {
            "Accepted for the sake of old clients, if it is a time within the next 24 hours, and ignored."
        }
        ("sms_sender_id", _) => "The sender of the text, if not the service's default.",
        ("email_reply_to_id" | "reply_to_id", _) => {
            "The address that answers go to, if not the service's default."
        }
        ("one_click_unsubscribe_url", _) => {
            "Where a mail program may unsubscribe the recipient with one `POST`."
        }
        ("sanitise_content_for", _) => {
            "Names of values that members of the public wrote: links are taken out of them, and nothing in them formats the e-mail."
        }
        ("personalisation", _) => "A value for each placeholder of the template.",
        ("content", _) => "The pages of the letter: a PDF in base64.",
        ("postage", _) => "How the letter travels; `second` if it is missing.",
        ("name", _) => "What you call the job.",
        ("id", _) => "The template.",
        _ => "",
    }
}

fn personalisation() -> Value {
    json!({
        "type": "object",
        "description": "A value for each placeholder of the template. Names are compared without regard to case, \
            spaces, `_` and `-`; values that the template does not use are ignored. In a letter, `address_line_1` to \
            `address_line_7` are the address, of three lines at least; its last line is a postcode or a country.",
        "additionalProperties": {
            "description": "Text, a number or a truth as it is; a list is written out; a file is sent as a link, by e-mail alone.",
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
                reference("File"),
            ],
        },
    })
}

fn file() -> Value {
    json!({
        "type": "object",
        "description": "A file that the recipient of an e-mail downloads by a link.",
        "properties": {
            "file": {"type": "string", "description": "The file in base64."},
            "filename": {
                "type": ["string", "null"], "pattern": "\\.",
                "description": "What the file is called; it must have an extension. Not together with `is_csv`.",
            },
            "is_csv": {
                "type": ["boolean", "null"],
                "description": "Whether a text file is CSV, where there is no `filename`.",
            },
            "confirm_email_before_download": {
                "type": ["boolean", "null"],
                "description": "Whether the recipient must enter the address that the e-mail went to; true if it is missing.",
            },
            "retention_period": {
                "type": ["string", "null"], "pattern": "^([1-9]|[1-6][0-9]|7[0-8]) weeks?$",
                "description": "How long the file is kept: `1 week` to `78 weeks`; 26 weeks if it is missing.",
            },
        },
        "required": ["file"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_says_what_it_is_for() {
        for schema in [&SMS, &EMAIL, &LETTER, &PRECOMPILED, &BULK, &PREVIEW] {
            for (key, shape) in schema.keys {
                assert!(!about(key, *shape).is_empty(), "{key}");
            }
        }
    }
}
