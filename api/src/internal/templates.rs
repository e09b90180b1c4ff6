use app::templates::{self, NewTemplate, Template, TemplateError};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{Channel, Lane};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, invalid, read};
use crate::{Api, answer, callers::Internal, problem::Problem};

fn problem(error: TemplateError) -> Problem {
    match error {
        TemplateError::NoSuch(_) => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        TemplateError::Invalid(why) => invalid(why.to_owned()),
        TemplateError::Overtaken => Problem::old(StatusCode::CONFLICT, error.to_string()),
        TemplateError::Store(error) => Problem::fault_old(error),
    }
}

fn shown(template: &Template) -> Value {
    json!({
        "id": template.id,
        "service": template.service_id,
        "template_type": template.template_type,
        "name": template.name,
        "subject": template.subject,
        "content": template.content,
        "version": template.version,
        "archived": template.archived,
        "process_type": template.lane,
        "created_at": template.created_at,
    })
}

#[derive(Debug, Deserialize)]
struct Write {
    template_type: Channel,
    name: String,
    subject: Option<String>,
    content: String,
    process_type: Option<Lane>,
}

impl From<Write> for NewTemplate {
    fn from(write: Write) -> Self {
        Self {
            template_type: write.template_type,
            name: write.name,
            subject: write.subject,
            content: write.content,
            lane: write.process_type,
            created_by: None,
        }
    }
}

/// `GET /service/<id>/template`
pub(crate) async fn list_templates(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = templates::list(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    let data: Vec<Value> = found.iter().map(shown).collect();
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

/// `GET /service/<id>/template/<template>`
pub(crate) async fn get_template(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = templates::find(&api.app, id(&service)?, id(&template)?)
        .await
        .map_err(Problem::fault_old)?;
    let found = found.ok_or_else(Problem::old_not_found)?;
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": shown(&found.template)}),
    ))
}

/// `POST /service/<id>/template`
pub(crate) async fn create_template(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let write: Write = read(body).await?;
    let template = templates::create(&api.app, id(&service)?, write.into())
        .await
        .map_err(problem)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({"data": shown(&template)}),
    ))
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Change {
    Archive { archived: bool },
    Write(Box<Write>),
}

/// `POST /service/<id>/template/<template>`: the next version, or `{"archived": true}`.
pub(crate) async fn update_template(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, template) = (id(&service)?, id(&template)?);
    match read(body).await? {
        Change::Archive { archived: true } => {
            templates::archive(&api.app, service, template)
                .await
                .map_err(problem)?;
            Ok(answer::json(
                StatusCode::OK,
                &json!({"data": {"id": template, "archived": true}}),
            ))
        }
        Change::Archive { archived: false } => {
            Err(invalid("an archived template stays archived".to_owned()))
        }
        Change::Write(write) => {
            let after = templates::update(&api.app, service, template, (*write).into())
                .await
                .map_err(problem)?;
            Ok(answer::json(
                StatusCode::OK,
                &json!({"data": shown(&after)}),
            ))
        }
    }
}
