//! Contact lists: spreadsheets that a service stores to send to again. The rows themselves are in the file storage.

use domain::{Channel, ContactListId, ServiceId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, Table, args, columns},
    stored_bytes::{self, Stored},
};

/// Spreadsheet of recipients that a service stores for later jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactList {
    /// Primary key.
    pub id: ContactListId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Name of the uploaded file.
    pub original_file_name: String,
    /// Channel that can be sent to it.
    pub template_type: Channel,
    /// What reading its rows requires to know about the whole file, as JSON.
    pub layout: String,
    /// Number of rows.
    pub row_count: u32,
    /// Bytes of the file.
    pub size_bytes: i64,
    /// User who uploaded it.
    pub created_by: Option<UserId>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// Whether its file has been deleted; nothing can be sent to it any more.
    pub archived: bool,
}

const COLUMNS: &str = "id, service_id, original_file_name, template_type, layout, row_count, created_by, created_at, \
                       archived, size_bytes";

static TABLE: Table<ContactList> = Table::new(
    "contact_lists",
    columns![list =>
        id: Id = list.id,
        service_id: Id = list.service_id,
        original_file_name: Text = &*list.original_file_name,
        template_type: Text = list.template_type,
        layout: Text = &*list.layout,
        row_count: Int = list.row_count,
        created_by: Id = list.created_by,
        created_at: Time = list.created_at,
        archived: Bool = list.archived,
        size_bytes: Int = list.size_bytes,
    ],
);

/// Inserts a list.
pub async fn insert(tx: &mut Tx, list: &ContactList) -> Result<(), Error> {
    tx.insert_row(&TABLE, list).await?;
    stored_bytes::add(tx, list.service_id, Stored::Files, list.size_bytes).await
}

/// Returns a list of a service, archived or not.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: ContactListId,
) -> Result<Option<ContactList>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM contact_lists WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_contact_list).transpose()
}

/// Returns the lists of a service that are not archived, newest first.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<ContactList>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM contact_lists WHERE service_id = $1 AND archived = $2 \
                 ORDER BY created_at DESC, id DESC"
            ),
            args![service, false],
        )
        .await?
        .iter()
        .map(parse_contact_list)
        .collect()
}

/// Returns up to `count` lists after `after` that are not archived, in the order of ids; of one service or of all.
pub async fn list_kept(
    session: &mut Session,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<ContactList>, Error> {
    let mut args = args![after, count, false];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM contact_lists WHERE id > $1 AND archived = $3{of_one} ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(parse_contact_list)
        .collect()
}

/// Records that the file of a list has been deleted. Returns whether it was not recorded before.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: ContactListId) -> Result<bool, Error> {
    let archived = tx
        .fetch_optional(
            "UPDATE contact_lists SET archived = $3 WHERE service_id = $1 AND id = $2 AND archived = $4 \
             RETURNING size_bytes",
            args![service, id, true, false],
        )
        .await?;
    let Some(row) = archived else {
        return Ok(false);
    };
    let bytes: i64 = row.get("size_bytes")?;
    stored_bytes::add(tx, service, Stored::Files, -bytes).await?;
    Ok(true)
}

fn parse_contact_list(row: &Row) -> Result<ContactList, Error> {
    Ok(ContactList {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        original_file_name: row.get("original_file_name")?,
        template_type: row.parse("contact_lists", "template_type")?,
        layout: row.get("layout")?,
        row_count: row.get_u32("contact_lists", "row_count")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        archived: row.get("archived")?,
        size_bytes: row.get("size_bytes")?,
    })
}
