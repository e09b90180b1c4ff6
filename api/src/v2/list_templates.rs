use app::accept::limits;
use app::manage::template_previews;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::Channel;
use http::StatusCode;
use serde_json::{Value, json};

use super::{get_template, query::Query};
use crate::{
    Api,
    auth::ServiceKey,
    json,
    problem::{Problem, display_value},
};

/// `GET /v2/templates` (`docs/spec/public-api.md` §17): all that are neither archived nor hidden.
pub(crate) async fn list_templates(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    limits::check_read_rate(&api.app, &caller)?;
    let wanted = wanted_channel(query.as_deref())?;
    let found = template_previews::list(&api.app, caller.tenant.service.id, wanted)
        .await
        .map_err(Problem::internal)?;
    let templates: Vec<Value> = found.iter().map(get_template::template_view).collect();
    Ok(json::response(
        StatusCode::OK,
        &json!({"templates": templates}),
    ))
}

/// Parses the query; of several types the first counts.
fn wanted_channel(text: Option<&str>) -> Result<Option<Channel>, Problem> {
    let query = Query::parse(text);
    let wanted = query.first("type");
    let channel: Option<Channel> = wanted.and_then(|text| text.parse().ok());
    let mut errors = Vec::new();
    if let (Some(wanted), None) = (wanted, channel) {
        errors.push(format!(
            "type {} is not one of [sms, email, letter]",
            display_value(&Value::from(wanted))
        ));
    }
    query.check(&["type"], errors)?;
    Ok(channel)
}
