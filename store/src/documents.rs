//! Metadata of files that recipients download (`docs/spec/public-api.md` §9). Their contents are in the file
//! storage.
//!
//! A recipient follows a link and belongs to no service, so [`find`] takes the id alone; what is sealed in the row
//! opens only with the key in the link.

use std::collections::BTreeMap;

use domain::{DocumentId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
    stored_bytes::{self, Stored},
};

/// File that waits for its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Primary key.
    pub id: DocumentId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Name and access rules, sealed with the key in the link.
    pub sealed: Vec<u8>,
    /// Media type.
    pub mime_type: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Result of the virus scan: `clean`, or `not-scanned` where there is no scanner.
    pub scan: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it stops being available.
    pub expires_at: Timestamp,
}

const INSERT: &str = "INSERT INTO documents \
    (id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

// The id is a function of the job's row, so a row that is made again finds its own file; another service's is left
// alone.
const PUT: &str = "INSERT INTO documents \
    (id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (id) DO NOTHING";

const AGAIN: &str =
    "UPDATE documents SET sealed = $3, expires_at = $4 WHERE id = $1 AND service_id = $2";

/// Inserts the metadata of files.
pub async fn insert_many(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    for document in documents {
        put(tx, INSERT, document).await?;
    }
    count(tx, documents).await
}

/// Inserts the metadata of files that may exist already; an existing one gets the new expiry.
pub async fn upsert_many(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    let mut new = Vec::with_capacity(documents.len());
    for document in documents {
        if put(tx, PUT, document).await? {
            new.push(document);
            continue;
        }
        let sealed = document.sealed.clone();
        let (id, service, expires_at) = (document.id, document.service_id, document.expires_at);
        tx.execute(AGAIN, args![id, service, sealed, expires_at])
            .await?;
    }
    count(tx, new).await
}

/// Inserts a row. Returns whether it is new.
async fn put(tx: &mut Tx, statement: &'static str, document: &Document) -> Result<bool, Error> {
    let inserted = tx
        .execute(
            statement,
            args![
                document.id,
                document.service_id,
                document.sealed.clone(),
                &*document.mime_type,
                document.stored_bytes(),
                &*document.scan,
                document.created_at,
                document.expires_at,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Counts new files as stored, with one change for each service.
async fn count<'a>(
    tx: &mut Tx,
    documents: impl IntoIterator<Item = &'a Document>,
) -> Result<(), Error> {
    let mut bytes: BTreeMap<ServiceId, i64> = BTreeMap::new();
    for document in documents {
        *bytes.entry(document.service_id).or_default() += document.stored_bytes();
    }
    for (service, bytes) in bytes {
        stored_bytes::add(tx, service, Stored::Files, bytes).await?;
    }
    Ok(())
}

impl Document {
    /// Returns its size as both databases store it: a signed 64-bit integer.
    fn stored_bytes(&self) -> i64 {
        i64::try_from(self.size_bytes).unwrap_or(i64::MAX)
    }
}

/// Returns the file with this id unless it has expired.
pub async fn find(
    session: &mut Session,
    id: DocumentId,
    now: Timestamp,
) -> Result<Option<Document>, Error> {
    let row = session
        .fetch_optional(
            // Expired files are hidden at once; the nightly task deletes them later.
            "SELECT id, service_id, sealed, mime_type, size_bytes, scan, created_at, expires_at FROM documents \
             WHERE id = $1 AND expires_at > $2",
            args![id, now],
        )
        .await?;
    row.map(|row| parse_document(&row)).transpose()
}

fn parse_document(row: &Row) -> Result<Document, Error> {
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

/// Returns up to `count` files after `after` that have not expired, in the order of ids, each with its service.
pub async fn list_kept(
    session: &mut Session,
    now: Timestamp,
    after: uuid::Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, uuid::Uuid)>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, id FROM documents WHERE id > $1 AND expires_at > $2 ORDER BY id LIMIT $3",
            args![after, now, count],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Returns whether a service has this file, expired or not.
pub async fn exists(
    session: &mut Session,
    service: ServiceId,
    id: DocumentId,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT 1 AS one FROM documents WHERE id = $1 AND service_id = $2",
            args![id, service],
        )
        .await?;
    Ok(row.is_some())
}

/// Returns up to `count` expired files with their services, oldest first.
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

/// Deletes the metadata of files of a service; ids that do not exist are skipped.
pub async fn delete(tx: &mut Tx, service: ServiceId, ids: &[DocumentId]) -> Result<(), Error> {
    let mut bytes = 0;
    for id in ids {
        let deleted = tx
            .fetch_optional(
                "DELETE FROM documents WHERE service_id = $1 AND id = $2 RETURNING size_bytes",
                args![service, *id],
            )
            .await?;
        bytes += deleted.map_or(Ok(0), |row| row.get::<i64>("size_bytes"))?;
    }
    stored_bytes::add(tx, service, Stored::Files, -bytes).await
}
