//! One operation of the document, put together piece by piece.

use std::collections::BTreeMap;

use axum::response::IntoResponse as _;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::shapes::reference;
use crate::problem::Problem;

const JSON: &str = "application/json";

/// A method and a path, with all that is said of them.
pub(super) struct Operation {
    pub(super) route: (&'static str, &'static str),
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    summary: &'static str,
    about: Option<&'static str>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Answer>,
}

/// What is said of a status: the media types with their schemas and examples, the headers, and where to go on.
#[derive(Default)]
struct Answer {
    about: Option<&'static str>,
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
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            route: (method, path),
            id,
            tag,
            summary,
            about: None,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
        }
    }

    /// More than fits in the summary.
    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// A part of the path, with an example.
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

    /// A key of the query that may be left out.
    pub(super) fn query(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter(json!({"name": name, "in": "query", "description": about, "schema": schema}))
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// A JSON body with examples, each of which can be sent.
    pub(super) fn body(self, schema: Value, examples: &[(&str, &str, Value)]) -> Self {
        self.body_of(JSON, schema, examples)
    }

    /// A body that is a form.
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

    /// The body may be left out.
    pub(super) fn body_is_optional(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body["required"] = false.into();
        }
        self
    }

    /// A good answer in JSON.
    pub(super) fn answers(
        self,
        status: u16,
        about: &'static str,
        schema: &str,
        example: Value,
    ) -> Self {
        self.answers_of(status, about, JSON, reference(schema), Some(example))
    }

    /// An answer of another type.
    pub(super) fn answers_of(
        mut self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
        schema: Value,
        example: Option<Value>,
    ) -> Self {
        let answer = self.answers.entry(status).or_default();
        answer.about.get_or_insert(about);
        let content = answer.contents.entry(media_type).or_default();
        if !content.schemas.contains(&schema) {
            content.schemas.push(schema);
        }
        if let Some(example) = example {
            let name = format!("example_{}", content.examples.len() + 1);
            content.examples.insert(
                name.replace("example_1", "example"),
                json!({"value": example}),
            );
        }
        self
    }

    /// An answer without a body.
    pub(super) fn answers_nothing(mut self, status: u16, about: &'static str) -> Self {
        self.answers.entry(status).or_default().about = Some(about);
        self
    }

    /// A header that an answer may carry.
    pub(super) fn with_header(
        mut self,
        status: u16,
        name: &str,
        about: &str,
        schema: Value,
    ) -> Self {
        let answer = self.answers.entry(status).or_default();
        let header = json!({"description": about, "schema": schema});
        answer.headers.insert(name.to_owned(), header);
        self
    }

    /// Where the id of an answer leads.
    pub(super) fn leads_to(mut self, status: u16, operation: &str) -> Self {
        let answer = self.answers.entry(status).or_default();
        let link = json!({"operationId": operation, "parameters": {"id": "$response.body#/id"}});
        answer.links.insert(operation.to_owned(), link);
        self
    }

    /// Errors, each as it is answered: with its status, its shape, its headers, and itself as the example.
    pub(super) fn refuses(
        mut self,
        problems: impl IntoIterator<Item = (&'static str, Problem)>,
    ) -> Self {
        for (name, problem) in problems {
            let answer = self.answers.entry(problem.status().as_u16()).or_default();
            let content = answer.contents.entry(JSON).or_default();
            let schema = reference(if problem.is_v2() {
                "Errors"
            } else {
                "OldError"
            });
            if !content.schemas.contains(&schema) {
                content.schemas.push(schema);
            }
            content
                .examples
                .insert(name.to_owned(), json!({"value": problem.body()}));
            answer
                .headers
                .extend(described(problem.into_response().headers()));
        }
        self
    }

    pub(super) fn written(&self, security: Value) -> Value {
        let mut written = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
        });
        if let Some(about) = self.about {
            written["description"] = about.into();
        }
        written["security"] = security;
        if !self.parameters.is_empty() {
            written["parameters"] = self.parameters.clone().into();
        }
        if let Some(body) = &self.body {
            written["requestBody"] = body.clone();
        }
        let answers: Map<String, Value> = self
            .answers
            .iter()
            .map(|(status, answer)| (status.to_string(), answer.written(*status)))
            .collect();
        written["responses"] = answers.into();
        written
    }
}

impl Answer {
    fn written(&self, status: u16) -> Value {
        let about = self.about.unwrap_or_else(|| meaning(status));
        let mut written = json!({"description": about});
        if !self.headers.is_empty() {
            written["headers"] = self.headers.clone().into();
        }
        for (media_type, content) in &self.contents {
            let schema = match &*content.schemas {
                [one] => one.clone(),
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

/// What a status means wherever it is answered.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "Something is wrong with the request: change it before you make it again",
        401 => "The request does not say who makes it",
        403 => "Whoever makes the request may not",
        404 => "There is no such thing, or it is another service's",
        409 => "Not in this state",
        413 => "The body is too large",
        416 => "The file does not have these bytes",
        422 => "The `Idempotency-Key` was used for another request",
        429 => "A limit is reached: make the request again later",
        500 => "A fault of ours: make the request again, and tell us if it stays",
        503 => "Too much is going on: make the request again in a moment",
        504 => "It took too long: make the request again",
        _ => "As the example says",
    }
}

/// The headers that an error has and that say something.
fn described(headers: &HeaderMap) -> impl Iterator<Item = (String, Value)> {
    let about = [
        (
            header::RETRY_AFTER.as_str(),
            "Retry-After",
            "After how many seconds to make the request again",
            json!({"type": "integer", "minimum": 0}),
        ),
        (
            "ratelimit-policy",
            "RateLimit-Policy",
            "The limit that was met: its name, how many (`q`) in how many seconds (`w`)",
            json!({"type": "string"}),
        ),
        (
            "ratelimit",
            "RateLimit",
            "How many are left (`r`), and in how many seconds there are more (`t`)",
            json!({"type": "string"}),
        ),
        (
            header::WWW_AUTHENTICATE.as_str(),
            "WWW-Authenticate",
            "A scheme of authorisation",
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
