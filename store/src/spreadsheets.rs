//! Uploaded spreadsheets: what the validation learnt about each file (`docs/spec/workers.md` §4.3). The file itself
//! is in the file storage.

use domain::{JobId, ServiceId, TemplateId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, Table, args, columns},
    stored_bytes::{self, Stored},
};

/// Uploaded spreadsheet. Its id becomes that of the job created from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spreadsheet {
    /// Id; also that of its job.
    pub id: JobId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Template that it was validated against.
    pub template_id: TemplateId,
    /// Name of the uploaded file.
    pub original_file_name: String,
    /// Number of rows.
    pub notification_count: u32,
    /// Whether every row can be sent.
    pub valid: bool,
    /// Chosen reply-to address or text message sender.
    pub sender_id: Option<Uuid>,
    /// What reading its rows requires to know about the whole file, as JSON.
    pub layout: String,
    /// Secret that, with the keyring, determines the download links of its rows; empty once no more rows are made.
    pub link_secret: Vec<u8>,
    /// Bytes of the file; 0 once it has been deleted.
    pub size_bytes: i64,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, service_id, template_id, original_file_name, notification_count, valid, sender_id, layout, \
                       link_secret, size_bytes, created_at";

static TABLE: Table<Spreadsheet> = Table::new(
    "spreadsheets",
    columns![sheet =>
        id: Id = sheet.id,
        service_id: Id = sheet.service_id,
        template_id: Id = sheet.template_id,
        original_file_name: Text = &*sheet.original_file_name,
        notification_count: Int = sheet.notification_count,
        valid: Bool = sheet.valid,
        sender_id: Id = sheet.sender_id,
        layout: Text = &*sheet.layout,
        link_secret: Bytes = sheet.link_secret.clone(),
        size_bytes: Int = sheet.size_bytes,
        created_at: Time = sheet.created_at,
    ],
);

/// Inserts what was learnt about an uploaded file.
pub async fn insert(tx: &mut Tx, sheet: &Spreadsheet) -> Result<(), Error> {
    tx.insert_row(&TABLE, sheet).await?;
    stored_bytes::add(tx, sheet.service_id, Stored::Files, sheet.size_bytes).await
}

/// Returns an uploaded file of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: JobId,
) -> Result<Option<Spreadsheet>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM spreadsheets WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_spreadsheet).transpose()
}

fn parse_spreadsheet(row: &Row) -> Result<Spreadsheet, Error> {
    Ok(Spreadsheet {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_id: row.get("template_id")?,
        original_file_name: row.get("original_file_name")?,
        notification_count: row.get_u32("spreadsheets", "notification_count")?,
        valid: row.get("valid")?,
        sender_id: row.get("sender_id")?,
        layout: row.get("layout")?,
        link_secret: row.get("link_secret")?,
        size_bytes: row.get("size_bytes")?,
        created_at: row.get("created_at")?,
    })
}

/// Returns up to `count` files after `after` that have not been deleted, in the order of ids; of one service or of
/// all.
pub async fn list_kept(
    session: &mut Session,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<Spreadsheet>, Error> {
    let mut args = args![after, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $3"
    });
    let sql = format!(
        // A file without a job has not been deleted either.
        "SELECT {COLUMNS} FROM spreadsheets WHERE id > $1{of_one} \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = spreadsheets.id AND archived) ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(parse_spreadsheet)
        .collect()
}

/// Returns up to `count` files uploaded before `before` that no job was created from, oldest first.
pub async fn list_unused(
    session: &mut Session,
    before: Timestamp,
    count: u32,
) -> Result<Vec<(ServiceId, JobId)>, Error> {
    session
        .fetch_all(
            "SELECT service_id, id FROM spreadsheets WHERE created_at < $1 \
             AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = spreadsheets.id) ORDER BY created_at LIMIT $2",
            args![before, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Records that the file has been deleted: it takes no storage, and without the link secret no more rows are made from
/// it.
pub async fn record_deletion(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    uncount(tx, service, id).await?;
    tx.execute(
        "UPDATE spreadsheets SET link_secret = $3, size_bytes = 0 WHERE service_id = $1 AND id = $2",
        args![service, id, Vec::<u8>::new()],
    )
    .await?;
    Ok(())
}

/// Subtracts the file from what its service stores.
async fn uncount(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    let row = tx
        .fetch_optional(
            "SELECT size_bytes FROM spreadsheets WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    let bytes = row.map_or(Ok(0), |row| row.get::<i64>("size_bytes"))?;
    stored_bytes::add(tx, service, Stored::Files, -bytes).await
}

/// Deletes the record of an uploaded file.
pub async fn delete(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    uncount(tx, service, id).await?;
    tx.execute(
        "DELETE FROM spreadsheets WHERE service_id = $1 AND id = $2",
        args![service, id],
    )
    .await?;
    Ok(())
}
