//! Converts texts and schemas of the document to HTML.

use std::fmt::Write as _;

use serde_json::Value;

use crate::documents::Escaped;

pub(super) fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Converts a name to a caption: `no_such_template` becomes `No such template`.
pub(super) fn sentence(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Converts the Markdown of our descriptions: paragraphs, `code`, **strong**, and indented code blocks.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let _ = if block.lines().all(|line| line.starts_with("    ")) {
            let lines: Vec<&str> = block.lines().map(|line| &line[4..]).collect();
            writeln!(
                html,
                "<pre tabindex=\"0\">{}</pre>",
                Escaped(&lines.join("\n"))
            )
        } else {
            writeln!(html, "<p>{}</p>", inline(block))
        };
    }
    html
}

/// Converts a line with `code` and **strong**.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        let _ = if index % 2 == 1 {
            write!(html, "<code>{}</code>", Escaped(part))
        } else {
            write_strong(&mut html, part)
        };
    }
    html
}

fn write_strong(html: &mut String, text: &str) -> std::fmt::Result {
    for (index, part) in text.split("**").enumerate() {
        if index % 2 == 1 {
            write!(html, "<strong>{}</strong>", Escaped(part))?;
        } else {
            write!(html, "{}", Escaped(part))?;
        }
    }
    Ok(())
}

/// Describes the values of a schema.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or_default();
        return format!("<a href=\"#schema-{0}\">{0}</a>", Escaped(name));
    }
    for several in ["anyOf", "oneOf"] {
        let parts: Vec<String> = schema[several]
            .as_array()
            .into_iter()
            .flatten()
            .map(kind)
            .collect();
        if !parts.is_empty() && schema["type"].is_null() {
            return parts.join(" or ");
        }
    }
    let mut words = types(&schema["type"]);
    if let Some(items) = schema
        .get("items")
        .filter(|items| **items != Value::Object(serde_json::Map::new()))
    {
        let _ = write!(words, " of: {}", kind(items));
    }
    if let Some(one) = schema["const"].as_str() {
        let _ = write!(words, ": <code>{}</code>", Escaped(one));
    }
    let choices: Vec<String> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|one| format!("<code>{}</code>", Escaped(one)))
        .collect();
    if !choices.is_empty() {
        let _ = write!(words, ": {}", choices.join(", "));
    }
    words.push_str(&limits(schema));
    words
}

fn types(value: &Value) -> String {
    let one = |value: &Value| Escaped(text_of(value)).to_string();
    match value {
        Value::Array(several) => several.iter().map(one).collect::<Vec<_>>().join(" or "),
        Value::String(_) => one(value),
        _ => "anything".to_owned(),
    }
}

fn limits(schema: &Value) -> String {
    let mut limits = Vec::new();
    if let Some(format) = schema["format"].as_str() {
        limits.push(Escaped(format).to_string());
    }
    for (key, words) in [
        ("minLength", "characters or more"),
        ("maxLength", "characters or fewer"),
        ("minItems", "items or more"),
        ("maxItems", "items or fewer"),
    ] {
        if let Some(number) = schema[key].as_u64() {
            limits.push(format!("{number} {words}"));
        }
    }
    if let Some(minimum) = schema["minimum"].as_u64() {
        limits.push(format!("at least {minimum}"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        limits.push(format!("<code>{}</code>", Escaped(pattern)));
    }
    if limits.is_empty() {
        String::new()
    } else {
        format!(" ({})", limits.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prose_has_paragraphs_code_and_strong_text() {
        assert_eq!(
            prose("a `b<c` **d**\n\n    e & f\n    g"),
            "<p>a <code>b&lt;c</code> <strong>d</strong></p>\n<pre tabindex=\"0\">e &amp; f\ng</pre>\n"
        );
    }

    #[test]
    fn a_schema_is_described_by_type_choices_and_limits() {
        for (schema, words) in [
            (json!({"type": "string", "format": "uuid"}), "string (uuid)"),
            (
                json!({"type": ["string", "null"], "maxLength": 5}),
                "string or null (5 characters or fewer)",
            ),
            (
                json!({"type": "string", "enum": ["a", "b"]}),
                "string: <code>a</code>, <code>b</code>",
            ),
            (
                json!({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}),
                "array of: <a href=\"#schema-Job\">Job</a>",
            ),
            (json!({}), "anything"),
        ] {
            assert_eq!(kind(&schema), words);
        }
        assert_eq!(sentence("no_such_template"), "No such template");
    }
}
