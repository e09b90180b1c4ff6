//! Template folders. They form a tree: no folder can be inside itself.

use std::collections::BTreeMap;

use domain::{FolderId, ServiceId, TemplateId};
use store::Tx;
pub use store::folders::Folder;

use crate::{
    AdminError, App,
    manage::{admin_error::valid_name, services},
};

const NOT_FOUND: AdminError = AdminError::NoSuch("folder");

/// Lists the folders of a service, ordered by name.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<Folder>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::folders::list(&mut session, service).await?)
}

/// Returns the folder of each template that is in one.
pub async fn list_template_folders(
    app: &App,
    service: ServiceId,
) -> Result<BTreeMap<TemplateId, FolderId>, store::Error> {
    store::folders::list_template_folders(&mut app.read().await?, service).await
}

/// Creates a folder.
pub async fn create(
    app: &App,
    service: ServiceId,
    name: &str,
    parent: Option<FolderId>,
) -> Result<Folder, AdminError> {
    let now = app.clock.now();
    let folder = Folder {
        id: FolderId::generate(now, app.random()),
        name: valid_name(name)?,
        parent_id: parent,
        created_at: now,
    };
    let mut tx = services::lock(app, service).await?;
    check_exists(&mut tx, service, "parent_id", parent).await?;
    store::folders::insert(&mut tx, service, &folder).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(folder)
}

/// Renames a folder.
pub async fn rename(
    app: &App,
    service: ServiceId,
    id: FolderId,
    name: &str,
) -> Result<Folder, AdminError> {
    let name = valid_name(name)?;
    let mut tx = services::lock(app, service).await?;
    if !store::folders::rename(&mut tx, service, id, &name).await? {
        return Err(NOT_FOUND);
    }
    let folders = store::folders::list(&mut tx, service).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    folders
        .into_iter()
        .find(|one| one.id == id)
        .ok_or(NOT_FOUND)
}

/// Deletes an empty folder.
pub async fn delete(app: &App, service: ServiceId, id: FolderId) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    // Its templates would be in no folder that anyone can open.
    if store::folders::has_contents(&mut tx, service, id).await? {
        return Err(AdminError::rejected("Folder is not empty"));
    }
    if !store::folders::delete(&mut tx, service, id).await? {
        return Err(NOT_FOUND);
    }
    services::commit_and_invalidate(app, tx, service).await
}

/// Folders and templates to move.
#[derive(Debug, Clone, Default)]
pub struct MoveRequest {
    /// The target folder; the top level if absent.
    pub into: Option<FolderId>,
    /// The folders to move, with their contents.
    pub folders: Vec<FolderId>,
    /// The templates to move.
    pub templates: Vec<TemplateId>,
}

/// Moves folders and templates: all of them, or none.
pub async fn move_contents(
    app: &App,
    service: ServiceId,
    request: &MoveRequest,
) -> Result<(), AdminError> {
    // Without the lock, two concurrent moves could put two folders into each other.
    let mut tx = services::lock(app, service).await?;
    let parents = parents(&mut tx, service).await?;
    if request
        .into
        .is_some_and(|into| !parents.contains_key(&into))
    {
        return Err(NOT_FOUND);
    }
    for folder in &request.folders {
        check_move(&parents, service, *folder, request.into)?;
        store::folders::move_folder(&mut tx, service, *folder, request.into).await?;
    }
    for template in &request.templates {
        // The update names the service, so a template of another service is not found.
        if !store::folders::move_template(&mut tx, service, *template, request.into).await? {
            return Err(AdminError::rejected(format!(
                "Could not move to folder: No template found with id {template} for service {service}"
            )));
        }
    }
    services::commit_and_invalidate(app, tx, service).await
}

type Parents = BTreeMap<FolderId, Option<FolderId>>;

async fn parents(tx: &mut Tx, service: ServiceId) -> Result<Parents, AdminError> {
    let folders = store::folders::list(tx, service).await?;
    Ok(folders
        .into_iter()
        .map(|one| (one.id, one.parent_id))
        .collect())
}

fn check_move(
    parents: &Parents,
    service: ServiceId,
    folder: FolderId,
    into: Option<FolderId>,
) -> Result<(), AdminError> {
    if !parents.contains_key(&folder) {
        return Err(AdminError::rejected(format!(
            "No folder found with id {folder} for service {service}"
        )));
    }
    if into == Some(folder) {
        return Err(AdminError::rejected("You cannot move a folder to itself"));
    }
    // Walk up from the target: if the folder is one of its ancestors, the move would create a cycle.
    let mut above = into;
    while let Some(id) = above {
        if id == folder {
            return Err(AdminError::rejected(
                "You cannot move a folder to one of its subfolders",
            ));
        }
        above = parents.get(&id).copied().flatten();
    }
    Ok(())
}

/// Fails if `id` is given and the service has no such folder; `field` names the field in the error.
pub(crate) async fn check_exists(
    tx: &mut Tx,
    service: ServiceId,
    field: &'static str,
    id: Option<FolderId>,
) -> Result<(), AdminError> {
    match id {
        Some(id) if !parents(tx, service).await?.contains_key(&id) => {
            Err(AdminError::field(field, format!("{field} not found")))
        }
        _ => Ok(()),
    }
}
