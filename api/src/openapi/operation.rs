//! Builds one operation of the OpenAPI document.

use std::{borrow::Cow, collections::BTreeMap};

use axum::response::IntoResponse as _;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::requests::reference;
use crate::problem::Problem;

const JSON: &str = "application/json";

/// The documentation of an operation. Its method, path and authentication come from the route.
pub(crate) struct Operation {
    id: Option<Cow<'static, str>>,
    pub(super) tag: &'static str,
    title: &'static str,
    description: Option<&'static str>,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: BTreeMap<u16, Response>,
    /// Responses to a whole class of statuses, such as `4XX`.
    classes: Map<String, Value>,
}

/// A response: media types with their schemas and examples, headers, and links.
#[derive(Default)]
struct Response {
    description: Option<&'static str>,
    contents: BTreeMap<&'static str, Content>,
    headers: Map<String, Value>,
    links: Map<String, Value>,
}

#[derive(Default)]
struct Content {
    schemas: Vec<Value>,
    examples: Map<String, Value>,
}

impl Operation {
    pub(super) fn new(tag: &'static str, title: &'static str) -> Self {
        Self {
            id: None,
            tag,
            title,
            description: None,
            parameters: Vec::new(),
            body: None,
            responses: BTreeMap::new(),
            classes: Map::new(),
        }
    }

    /// Sets the operation id, for handlers of several routes; by default it is the name of the handler.
    pub(super) fn id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(super) fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Adds a path parameter with an example.
    pub(super) fn path(
        self,
        name: &str,
        about: &str,
        schema: Value,
        example: impl Into<Value>,
    ) -> Self {
        self.parameter(json!({
            "name": name, "in": "path", "required": true, "description": about, "schema": schema,
            "example": example.into(),
        }))
    }

    /// Adds an optional query parameter.
    pub(super) fn query(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter(json!({"name": name, "in": "query", "description": about, "schema": schema}))
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Sets a JSON body with examples; a story sends each of them.
    pub(super) fn body(self, schema: Value, examples: &[(&str, &str, Value)]) -> Self {
        self.body_of(JSON, schema, examples)
    }

    /// Sets a form as the body.
    pub(super) fn form(self, schema: Value, examples: &[(&str, &str, Value)]) -> Self {
        self.body_of("application/x-www-form-urlencoded", schema, examples)
    }

    fn body_of(
        mut self,
        media_type: &str,
        schema: Value,
        examples: &[(&str, &str, Value)],
    ) -> Self {
        let examples: Map<String, Value> = examples
            .iter()
            .map(|(name, about, value)| {
                (
                    (*name).to_owned(),
                    json!({"summary": about, "value": value}),
                )
            })
            .collect();
        self.body = Some(json!({
            "required": true,
            "content": {media_type: {"schema": schema, "examples": examples}},
        }));
        self
    }

    /// Makes the body optional.
    pub(super) fn body_is_optional(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body["required"] = false.into();
        }
        self
    }

    /// Adds a successful response in JSON.
    pub(super) fn responds(
        self,
        status: u16,
        about: &'static str,
        schema: &str,
        example: Value,
    ) -> Self {
        self.responds_with(status, about, JSON, reference(schema), Some(example))
    }

    /// Adds a response of another media type.
    pub(super) fn responds_with(
        mut self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
        schema: Value,
        example: Option<Value>,
    ) -> Self {
        let response = self.responses.entry(status).or_default();
        response.description.get_or_insert(about);
        let content = response.contents.entry(media_type).or_default();
        // A status can be described by several calls; each schema is listed once.
        if !content.schemas.contains(&schema) {
            content.schemas.push(schema);
        }
        if let Some(example) = example {
            let name = format!("example_{}", content.examples.len() + 1);
            content.examples.insert(
                // The first has no number, because most responses have only one.
                name.replace("example_1", "example"),
                json!({"value": example}),
            );
        }
        self
    }

    /// Adds a response without a body.
    pub(super) fn responds_empty(mut self, status: u16, about: &'static str) -> Self {
        self.responses.entry(status).or_default().description = Some(about);
        self
    }

    /// Adds a header that a response may have.
    pub(super) fn with_header(
        mut self,
        status: u16,
        name: &str,
        about: &str,
        schema: Value,
    ) -> Self {
        let response = self.responses.entry(status).or_default();
        let header = json!({"description": about, "schema": schema});
        response.headers.insert(name.to_owned(), header);
        self
    }

    /// Adds the response to a class of statuses, such as `4XX`.
    pub(super) fn class_of_responses(
        mut self,
        class: &str,
        description: &str,
        schema: Value,
    ) -> Self {
        let response = json!({"description": description, "content": {JSON: {"schema": schema}}});
        self.classes.insert(class.to_owned(), response);
        self
    }

    /// Links the id of a response to an operation.
    pub(super) fn links_to(mut self, status: u16, operation: &str) -> Self {
        let response = self.responses.entry(status).or_default();
        let link = json!({"operationId": operation, "parameters": {"id": "$response.body#/id"}});
        response.links.insert(operation.to_owned(), link);
        self
    }

    /// Adds errors. Each gives its status, shape and headers, and is the example.
    pub(super) fn fails_with(
        mut self,
        problems: impl IntoIterator<Item = (&'static str, Problem)>,
    ) -> Self {
        for (name, problem) in problems {
            let response = self.responses.entry(problem.status().as_u16()).or_default();
            let content = response.contents.entry(JSON).or_default();
            let schema = reference(if problem.is_v2() {
                "Errors"
            } else {
                "LegacyError"
            });
            if !content.schemas.contains(&schema) {
                content.schemas.push(schema);
            }
            content
                .examples
                .insert(name.to_owned(), json!({"value": problem.body()}));
            response
                .headers
                // Read from the real response, so that a header cannot be forgotten here.
                .extend(described(problem.into_response().headers()));
        }
        self
    }

    /// Returns the operation id, given the name of the handler.
    pub(super) fn id_or<'a>(&'a self, handler: &'a str) -> &'a str {
        self.id.as_deref().unwrap_or(handler)
    }

    pub(super) fn to_json(&self, id: &str, security: Value) -> Value {
        let mut written = json!({
            "operationId": id,
            "tags": [self.tag],
            "summary": self.title,
        });
        if let Some(description) = self.description {
            written["description"] = description.into();
        }
        written["security"] = security;
        if !self.parameters.is_empty() {
            written["parameters"] = self.parameters.clone().into();
        }
        if let Some(body) = &self.body {
            written["requestBody"] = body.clone();
        }
        let mut responses: Map<String, Value> = self
            .responses
            .iter()
            .map(|(status, response)| (status.to_string(), response.to_json(*status)))
            .collect();
        responses.extend(self.classes.clone());
        written["responses"] = responses.into();
        written
    }
}

impl Response {
    fn to_json(&self, status: u16) -> Value {
        let description = self.description.unwrap_or_else(|| meaning(status));
        let mut written = json!({"description": description});
        if !self.headers.is_empty() {
            written["headers"] = self.headers.clone().into();
        }
        for (media_type, content) in &self.contents {
            let schema = match &*content.schemas {
                [one] => one.clone(),
                // `anyOf` and not `oneOf`: a value may fit both shapes.
                several => json!({"anyOf": several}),
            };
            let mut content = json!({"schema": schema, "examples": content.examples});
            if content["examples"] == json!({}) {
                content
                    .as_object_mut()
                    .map(|content| content.remove("examples"));
            }
            written["content"][*media_type] = content;
        }
        if !self.links.is_empty() {
            written["links"] = self.links.clone().into();
        }
        written
    }
}

/// Returns the description of a status that operations have in common.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is invalid: correct it before you retry",
        401 => "The request has no valid credentials",
        403 => "The caller is not allowed to do this",
        404 => "There is no such resource, or it belongs to another service",
        409 => "The state of the resource does not allow this",
        413 => "The body is too large",
        416 => "The file does not have this range",
        422 => "The `Idempotency-Key` was used for another request",
        429 => "A limit is exceeded: retry later",
        500 => "Internal error: retry, and report it if it persists",
        503 => "The platform is overloaded or a dependency is unavailable: retry in a moment",
        504 => "The request took too long: retry",
        _ => "See the example",
    }
}

/// Returns the documented headers of an error.
fn described(headers: &HeaderMap) -> impl Iterator<Item = (String, Value)> {
    let about = [
        (
            header::RETRY_AFTER.as_str(),
            "Retry-After",
            "Seconds to wait before a retry",
            json!({"type": "integer", "minimum": 0}),
        ),
        (
            "ratelimit-policy",
            "RateLimit-Policy",
            "The exceeded limit: its name, its quota (`q`) and its window in seconds (`w`)",
            json!({"type": "string"}),
        ),
        (
            "ratelimit",
            "RateLimit",
            "The quota that is left (`r`) and the seconds until it is reset (`t`)",
            json!({"type": "string"}),
        ),
        (
            header::WWW_AUTHENTICATE.as_str(),
            "WWW-Authenticate",
            "The authentication scheme",
            json!({"type": "string"}),
        ),
    ];
    let there: Vec<(String, Value)> = about
        .into_iter()
        .filter(|(key, ..)| headers.contains_key(*key))
        .map(|(_, name, about, schema)| {
            (
                name.to_owned(),
                json!({"description": about, "schema": schema}),
            )
        })
        .collect();
    there.into_iter()
}
