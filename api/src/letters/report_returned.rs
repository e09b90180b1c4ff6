use app::letters;
use axum::{body::Body, extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{Api, answer, callers::InternalV2, problem::Problem, v2::shown};

/// `POST /letters/returned` (`docs/spec/public-api.md` §23): what came back is marked later, in portions.
pub(crate) async fn report_returned(
    State(api): State<Api>,
    _: InternalV2,
    body: Body,
) -> Result<Response, Problem> {
    let body = answer::parse_v2(&answer::read_body(body).await?)?;
    let references = check(&body)?;
    letters::report_returned(&api.app, &references)
        .await
        .map_err(Problem::fault)?;
    Ok(answer::json(
        StatusCode::OK,
        &json!({"references": references}),
    ))
}

/// The references, or all that is wrong with them.
fn check(body: &Value) -> Result<Vec<String>, Problem> {
    let wrong = |text: String| Err(Problem::validation(vec![text]));
    if !body.is_object() {
        return wrong(format!("{} is not of type object", shown(body)));
    }
    match body.get("references") {
        None => wrong("references is a required property".to_owned()),
        Some(Value::Array(items)) if items.is_empty() => {
            wrong("references [] should be non-empty".to_owned())
        }
        Some(Value::Array(items)) => check_each(items),
        Some(other) => wrong(format!("references {} is not of type array", shown(other))),
    }
}

fn check_each(items: &[Value]) -> Result<Vec<String>, Problem> {
    let (mut references, mut errors) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item.as_str() {
            Some(text) if is_reference(text) => references.push(text.to_owned()),
            Some(_) => errors.push(format!(
                "references {} does not match ^[0-9A-Z]{{16}}$",
                shown(item)
            )),
            None => errors.push(format!("references {} is not of type string", shown(item))),
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
