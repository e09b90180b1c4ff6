//! Files attached to an e-mail template, which are sent with every message rendered from it
//! (`docs/spec/public-api.md` §9.3). Their contents are in the file storage.

use domain::{ServiceId, TemplateFileId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::args,
    stored_bytes::{self, Stored},
};

/// File of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Primary key.
    pub id: TemplateFileId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Template that it is attached to.
    pub template_id: TemplateId,
    /// Name; also the placeholder that its link replaces.
    pub file_name: String,
    /// Text of the link; without one, the URL itself is shown.
    pub link_text: Option<String>,
    /// Weeks for which each recipient may download it.
    pub retention_weeks: u32,
    /// Whether the recipient must confirm the e-mail address first.
    pub confirm_email: bool,
    /// Bytes of its contents.
    pub size_bytes: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Adds a file to a template.
pub async fn insert(tx: &mut Tx, file: &TemplateFile) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO template_files (id, service_id, template_id, file_name, link_text, retention_weeks, \
         confirm_email, archived, created_at, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            file.id,
            file.service_id,
            file.template_id,
            &*file.file_name,
            file.link_text.as_deref(),
            file.retention_weeks,
            file.confirm_email,
            false,
            file.created_at,
            file.size_bytes,
        ],
    )
    .await?;
    // Its contents stay when it is archived, for the rows of jobs.
    stored_bytes::add(tx, file.service_id, Stored::Files, file.size_bytes).await
}

/// Returns the files of a template in the order in which they were added.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    template: TemplateId,
) -> Result<Vec<TemplateFile>, Error> {
    let rows = session
        .fetch_all(
            "SELECT id, service_id, template_id, file_name, link_text, retention_weeks, confirm_email, size_bytes, created_at \
             FROM template_files WHERE service_id = $1 AND template_id = $2 AND archived = $3 \
             ORDER BY created_at, id",
            args![service, template, false],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TemplateFile {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                template_id: row.get("template_id")?,
                file_name: row.get("file_name")?,
                link_text: row.get("link_text")?,
                retention_weeks: row.get_u32("template_files", "retention_weeks")?,
                confirm_email: row.get("confirm_email")?,
                size_bytes: row.get("size_bytes")?,
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

/// Returns up to `count` files after `after` in the order of ids, archived or not, each with its service.
pub async fn list_kept(
    session: &mut Session,
    after: uuid::Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, TemplateFileId)>, Error> {
    session
        .fetch_all(
            "SELECT service_id, id FROM template_files WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Removes a file from a template; existing messages keep theirs. Returns false if the template has no such file.
pub async fn archive(
    tx: &mut Tx,
    service: ServiceId,
    template: TemplateId,
    id: TemplateFileId,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE template_files SET archived = $4 \
             WHERE service_id = $1 AND template_id = $2 AND id = $3 AND archived = $5",
            args![service, template, id, true, false],
        )
        .await?;
    Ok(changed == 1)
}
