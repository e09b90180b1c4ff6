//! Logos at the head of letters, one for each service that has one. The pictures are in the file storage.

use domain::{ServiceId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
    stored_bytes::{self, Stored},
};

/// The logo of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterLogo {
    /// Id of the picture, another one for each that is set.
    pub id: Uuid,
    /// Service whose letters have it.
    pub service_id: ServiceId,
    /// Name of the file that was uploaded.
    pub original_filename: String,
    /// What it is called for those who do not see it.
    pub description: String,
    /// Bytes of the picture.
    pub bytes: i64,
    /// User who set it.
    pub created_by: Option<UserId>,
    /// When it was set.
    pub created_at: Timestamp,
}

const COLUMNS: &str =
    "service_id, id, original_filename, description, bytes, created_by, created_at";

/// Sets the logo of a service and returns the one that it replaces. Others that set one at the same time wait.
pub async fn set(tx: &mut Tx, logo: &LetterLogo) -> Result<Option<LetterLogo>, Error> {
    let before = remove(tx, logo.service_id).await?;
    tx.execute(
        format!("INSERT INTO letter_logos ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
        args![
            logo.service_id,
            logo.id,
            &*logo.original_filename,
            &*logo.description,
            logo.bytes,
            logo.created_by,
            logo.created_at,
        ],
    )
    .await?;
    stored_bytes::add(tx, logo.service_id, Stored::Files, logo.bytes).await?;
    Ok(before)
}

/// Removes the logo of a service and returns it.
pub async fn remove(tx: &mut Tx, service: ServiceId) -> Result<Option<LetterLogo>, Error> {
    let before = find(tx, service).await?;
    if let Some(before) = &before {
        tx.execute(
            "DELETE FROM letter_logos WHERE service_id = $1",
            args![service],
        )
        .await?;
        stored_bytes::add(tx, service, Stored::Files, -before.bytes).await?;
    }
    Ok(before)
}

/// Returns the logo of a service.
pub async fn find(session: &mut Session, service: ServiceId) -> Result<Option<LetterLogo>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM letter_logos WHERE service_id = $1"),
            args![service],
        )
        .await?;
    row.as_ref().map(parse).transpose()
}

/// Returns up to `count` logos after `after` in the order of their ids, each with its service.
pub async fn list_kept(
    session: &mut Session,
    after: Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, Uuid)>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, id FROM letter_logos WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

fn parse(row: &Row) -> Result<LetterLogo, Error> {
    Ok(LetterLogo {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        original_filename: row.get("original_filename")?,
        description: row.get("description")?,
        bytes: row.get("bytes")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
    })
}
