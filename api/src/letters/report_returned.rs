use app::letters;
use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    Api,
    body_limit::{self, RequestBody},
    json,
    problem::{Problem, display_value},
};

/// `POST /letters/returned` (`docs/spec/public-api.md` §23): a task marks the letters later, in batches.
pub(crate) async fn report_returned(
    State(api): State<Api>,
    body: RequestBody,
) -> Result<Response, Problem> {
    // Whatever the content type: without one the reference fails with a 500 (`docs/spec/public-api.md` §25).
    let body = json::parse_v2(&body_limit::read_body(body).await?)?;
    let references = check(&body)?;
    letters::report_returned(&api.app, &references)
        .await
        .map_err(Problem::internal)?;
    Ok(json::response(
        StatusCode::OK,
        &json!({"references": references}),
    ))
}

/// Returns the references, or all their errors.
fn check(body: &Value) -> Result<Vec<String>, Problem> {
    let wrong = |text: String| Err(Problem::validation(vec![text]));
    if !body.is_object() {
        return wrong(format!("{} is not of type object", display_value(body)));
    }
    match body.get("references") {
        None => wrong("references is a required property".to_owned()),
        Some(Value::Array(items)) if items.is_empty() => {
            wrong("references [] should be non-empty".to_owned())
        }
        Some(Value::Array(items)) => check_each(items),
        Some(other) => wrong(format!(
            "references {} is not of type array",
            display_value(other)
        )),
    }
}

fn check_each(items: &[Value]) -> Result<Vec<String>, Problem> {
    let (mut references, mut errors) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item.as_str() {
            Some(text) if is_reference(text) => references.push(text.to_owned()),
            Some(_) => errors.push(format!(
                "references {} does not match ^[0-9A-Z]{{16}}$",
                display_value(item)
            )),
            None => errors.push(format!(
                "references {} is not of type string",
                display_value(item)
            )),
        }
    }
    if errors.is_empty() {
        Ok(references)
    } else {
        Err(Problem::validation(errors))
    }
}

fn is_reference(text: &str) -> bool {
    text.len() == 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}
