//! Files that belong to an e-mail template and go with every message made from it (`docs/spec/public-api.md` §9.3). The
//! bytes lie in `files`.

use domain::{ServiceId, TemplateFileId, TemplateId, Timestamp};

use crate::{Error, Session, Tx, db::args};

/// A file of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Which.
    pub id: TemplateFileId,
    /// Whose.
    pub service_id: ServiceId,
    /// The template it belongs to.
    pub template_id: TemplateId,
    /// Its name: the placeholder that its link takes.
    pub file_name: String,
    /// What the link says; without it, the link itself is shown.
    pub link_text: Option<String>,
    /// For how many weeks each recipient may download it.
    pub retention_weeks: u32,
    /// Whether the recipient must confirm the address first.
    pub confirm_email: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Adds a file to a template.
pub async fn insert(tx: &mut Tx, file: &TemplateFile) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO template_files (id, service_id, template_id, file_name, link_text, retention_weeks, \
         confirm_email, archived, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
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
        ],
    )
    .await?;
    Ok(())
}

/// The files of a template of a service, in the order in which they were added.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    template: TemplateId,
) -> Result<Vec<TemplateFile>, Error> {
    let rows = session
        .fetch_all(
            "SELECT id, service_id, template_id, file_name, link_text, retention_weeks, confirm_email, created_at \
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
                retention_weeks: row.count("template_files", "retention_weeks")?,
                confirm_email: row.get("confirm_email")?,
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

/// Files of templates, taken from them or not, in the order of ids, after `after`, at most `count`: of whom, and which.
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

/// Takes a file from a template; messages that exist keep theirs. False if the template has no such file.
pub async fn archive(
    tx: &mut Tx,
    service: ServiceId,
    template: TemplateId,
    id: TemplateFileId,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE template_files SET archived = $4 \
             WHERE service_id = $1 AND template_id = $2 AND id = $3 AND archived = $5",
            args![service, template, id, true, false],
        )
        .await?;
    Ok(touched == 1)
}
