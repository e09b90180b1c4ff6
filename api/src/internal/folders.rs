use app::manage::folders::{self, Folder, MoveRequest};
use axum::{extract::State, response::Response};
use domain::{FolderId, ServiceId};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, no_content, ok,
};
use crate::{Api, problem::Problem};

fn folder_view(service: ServiceId, folder: &Folder) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = folders::list(&api.app, service).await?;
    Ok(listed(&found, |one| folder_view(service, one)))
}

/// `POST /service/<id>/template-folder`
pub(crate) async fn create_template_folder(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let name: String = fields.or_default("name");
    let parent = fields.optional("parent_id");
    fields.finish()?;
    let made = folders::create(&api.app, service, &name, parent).await?;
    Ok(created(&folder_view(service, &made)))
}

/// `POST /service/<id>/template-folder/<folder>`: renames a folder.
pub(crate) async fn rename_template_folder(
    State(api): State<Api>,
    Ids(service, folder): Ids<ServiceId, FolderId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let name: String = fields.or_default("name");
    fields.finish()?;
    let after = folders::rename(&api.app, service, folder, &name).await?;
    Ok(ok(&folder_view(service, &after)))
}

/// `DELETE /service/<id>/template-folder/<folder>`
pub(crate) async fn delete_template_folder(
    State(api): State<Api>,
    Ids(service, folder): Ids<ServiceId, FolderId>,
) -> Result<Response, Problem> {
    folders::delete(&api.app, service, folder).await?;
    Ok(no_content())
}

/// `POST /service/<id>/template-folder/contents`: moves folders and templates to the top level.
pub(crate) async fn move_out_of_folders(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    fields: Fields,
) -> Result<Response, Problem> {
    move_to(&api, service, None, fields).await
}

/// `POST /service/<id>/template-folder/<folder>/contents`: moves folders and templates into a folder.
pub(crate) async fn move_to_folder(
    State(api): State<Api>,
    Ids(service, folder): Ids<ServiceId, FolderId>,
    fields: Fields,
) -> Result<Response, Problem> {
    move_to(&api, service, Some(folder), fields).await
}

async fn move_to(
    api: &Api,
    service: ServiceId,
    into: Option<FolderId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let request = MoveRequest {
        into,
        // Both are required, so that a misspelt key is an error and not a move of nothing.
        folders: fields.or_default("folders"),
        templates: fields.or_default("templates"),
    };
    fields.finish()?;
    folders::move_contents(&api.app, service, &request).await?;
    Ok(no_content())
}
