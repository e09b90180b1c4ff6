use app::manage::folders::{self, Folder, Move};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{FolderId, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, no_content, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(service: ServiceId, folder: &Folder) -> Value {
    json!({
        "id": folder.id,
        "service_id": service,
        "name": folder.name,
        "parent_id": folder.parent_id,
        "created_at": folder.created_at,
    })
}

/// `GET /service/<id>/template-folder`
pub(crate) async fn list_template_folders(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = folders::list(&api.app, service).await.map_err(problem)?;
    Ok(listed(&found, |one| shown(service, one)))
}

/// `POST /service/<id>/template-folder`
pub(crate) async fn create_template_folder(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let name: String = fields.need("name");
    let parent = fields.may("parent_id");
    fields.finish()?;
    let made = folders::create(&api.app, service, &name, parent)
        .await
        .map_err(problem)?;
    Ok(created(&shown(service, &made)))
}

/// `POST /service/<id>/template-folder/<folder>`: another name.
pub(crate) async fn rename_template_folder(
    State(api): State<Api>,
    _: Internal,
    Path((service, folder)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, folder): (_, FolderId) = (id(&service)?, id(&folder)?);
    let mut fields = Fields::read(body).await?;
    let name: String = fields.need("name");
    fields.finish()?;
    let after = folders::rename(&api.app, service, folder, &name)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &after)))
}

/// `DELETE /service/<id>/template-folder/<folder>`
pub(crate) async fn delete_template_folder(
    State(api): State<Api>,
    _: Internal,
    Path((service, folder)): Path<(String, String)>,
) -> Result<Response, Problem> {
    folders::delete(&api.app, id(&service)?, id(&folder)?)
        .await
        .map_err(problem)?;
    Ok(no_content())
}

/// `POST /service/<id>/template-folder/contents`: moves out of all folders.
pub(crate) async fn move_out_of_folders(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    move_to(&api, id(&service)?, None, body).await
}

/// `POST /service/<id>/template-folder/<folder>/contents`: moves into a folder.
pub(crate) async fn move_to_folder(
    State(api): State<Api>,
    _: Internal,
    Path((service, folder)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    move_to(&api, id(&service)?, Some(id(&folder)?), body).await
}

async fn move_to(
    api: &Api,
    service: ServiceId,
    into: Option<FolderId>,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let order = Move {
        into,
        folders: fields.need("folders"),
        templates: fields.need("templates"),
    };
    fields.finish()?;
    folders::move_contents(&api.app, service, &order)
        .await
        .map_err(problem)?;
    Ok(no_content())
}
