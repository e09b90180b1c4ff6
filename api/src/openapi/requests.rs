//! JSON Schemas of request bodies, made from the declarations that the bodies are parsed with.

use serde_json::{Map, Value, json};

use crate::v2::bodies::{
    EmailBody, INLAND_POSTAGE, JobBody, LetterBody, PrecompiledLetterBody, PreviewBody, Schema,
    Shape, SmsBody,
};

/// Returns a reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Returns the schema of an id.
pub(super) fn id() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// Returns the schemas of request bodies, by name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut bulk = schema_of(JobBody::SCHEMA);
    bulk["properties"]["rows"] = json!({
        "type": "array",
        "items": {"type": "array", "items": {"type": ["string", "number", "null"]}},
        "minItems": 2,
        "maxItems": 100_001,
        "description": "The column names, then a row for each message.",
    });
    bulk["properties"]["csv"] = json!({
        "type": "string",
        "description": "The rows as CSV, in place of `rows`.",
    });
    bulk["oneOf"] = json!([{"required": ["rows"]}, {"required": ["csv"]}]);
    let mut preview = schema_of(PreviewBody::SCHEMA);
    // The id comes from the path, and other keys are ignored.
    preview["properties"] = json!({"personalisation": preview["properties"]["personalisation"]});
    preview["additionalProperties"] = true.into();
    preview
        .as_object_mut()
        .map(|preview| preview.remove("required"));
    vec![
        ("Text", schema_of(SmsBody::SCHEMA)),
        ("Email", schema_of(EmailBody::SCHEMA)),
        ("Letter", schema_of(LetterBody::SCHEMA)),
        (
            "PrecompiledLetter",
            schema_of(PrecompiledLetterBody::SCHEMA),
        ),
        ("Rows", bulk),
        ("Preview", preview),
        ("Personalisation", personalisation()),
        ("File", file()),
    ]
}

fn schema_of(schema: Schema) -> Value {
    let properties: Map<String, Value> = schema
        .iter()
        .map(|key| (key.name.to_owned(), property(key.name, key.shape)))
        .collect();
    let required: Vec<&str> = schema
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut written = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        written["required"] = required.into();
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
        Shape::InlandPostage => json!({"type": "string", "enum": INLAND_POSTAGE}),
    };
    property["description"] = description(key, shape).into();
    property
}

fn description(key: &str, shape: Shape) -> &'static str {
    match (key, shape) {
        ("reference", _) => {
            "A name of your choice, by which notifications can be listed. It need not be unique."
        }
        ("phone_number", _) => {
            "The phone number of the recipient, in any notation: `07700 900 123`, `+44 7700 900123`."
        }
        ("email_address", _) => "The email address of the recipient.",
        ("template_id", _) => "The id of the template; its latest version is used.",
        ("scheduled_for", Shape::Time) => {
            "When to start the job, at most seven days ahead; UTC unless it has an offset. Immediately if missing or null."
        }
        ("scheduled_for", _) => {
            "Has no effect. Accepted for compatibility with old clients, if it is a time within the next 24 hours."
        }
        ("sms_sender_id", _) => "The id of the SMS sender, if not the default of the service.",
        ("email_reply_to_id" | "reply_to_id", _) => {
            "The id of the reply-to address, if not the default of the service."
        }
        ("one_click_unsubscribe_url", _) => {
            "The URL where a mail program can unsubscribe the recipient with one `POST`."
        }
        ("sanitise_content_for", _) => {
            "Names of values that members of the public wrote: links are removed from them, and Markdown in them has no effect."
        }
        ("personalisation", _) => "A value for each placeholder of the template.",
        ("content", _) => "The PDF of the letter in base64.",
        ("postage", _) => "The postage class; `second` if missing.",
        ("name", _) => "The name of the job.",
        ("id", _) => "The id of the template.",
        _ => "",
    }
}

fn personalisation() -> Value {
    json!({
        "type": "object",
        "description": "A value for each placeholder of the template. Names are compared without regard to case, \
            spaces, `_` and `-`; values that the template does not use are ignored. In a letter, `address_line_1` to \
            `address_line_7` are the address: at least three lines, of which the last is a postcode or a country.",
        "additionalProperties": {
            "description": "A text, number or boolean is inserted as it is, a list is joined, and a file becomes a link (emails only).",
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
        "description": "A file that the recipient of an email downloads by a link.",
        "properties": {
            "file": {"type": "string", "description": "The file in base64."},
            "filename": {
                "type": ["string", "null"], "pattern": "\\.",
                "description": "The name of the file, with an extension. Cannot be combined with `is_csv`.",
            },
            "is_csv": {
                "type": ["boolean", "null"],
                "description": "Whether a text file without `filename` is CSV.",
            },
            "confirm_email_before_download": {
                "type": ["boolean", "null"],
                "description": "Whether the recipient must enter the email address before the download; true if missing.",
            },
            "retention_period": {
                "type": ["string", "null"], "pattern": "^([1-9]|[1-6][0-9]|7[0-8]) weeks?$",
                "description": "How long the file is available: `1 week` to `78 weeks`; 26 weeks if missing.",
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
    fn every_key_has_a_description() {
        for schema in [
            SmsBody::SCHEMA,
            EmailBody::SCHEMA,
            LetterBody::SCHEMA,
            PrecompiledLetterBody::SCHEMA,
            JobBody::SCHEMA,
            PreviewBody::SCHEMA,
        ] {
            for key in schema {
                assert!(!description(key.name, key.shape).is_empty(), "{}", key.name);
            }
        }
    }
}
