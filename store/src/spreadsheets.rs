//! Uploaded spreadsheets: what the check learnt about each file (`docs/spec/workers.md` §4.3). The file itself lies in
//! `files`.

use domain::{JobId, ServiceId, TemplateId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// An uploaded spreadsheet. Its id becomes that of the job made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spreadsheet {
    /// Which; also the job's id.
    pub id: JobId,
    /// Whose.
    pub service_id: ServiceId,
    /// The template it was checked against.
    pub template_id: TemplateId,
    /// What its owner calls it.
    pub original_file_name: String,
    /// How many rows it has.
    pub notification_count: u32,
    /// Every row may be sent.
    pub valid: bool,
    /// The reply-to address or text message sender that was chosen.
    pub sender_id: Option<Uuid>,
    /// What reading its rows needs to know of the whole file, as JSON.
    pub layout: String,
    /// What the links to files of its rows are made of, together with the keyring; empty once its rows are removed.
    pub link_secret: Vec<u8>,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// Keeps what was learnt about an uploaded file.
pub async fn insert(tx: &mut Tx, sheet: &Spreadsheet) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO spreadsheets (id, service_id, template_id, original_file_name, notification_count, valid, \
         sender_id, layout, link_secret, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            sheet.id,
            sheet.service_id,
            sheet.template_id,
            &*sheet.original_file_name,
            sheet.notification_count,
            sheet.valid,
            sheet.sender_id,
            &*sheet.layout,
            sheet.link_secret.clone(),
            sheet.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// The uploaded file with this id, of this service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: JobId,
) -> Result<Option<Spreadsheet>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id, service_id, template_id, original_file_name, notification_count, valid, sender_id, layout, \
             link_secret, created_at FROM spreadsheets WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    row.as_ref().map(spreadsheet).transpose()
}

fn spreadsheet(row: &Row) -> Result<Spreadsheet, Error> {
    Ok(Spreadsheet {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_id: row.get("template_id")?,
        original_file_name: row.get("original_file_name")?,
        notification_count: row.count("spreadsheets", "notification_count")?,
        valid: row.get("valid")?,
        sender_id: row.get("sender_id")?,
        layout: row.get("layout")?,
        link_secret: row.get("link_secret")?,
        created_at: row.get("created_at")?,
    })
}

/// Uploaded files that are still there, in the order of ids, after `after`, at most `count`; of one service or of all.
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
        "SELECT id, service_id, template_id, original_file_name, notification_count, valid, sender_id, layout, \
         link_secret, created_at FROM spreadsheets WHERE id > $1{of_one} \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = spreadsheets.id AND archived) ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(spreadsheet)
        .collect()
}

/// Uploaded files from before `before` of which no job was made, oldest first, at most `count`.
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

/// Forgets what the links to files of its rows were made of: no row is made of it any more.
pub async fn clear_link_secret(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE spreadsheets SET link_secret = $3 WHERE service_id = $1 AND id = $2",
        args![service, id, Vec::<u8>::new()],
    )
    .await?;
    Ok(())
}

/// Forgets an uploaded file.
pub async fn delete(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM spreadsheets WHERE service_id = $1 AND id = $2",
        args![service, id],
    )
    .await?;
    Ok(())
}
