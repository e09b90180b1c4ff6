//! The document as an HTML page: one file without scripts or external resources. All text is written with [`Escaped`].

mod tables;
mod words;

use std::{fmt::Write as _, sync::LazyLock};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use serde_json::Value;

use crate::documents::Escaped;
use tables::{headers_table, parameters_table, properties_table};
use words::{kind, prose, sentence, text_of};

const STYLE: &str = include_str!("style.css");

/// Returns the `Content-Security-Policy` of the page, which allows only its style.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        HeaderValue::from_str(&policy).expect("it is printable ASCII")
    });
    POLICY.clone()
}

/// An operation of the document with its method and path.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    value: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text_of(&self.value["operationId"])
    }

    /// Operations that can only fail come last.
    fn can_succeed(&self) -> bool {
        members(&self.value["responses"]).any(|(status, _)| status.starts_with('2'))
    }

    fn is_in(&self, tag: &str) -> bool {
        self.value["tags"][0] == tag
    }
}

/// Returns the page of a document.
pub(super) fn to_html(document: &Value) -> String {
    let operations = operations(document);
    let info = &document["info"];
    let (title, version) = (text_of(&info["title"]), text_of(&info["version"]));
    let mut page = String::with_capacity(200_000);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} {version}: API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header>\n<h1>{title} {version}</h1>\n<p>{summary} For programs: <a href=\"/v2/openapi.json\">/v2/openapi.json</a>.</p>\n\
         </header>\n<div class=\"sides\">\n",
        title = Escaped(title),
        version = Escaped(version),
        summary = Escaped(text_of(&info["summary"])),
    );
    write_contents(&mut page, document, &operations);
    page.push_str("<main id=\"content\" tabindex=\"-1\">\n");
    page.push_str(&prose(text_of(&info["description"])));
    write_authentication(&mut page, document);
    for tag in items(&document["tags"]) {
        write_group(&mut page, tag, &operations);
    }
    write_schemas(&mut page, document);
    page.push_str("</main>\n</div>\n</body>\n</html>\n");
    page
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = members(&document["paths"]);
    let mut all: Vec<Operation<'_>> = paths
        .flat_map(|(path, item)| {
            members(item).map(move |(method, value)| Operation {
                method,
                path,
                value,
            })
        })
        .collect();
    // A stable sort: otherwise the order is that of the routes.
    all.sort_by_key(|one| !one.can_succeed());
    all
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.as_str(), value))
}

/// Returns the id of a heading.
fn anchor(text: &str) -> String {
    text.to_lowercase().replace(' ', "-")
}

fn write_contents(page: &mut String, document: &Value, operations: &[Operation<'_>]) {
    page.push_str("<nav aria-label=\"Contents\">\n<ul>\n<li><a href=\"#authentication\">Authentication</a></li>\n<li><a href=\"#schemas\">Schemas</a></li>\n</ul>\n");
    for tag in items(&document["tags"]) {
        let name = text_of(&tag["name"]);
        let _ = write!(page, "<h2>{}</h2>\n<ul>\n", Escaped(name));
        for one in operations.iter().filter(|one| one.is_in(name)) {
            let (id, summary) = (one.id(), text_of(&one.value["summary"]));
            let _ = writeln!(
                page,
                "<li><a href=\"#{}\">{}</a></li>",
                Escaped(id),
                Escaped(summary)
            );
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</nav>\n");
}

fn write_authentication(page: &mut String, document: &Value) {
    page.push_str("<h2 id=\"authentication\">Authentication</h2>\n");
    for (name, scheme) in members(&document["components"]["securitySchemes"]) {
        let _ = write!(
            page,
            "<h3 id=\"authentication-{name}\">{name}: HTTP {scheme}</h3>\n{about}",
            name = Escaped(name),
            scheme = Escaped(text_of(&scheme["scheme"])),
            about = prose(text_of(&scheme["description"])),
        );
    }
}

fn write_group(page: &mut String, tag: &Value, operations: &[Operation<'_>]) {
    let name = text_of(&tag["name"]);
    let _ = write!(
        page,
        "<h2 id=\"{}\">{}</h2>\n{}",
        Escaped(&anchor(name)),
        Escaped(name),
        prose(text_of(&tag["description"]))
    );
    for operation in operations.iter().filter(|one| one.is_in(name)) {
        write_operation(page, operation);
    }
}

fn write_operation(page: &mut String, operation: &Operation<'_>) {
    let value = operation.value;
    let _ = write!(
        page,
        "<h3 id=\"{id}\">{summary}</h3>\n\
         <p class=\"path\"><span class=\"method {method}\">{shout}</span> <code>{path}</code></p>\n",
        id = Escaped(operation.id()),
        summary = Escaped(text_of(&value["summary"])),
        method = Escaped(operation.method),
        shout = Escaped(&operation.method.to_uppercase()),
        path = Escaped(operation.path),
    );
    page.push_str(&authentication(&value["security"]));
    page.push_str(&prose(text_of(&value["description"])));
    page.push_str(&parameters_table(operation.id(), &value["parameters"]));
    write_body(page, &value["requestBody"]);
    page.push_str("<h4>Responses</h4>\n");
    write_responses(page, operation.id(), &value["responses"]);
}

fn authentication(security: &Value) -> String {
    let scheme = items(security).flat_map(members).next();
    match scheme {
        Some((name, _)) => format!(
            "<p class=\"who\">Authentication: <a href=\"#authentication-{0}\">{0}</a></p>\n",
            Escaped(name)
        ),
        None => "<p class=\"who\">No authentication</p>\n".to_owned(),
    }
}

fn write_body(page: &mut String, body: &Value) {
    for (media_type, content) in members(&body["content"]) {
        let optional = if body["required"] == true {
            ""
        } else {
            ", optional"
        };
        let _ = writeln!(
            page,
            "<h4>Body: {kind}</h4>\n<p class=\"who\"><code>{media}</code>{optional}</p>",
            kind = kind(&content["schema"]),
            media = Escaped(media_type),
        );
        // A named schema has a table of its own further down, which `kind` links to.
        if content["schema"]["$ref"].is_null() && content["schema"]["anyOf"].is_null() {
            page.push_str(&properties_table("Keys of the body", &content["schema"]));
        }
        for (_, example) in members(&content["examples"]) {
            let caption = text_of(&example["summary"]);
            page.push_str(&example_of(caption, &example["value"]));
        }
    }
}

/// Writes the responses; examples of errors are collapsed.
fn write_responses(page: &mut String, id: &str, responses: &Value) {
    page.push_str(&responses_table(id, responses));
    for (status, response) in members(responses) {
        let is_success = status.starts_with('2');
        let contents =
            || members(&response["content"]).flat_map(|(_, content)| members(&content["examples"]));
        let count = contents().count();
        if count == 0 {
            continue;
        }
        let mut examples = String::new();
        for (name, example) in contents() {
            let caption = if is_success {
                String::new()
            } else {
                sentence(name)
            };
            examples.push_str(&example_of(&caption, &example["value"]));
        }
        let what = if count == 1 { "example" } else { "examples" };
        let open = if is_success { " open" } else { "" };
        let _ = write!(
            page,
            "<details{open}>\n<summary>{count} {what} of {}</summary>\n{examples}</details>\n",
            Escaped(status)
        );
    }
}

fn responses_table(id: &str, responses: &Value) -> String {
    let mut rows = String::new();
    for (status, response) in members(responses) {
        let contents = members(&response["content"]).map(|(media_type, content)| {
            let kind = kind(&content["schema"]);
            if media_type == "application/json" {
                kind
            } else {
                format!("<code>{}</code>", Escaped(media_type))
            }
        });
        let kinds: Vec<String> = contents.collect();
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"about\">{}</td><td class=\"kind\">{}</td></tr>",
            Escaped(status),
            prose(text_of(&response["description"]))
                .trim()
                // A cell holds one line, and a paragraph would add margins.
                .trim_start_matches("<p>")
                .trim_end_matches("</p>"),
            if kinds.is_empty() {
                "no body".to_owned()
            } else {
                kinds.join(" or ")
            },
        );
    }
    let table = tables::table("Responses", &["Status", "Meaning", "Body"], &rows);
    format!("{table}{}", headers_table(id, responses))
}

fn example_of(caption: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<h4>{}</h4>\n", Escaped(caption))
    };
    format!(
        "{caption}<pre tabindex=\"0\">{}</pre>\n",
        Escaped(text.trim_end())
    )
}

fn write_schemas(page: &mut String, document: &Value) {
    page.push_str("<h2 id=\"schemas\">Schemas</h2>\n<p>The schemas of requests and responses, and of their parts.</p>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let _ = write!(
            page,
            "<h3 id=\"schema-{name}\">{name}</h3>\n{about}",
            name = Escaped(name),
            about = prose(text_of(&schema["description"])),
        );
        page.push_str(&properties_table(&format!("Keys of {name}"), schema));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_text_of_the_document_is_escaped() {
        let nasty = "<script>\"'&";
        let document = json!({
            "info": {"title": nasty, "version": nasty, "summary": nasty, "description": nasty},
            "tags": [{"name": nasty, "description": nasty}],
            "paths": {nasty: {nasty: {
                "operationId": nasty, "tags": [nasty], "summary": nasty, "description": nasty,
                "security": [{nasty: []}],
                "parameters": [{
                    "name": nasty, "in": nasty, "description": nasty, "example": nasty,
                    "schema": {"type": nasty, "enum": [nasty], "pattern": nasty, "format": nasty},
                }],
                "requestBody": {"content": {nasty: {
                    "schema": {"$ref": format!("#/components/schemas/{nasty}")},
                    "examples": {nasty: {"summary": nasty, "value": nasty}},
                }}},
                "responses": {nasty: {
                    "description": nasty,
                    "headers": {nasty: {"description": nasty, "schema": {"type": nasty}}},
                    "content": {nasty: {
                        "schema": {"anyOf": [{"const": nasty}]},
                        "examples": {nasty: {"value": {nasty: nasty}}},
                    }},
                }},
            }}},
            "components": {
                "securitySchemes": {nasty: {"scheme": nasty, "description": nasty}},
                "schemas": {nasty: {
                    "description": nasty, "properties": {nasty: {"type": nasty, "description": nasty}},
                }},
            },
        });
        let page = to_html(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"'&"), "{page}");
    }

    #[test]
    fn every_link_leads_to_one_heading() {
        let page = to_html(crate::openapi_document());
        let targets: Vec<&str> = page
            .split("href=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(targets.len() > 100);
        for target in targets {
            assert_eq!(
                page.matches(&format!("id=\"{target}\"")).count(),
                1,
                "{target}"
            );
        }
        assert!(!page.contains("src=") && !page.contains("http-equiv"));
    }
}
