use app::manage::template_previews;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::Channel;
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    get_template,
    schema::{shown, unexpected},
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// `GET /v2/templates` (`docs/spec/public-api.md` §17): without archived and hidden ones.
pub(crate) async fn list_templates(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let wanted = read_query(query.as_deref().unwrap_or_default())?;
    let found = template_previews::list(&api.app, caller.tenant.service.id, wanted)
        .await
        .map_err(Problem::fault)?;
    let templates: Vec<Value> = found.iter().map(get_template::shown).collect();
    Ok(answer::json(
        StatusCode::OK,
        &json!({"templates": templates}),
    ))
}

/// The type that is wanted, the first if there are several; there are no other keys.
fn read_query(text: &str) -> Result<Option<Channel>, Problem> {
    let mut wanted: Option<String> = None;
    let mut unknown = Vec::new();
    for (key, value) in form_urlencoded::parse(text.as_bytes()) {
        if key == "type" {
            wanted.get_or_insert_with(|| value.into_owned());
        } else if !unknown.contains(&key) {
            unknown.push(key);
        }
    }
    let mut errors = Vec::new();
    let channel = wanted.as_deref().map(str::parse);
    if let (Some(wanted), Some(Err(_))) = (&wanted, &channel) {
        errors.push(format!(
            "type {} is not one of [sms, email, letter]",
            shown(&Value::from(wanted.as_str()))
        ));
    }
    unknown.sort();
    let names: Vec<String> = unknown
        .iter()
        .map(|key| shown(&Value::from(key.as_ref())))
        .collect();
    errors.extend(unexpected(&names));
    if errors.is_empty() {
        Ok(channel.and_then(Result::ok))
    } else {
        Err(Problem::validation(errors))
    }
}
