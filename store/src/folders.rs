//! Folders of templates, and which template is in which folder.

use std::collections::BTreeMap;

use domain::{FolderId, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// Folder that organises templates and other folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Primary key.
    pub id: FolderId,
    /// Name shown to people.
    pub name: String,
    /// Folder that contains it; `None` at the top level.
    pub parent_id: Option<FolderId>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Inserts a folder.
pub async fn insert(tx: &mut Tx, service: ServiceId, folder: &Folder) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO template_folders (id, service_id, parent_id, name, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![folder.id, service, folder.parent_id, &*folder.name, folder.created_at],
    )
    .await?;
    Ok(())
}

/// Renames a folder. Returns whether it exists.
pub async fn rename(
    tx: &mut Tx,
    service: ServiceId,
    id: FolderId,
    name: &str,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE template_folders SET name = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, name],
        )
        .await?;
    Ok(changed == 1)
}

/// Moves a folder into another, or to the top level. Returns whether it exists.
pub async fn move_folder(
    tx: &mut Tx,
    service: ServiceId,
    id: FolderId,
    into: Option<FolderId>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE template_folders SET parent_id = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, into],
        )
        .await?;
    Ok(changed == 1)
}

/// Moves a template into a folder, or to the top level. Returns whether it exists.
pub async fn move_template(
    tx: &mut Tx,
    service: ServiceId,
    id: TemplateId,
    into: Option<FolderId>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE templates SET folder_id = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, into],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes a folder and moves the archived templates in it to the top level. Returns whether it existed.
pub async fn delete(tx: &mut Tx, service: ServiceId, id: FolderId) -> Result<bool, Error> {
    tx.execute(
        // The caller has checked that no visible template is in the folder; archived ones must not point nowhere.
        "UPDATE templates SET folder_id = NULL WHERE service_id = $1 AND folder_id = $2 AND archived",
        args![service, id],
    )
    .await?;
    let changed = tx
        .execute(
            "DELETE FROM template_folders WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns whether a folder contains another folder or a template that is not archived.
pub async fn has_contents(
    session: &mut Session,
    service: ServiceId,
    id: FolderId,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            // One round trip answers both questions.
            "SELECT id FROM template_folders WHERE service_id = $1 AND parent_id = $2 UNION ALL \
             SELECT id FROM templates WHERE service_id = $1 AND folder_id = $2 AND NOT archived LIMIT 1",
            args![service, id],
        )
        .await?;
    Ok(row.is_some())
}

/// Returns the folders of a service by name.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Folder>, Error> {
    session
        .fetch_all(
            "SELECT id, name, parent_id, created_at FROM template_folders WHERE service_id = $1 ORDER BY name, id",
            args![service],
        )
        .await?
        .iter()
        .map(parse_folder)
        .collect()
}

/// Returns the folder of each template of a service that is in one.
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

fn parse_folder(row: &Row) -> Result<Folder, Error> {
    Ok(Folder {
        id: row.get("id")?,
        name: row.get("name")?,
        parent_id: row.get("parent_id")?,
        created_at: row.get("created_at")?,
    })
}
