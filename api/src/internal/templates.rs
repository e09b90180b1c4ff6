use app::{
    foreign_files::DrawError,
    letters::{TemplatePreviewError, draw_template_page},
    manage::folders,
    manage::templates::{self, NewTemplate, Template, TemplateError, TemplateOptions},
};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{FolderId, ServiceId, TemplateId};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids, Ids3},
    invalid, listed, ok,
};
use crate::{Api, problem::Problem};

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::NoSuch(_) => Self::legacy_not_found(),
            TemplateError::Admin(error) => error.into(),
            TemplateError::Invalid(why) => invalid(why.to_owned()),
            TemplateError::Content(why) => invalid(why),
            TemplateError::Conflict => Self::legacy(StatusCode::CONFLICT, error.to_string()),
            TemplateError::Store(error) => Self::legacy_internal(error),
        }
    }
}

fn template_view(template: &Template) -> Value {
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
        "has_unsubscribe_link": template.has_unsubscribe_link,
        "postage": template.postage,
        "reply_to": template.letter_contact_id,
        "reply_to_text": template.letter_contact_block,
        "letter_attachment_id": template.letter_attachment_id,
        "letter_callbacks": template.letter_callbacks,
        "letter_welsh_subject": template.welsh_subject,
        "letter_welsh_content": template.welsh_content,
    })
}

/// Reads the options of a template; its text is read after them.
fn read_options(fields: &mut Fields) -> TemplateOptions {
    TemplateOptions {
        has_unsubscribe_link: fields.optional("has_unsubscribe_link"),
        postage: fields.optional("postage"),
        letter_contact_id: fields.patch("reply_to"),
        letter_attachment_id: fields.patch("letter_attachment_id"),
        letter_callbacks: fields.patch("letter_callbacks"),
        welsh_subject: fields.patch("letter_welsh_subject"),
        welsh_content: fields.patch("letter_welsh_content"),
    }
}

fn read_template(mut fields: Fields) -> Result<NewTemplate, Problem> {
    let (name, content) = (fields.or_default("name"), fields.or_default("content"));
    let (subject, lane) = (fields.optional("subject"), fields.optional("process_type"));
    let created_by = fields.optional("created_by");
    let template_type = fields.required("template_type")?;
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = templates::list(&api.app, service).await?;
    // One query for all of them, not one for each template.
    let placed = folders::list_template_folders(&api.app, service)
        .await
        .map_err(Problem::legacy_internal)?;
    Ok(listed(&found, |one| in_folder(one, placed.get(&one.id))))
}

/// Returns a template with its folder.
fn in_folder(template: &Template, folder: Option<&FolderId>) -> Value {
    let mut value = template_view(template);
    value["folder"] = json!(folder);
    value
}

async fn with_folder(api: &Api, template: &Template) -> Result<Value, Problem> {
    let placed = folders::list_template_folders(&api.app, template.service_id)
        .await
        .map_err(Problem::legacy_internal)?;
    Ok(in_folder(template, placed.get(&template.id)))
}

/// `GET /service/<id>/template/<template>`
pub(crate) async fn get_template(
    State(api): State<Api>,
    Ids(service, template): Ids<ServiceId, TemplateId>,
) -> Result<Response, Problem> {
    let found = templates::find(&api.app, service, template)
        .await
        .map_err(Problem::legacy_internal)?;
    let found = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(ok(&with_folder(&api, &found.template).await?))
}

/// `GET /service/<id>/template/<id>/page/<number>`: a picture of a page of a letter template, as PNG.
pub(crate) async fn get_template_page(
    State(api): State<Api>,
    Ids3(service, template, number): Ids3<ServiceId, TemplateId, usize>,
) -> Result<Response, Problem> {
    let drawn = draw_template_page(&api.app, service, template, number).await;
    let picture = drawn.map_err(|error| match error {
        TemplatePreviewError::Draw(DrawError::TooMany) => Problem::too_many_bodies().into_legacy(),
        error => Problem::legacy_internal(error),
    })?;
    let picture = picture.ok_or_else(Problem::legacy_not_found)?;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("image/png"))];
    Ok((kind, picture).into_response())
}

/// `GET /service/<id>/template/<template>/version/<n>`
pub(crate) async fn get_template_version(
    State(api): State<Api>,
    Ids3(service, template, version): Ids3<ServiceId, TemplateId, u32>,
) -> Result<Response, Problem> {
    let found = templates::find_version(&api.app, service, template, version)
        .await
        .map_err(Problem::legacy_internal)?;
    let found = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(ok(&template_view(&found.template)))
}

/// `GET /service/<id>/template/<template>/versions`: newest first.
pub(crate) async fn list_template_versions(
    State(api): State<Api>,
    Ids(service, template): Ids<ServiceId, TemplateId>,
) -> Result<Response, Problem> {
    let found = templates::list_versions(&api.app, service, template).await?;
    Ok(listed(&found, template_view))
}

/// `POST /service/<id>/template`
pub(crate) async fn create_template(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    // Read before the rest: `read_template` consumes the fields and reports the errors of all.
    let folder: Option<FolderId> = fields.optional("parent_folder_id");
    let options = read_options(&mut fields);
    let new = read_template(fields)?;
    let template = templates::create_with_options(&api.app, service, new, options, folder).await?;
    Ok(created(&with_warnings(
        in_folder(&template, folder.as_ref()),
        &template,
    )))
}

/// `POST /service/<id>/template/<template>`: creates a version, or archives the template with `{"archived": true}`.
pub(crate) async fn update_template(
    State(api): State<Api>,
    Ids(service, template): Ids<ServiceId, TemplateId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    match fields.optional("archived") {
        Some(true) => {
            templates::archive(&api.app, service, template).await?;
            Ok(ok(&json!({"id": template, "archived": true})))
        }
        Some(false) => Err(invalid("an archived template stays archived".to_owned())),
        None => {
            let options = read_options(&mut fields);
            let new = read_template(fields)?;
            let after =
                templates::update_with_options(&api.app, service, template, new, options).await?;
            Ok(ok(&with_warnings(with_folder(&api, &after).await?, &after)))
        }
    }
}

/// Adds warnings about the content, if there are any.
fn with_warnings(mut value: Value, template: &Template) -> Value {
    let warnings = templates::warnings(template);
    if !warnings.is_empty() {
        value["warnings"] = json!(warnings);
    }
    value
}
