//! Folders of templates, and which template lies in which.

use std::collections::BTreeMap;

use domain::{FolderId, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Which.
    pub id: FolderId,
    /// What people call it.
    pub name: String,
    /// The folder that it lies in, if it lies in one.
    pub parent_id: Option<FolderId>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keeps a new folder.
pub async fn insert(tx: &mut Tx, service: ServiceId, folder: &Folder) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO template_folders (id, service_id, parent_id, name, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![folder.id, service, folder.parent_id, &*folder.name, folder.created_at],
    )
    .await?;
    Ok(())
}

/// Names a folder anew; whether there is one.
pub async fn rename(
    tx: &mut Tx,
    service: ServiceId,
    id: FolderId,
    name: &str,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE template_folders SET name = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, name],
        )
        .await?;
    Ok(touched == 1)
}

/// Puts a folder into another, or beside the outermost; whether there is one.
pub async fn move_folder(
    tx: &mut Tx,
    service: ServiceId,
    id: FolderId,
    into: Option<FolderId>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE template_folders SET parent_id = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, into],
        )
        .await?;
    Ok(touched == 1)
}

/// Puts a template into a folder, or into none; whether there is one.
pub async fn move_template(
    tx: &mut Tx,
    service: ServiceId,
    id: TemplateId,
    into: Option<FolderId>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE templates SET folder_id = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, into],
        )
        .await?;
    Ok(touched == 1)
}

/// Removes a folder; whether there was one. Archived templates that lay in it lie in none.
pub async fn delete(tx: &mut Tx, service: ServiceId, id: FolderId) -> Result<bool, Error> {
    tx.execute(
        "UPDATE templates SET folder_id = NULL WHERE service_id = $1 AND folder_id = $2 AND archived",
        args![service, id],
    )
    .await?;
    let touched = tx
        .execute(
            "DELETE FROM template_folders WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    Ok(touched == 1)
}

/// Whether a folder holds another, or a template that is not archived.
pub async fn has_contents(
    session: &mut Session,
    service: ServiceId,
    id: FolderId,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM template_folders WHERE service_id = $1 AND parent_id = $2 UNION ALL \
             SELECT id FROM templates WHERE service_id = $1 AND folder_id = $2 AND NOT archived LIMIT 1",
            args![service, id],
        )
        .await?;
    Ok(row.is_some())
}

/// The folders of a service, by name.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Folder>, Error> {
    session
        .fetch_all(
            "SELECT id, name, parent_id, created_at FROM template_folders WHERE service_id = $1 ORDER BY name, id",
            args![service],
        )
        .await?
        .iter()
        .map(folder)
        .collect()
}

/// The templates of a service that lie in a folder, with the folder.
pub async fn list_template_folders(
    session: &mut Session,
    service: ServiceId,
) -> Result<BTreeMap<TemplateId, FolderId>, Error> {
    session
        .fetch_all(
            "SELECT id, folder_id FROM templates WHERE service_id = $1 AND folder_id IS NOT NULL",
            args![service],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("folder_id")?)))
        .collect()
}

fn folder(row: &Row) -> Result<Folder, Error> {
    Ok(Folder {
        id: row.get("id")?,
        name: row.get("name")?,
        parent_id: row.get("parent_id")?,
        created_at: row.get("created_at")?,
    })
}
