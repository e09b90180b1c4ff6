//! The tables of the page. Each scrolls by itself if it is too wide.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    items, members,
    words::{inline, kind, text_of},
};
use crate::documents::Escaped;

/// Returns a table. Its label is for screen readers, since a heading stands above it.
pub(super) fn table(label: &str, columns: &[&str], rows: &str) -> String {
    let mut head = String::new();
    for column in columns {
        let _ = write!(head, "<th scope=\"col\">{column}</th>");
    }
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        label = Escaped(label),
    )
}

fn row(name: &str, need: &str, kind: &str, about: &str) -> String {
    format!(
        "<tr><th scope=\"row\"><code>{}</code>{}</th><td class=\"kind\">{kind}</td><td class=\"about\">{}</td></tr>\n",
        Escaped(name),
        if need.is_empty() {
            String::new()
        } else {
            format!("<br><span class=\"need\">{}</span>", Escaped(need))
        },
        inline(about),
    )
}

pub(super) fn parameters_table(id: &str, parameters: &Value) -> String {
    let mut rows = String::new();
    for one in items(parameters) {
        let place = text_of(&one["in"]);
        let need = if one["required"] == true && place != "path" {
            format!("{place}, required")
        } else {
            place.to_owned()
        };
        rows.push_str(&row(
            text_of(&one["name"]),
            &need,
            &kind(&one["schema"]),
            text_of(&one["description"]),
        ));
    }
    if rows.is_empty() {
        return rows;
    }
    let label = format!("Parameters of {id}");
    format!(
        "<h4>Parameters</h4>\n{}",
        table(&label, &["Name", "Type", "Meaning"], &rows)
    )
}

/// Returns the headers of all responses of an operation, each with the statuses that have it.
pub(super) fn headers_table(id: &str, responses: &Value) -> String {
    let mut headers: Vec<(&str, &Value, Vec<&str>)> = Vec::new();
    for (status, response) in members(responses) {
        for (name, header) in members(&response["headers"]) {
            match headers
                .iter_mut()
                .find(|(known, same, _)| *known == name && *same == header)
            {
                Some((_, _, statuses)) => statuses.push(status),
                None => headers.push((name, header, vec![status])),
            }
        }
    }
    let mut rows = String::new();
    for (name, header, statuses) in headers {
        rows.push_str(&row(
            name,
            &format!("with {}", statuses.join(", ")),
            &kind(&header["schema"]),
            text_of(&header["description"]),
        ));
    }
    if rows.is_empty() {
        return rows;
    }
    let label = format!("Response headers of {id}");
    format!(
        "<h4>Response headers</h4>\n{}",
        table(&label, &["Header", "Type", "Meaning"], &rows)
    )
}

/// Returns the keys of an object; the keys of nested objects follow with their path.
pub(super) fn properties_table(label: &str, schema: &Value) -> String {
    let mut rows = String::new();
    write_properties(&mut rows, "", schema);
    if rows.is_empty() {
        return format!("<p>{}</p>\n", kind(schema));
    }
    table(label, &["Key", "Type", "Meaning"], &rows)
}

fn write_properties(rows: &mut String, before: &str, schema: &Value) {
    for (key, property) in members(&schema["properties"]) {
        let name = format!("{before}{key}");
        let needed = items(&schema["required"]).any(|one| one == key);
        let need = if needed { "" } else { "optional" };
        rows.push_str(&row(
            &name,
            need,
            &kind(property),
            text_of(&property["description"]),
        ));
        write_properties(rows, &format!("{name}."), property);
    }
    if let Some(any) = schema
        .get("additionalProperties")
        .filter(|any| any.is_object())
    {
        let name = format!("{before}*");
        rows.push_str(&row(
            &name,
            "any name",
            &kind(any),
            text_of(&any["description"]),
        ));
        write_properties(rows, &format!("{name}."), any);
    }
    if let Some(item) = schema.get("items").filter(|_| schema["type"] == "array") {
        let before = before.trim_end_matches('.');
        write_properties(rows, &format!("{before}[]."), item);
    }
}
