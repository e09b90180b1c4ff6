//! PDFs that are appended to the letters of templates. Their pages are in the file storage.

use domain::{ServiceId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
    stored_bytes::{self, Stored},
};

/// Pages that templates append to their letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterAttachment {
    /// Primary key.
    pub id: Uuid,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Name of the file that was uploaded.
    pub original_filename: String,
    /// Number of pages.
    pub page_count: u32,
    /// Bytes of the stored file.
    pub bytes: i64,
    /// User who uploaded it.
    pub created_by: Option<UserId>,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

const COLUMNS: &str =
    "id, service_id, original_filename, page_count, bytes, created_by, created_at";

/// Inserts an attachment. It is never deleted: letters of earlier versions of a template have it.
pub async fn insert(tx: &mut Tx, attachment: &LetterAttachment) -> Result<(), Error> {
    tx.execute(
        format!("INSERT INTO letter_attachments ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
        args![
            attachment.id,
            attachment.service_id,
            &*attachment.original_filename,
            attachment.page_count,
            attachment.bytes,
            attachment.created_by,
            attachment.created_at,
        ],
    )
    .await?;
    stored_bytes::add(tx, attachment.service_id, Stored::Files, attachment.bytes).await
}

/// Returns an attachment of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: Uuid,
) -> Result<Option<LetterAttachment>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM letter_attachments WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse).transpose()
}

/// Returns the attachments of a service, newest first.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<LetterAttachment>, Error> {
    let rows = session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM letter_attachments WHERE service_id = $1 ORDER BY created_at DESC, id"
            ),
            args![service],
        )
        .await?;
    rows.iter().map(parse).collect()
}

/// Returns up to `count` attachments after `after` in the order of ids, each with its service.
pub async fn list_kept(
    session: &mut Session,
    after: Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, Uuid)>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, id FROM letter_attachments WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

fn parse(row: &Row) -> Result<LetterAttachment, Error> {
    Ok(LetterAttachment {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        original_filename: row.get("original_filename")?,
        page_count: row.get_u32("letter_attachments", "page_count")?,
        bytes: row.get("bytes")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
    })
}
