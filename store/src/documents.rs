//! Files that recipients download: what is known of each (`docs/spec/public-api.md` §9). The bytes lie in `files`.
//!
//! A recipient comes with a link and belongs to no service, so [`find`] takes the id alone; what is sealed in the row
//! opens only with the key in the link.

use domain::{DocumentId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A file that waits for its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub id: DocumentId,
    /// Whose.
    pub service_id: ServiceId,
    /// Its name and who may open it, sealed with the key in the link.
    pub sealed: Vec<u8>,
    /// What it is.
    pub mime_type: String,
    /// How large it is.
    pub size_bytes: u64,
    /// What the virus scanner said: `clean`, or `not-scanned` where there is none.
    pub scan: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
}

const INSERT: &str = "INSERT INTO documents \
    (id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const PUT: &str = "INSERT INTO documents \
    (id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at \
    WHERE documents.service_id = excluded.service_id";

/// Keeps what is known of files.
pub async fn insert_many(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    put(tx, INSERT, documents).await
}

/// The same for files that may be there already: they are kept for as long as they are now to be.
pub async fn upsert_many(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    put(tx, PUT, documents).await
}

async fn put(tx: &mut Tx, statement: &'static str, documents: &[Document]) -> Result<(), Error> {
    for document in documents {
        tx.execute(
            statement,
            args![
                document.id,
                document.service_id,
                document.sealed.clone(),
                &*document.mime_type,
                i64::try_from(document.size_bytes).unwrap_or(i64::MAX),
                &*document.scan,
                document.created_at,
                document.expires_at,
            ],
        )
        .await?;
    }
    Ok(())
}

/// The file of a link, unless its time is over.
pub async fn find(
    session: &mut Session,
    id: DocumentId,
    now: Timestamp,
) -> Result<Option<Document>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at FROM documents \
             WHERE id = $1 AND expires_at > $2",
            args![id, now],
        )
        .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<Document, Error> {
    Ok(Document {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        sealed: row.get("sealed")?,
        mime_type: row.get("mime_type")?,
        size_bytes: row.get::<i64>("size_bytes")?.unsigned_abs(),
        scan: row.get("scan")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Files whose time is over, the oldest first, at most `count`: of whom, and which.
pub async fn list_expired(
    session: &mut Session,
    now: Timestamp,
    count: u32,
) -> Result<Vec<(ServiceId, DocumentId)>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, id FROM documents WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2",
            args![now, count],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Forgets files of a service; those that are not there are passed over.
pub async fn delete(tx: &mut Tx, service: ServiceId, ids: &[DocumentId]) -> Result<(), Error> {
    for id in ids {
        tx.execute(
            "DELETE FROM documents WHERE service_id = $1 AND id = $2",
            args![service, *id],
        )
        .await?;
    }
    Ok(())
}
