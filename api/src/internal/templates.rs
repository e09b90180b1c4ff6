use app::{
    manage::folders,
    manage::templates::{self, NewTemplate, Template, TemplateError},
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{FolderId, ServiceId, TemplateId};
use http::StatusCode;
use serde_json::{Value, json};

use super::{created, fields::Fields, id, invalid, listed, ok};
use crate::{Api, callers::Internal, problem::Problem};

fn problem(error: TemplateError) -> Problem {
    match error {
        TemplateError::NoSuch(_) => Problem::old_not_found(),
        TemplateError::Around(error) => super::problem(error),
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

fn written(mut fields: Fields) -> Result<NewTemplate, Problem> {
    let (name, content) = (fields.need("name"), fields.need("content"));
    let (subject, lane) = (fields.may("subject"), fields.may("process_type"));
    let created_by = fields.may("created_by");
    let template_type = fields.must("template_type")?;
    fields.finish()?;
    Ok(NewTemplate {
        template_type,
        name,
        subject,
        content,
        lane,
        created_by,
    })
}

/// `GET /service/<id>/template`
pub(crate) async fn list_templates(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = templates::list(&api.app, service).await.map_err(problem)?;
    let placed = folders::list_placed(&api.app, service)
        .await
        .map_err(Problem::fault_old)?;
    Ok(listed(&found, |one| in_folder(one, placed.get(&one.id))))
}

/// A template with the folder in which it lies.
fn in_folder(template: &Template, folder: Option<&FolderId>) -> Value {
    let mut value = shown(template);
    value["folder"] = json!(folder);
    value
}

async fn with_folder(api: &Api, template: &Template) -> Result<Value, Problem> {
    let placed = folders::list_placed(&api.app, template.service_id)
        .await
        .map_err(Problem::fault_old)?;
    Ok(in_folder(template, placed.get(&template.id)))
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
    Ok(ok(&with_folder(&api, &found.template).await?))
}

/// `GET /service/<id>/template/<template>/version/<n>`
pub(crate) async fn get_template_version(
    State(api): State<Api>,
    _: Internal,
    Path((service, template, version)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (service, template): (ServiceId, TemplateId) = (id(&service)?, id(&template)?);
    let found = templates::find_version(&api.app, service, template, id(&version)?)
        .await
        .map_err(Problem::fault_old)?;
    let found = found.ok_or_else(Problem::old_not_found)?;
    Ok(ok(&shown(&found.template)))
}

/// `GET /service/<id>/template/<template>/versions`: newest first.
pub(crate) async fn list_template_versions(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = templates::list_versions(&api.app, id(&service)?, id(&template)?)
        .await
        .map_err(problem)?;
    Ok(listed(&found, shown))
}

/// `POST /service/<id>/template`
pub(crate) async fn create_template(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let folder: Option<FolderId> = fields.may("parent_folder_id");
    let template = templates::create_in_folder(&api.app, service, written(fields)?, folder)
        .await
        .map_err(problem)?;
    Ok(created(&in_folder(&template, folder.as_ref())))
}

/// `POST /service/<id>/template/<template>`: the next version, or `{"archived": true}`.
pub(crate) async fn update_template(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, template) = (id(&service)?, id(&template)?);
    let mut fields = Fields::read(body).await?;
    match fields.may("archived") {
        Some(true) => {
            templates::archive(&api.app, service, template)
                .await
                .map_err(problem)?;
            Ok(ok(&json!({"id": template, "archived": true})))
        }
        Some(false) => Err(invalid("an archived template stays archived".to_owned())),
        None => {
            let after = templates::update(&api.app, service, template, written(fields)?)
                .await
                .map_err(problem)?;
            Ok(ok(&with_folder(&api, &after).await?))
        }
    }
}
