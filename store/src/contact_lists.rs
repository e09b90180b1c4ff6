//! Contact lists: spreadsheets that a service keeps to send to again. What people call contacts lies in `files`.

use domain::{Channel, ContactListId, ServiceId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A contact list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactList {
    /// Which.
    pub id: ContactListId,
    /// Whose.
    pub service_id: ServiceId,
    /// What its owner calls the file.
    pub original_file_name: String,
    /// What can be sent to it.
    pub template_type: Channel,
    /// What reading its rows needs to know of the whole file, as JSON.
    pub layout: String,
    /// How many rows it has.
    pub row_count: u32,
    /// Who uploaded it.
    pub created_by: Option<UserId>,
    /// When that was.
    pub created_at: Timestamp,
    /// Its file has been removed, and nothing is sent to it any more.
    pub archived: bool,
}

const COLUMNS: &str = "id, service_id, original_file_name, template_type, layout, row_count, created_by, created_at, \
                       archived";

/// Keeps a new list.
pub async fn insert(tx: &mut Tx, list: &ContactList) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO contact_lists ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ),
        args![
            list.id,
            list.service_id,
            &*list.original_file_name,
            list.template_type,
            &*list.layout,
            list.row_count,
            list.created_by,
            list.created_at,
            list.archived,
        ],
    )
    .await?;
    Ok(())
}

/// A list of a service, archived or not.
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
    row.as_ref().map(contact_list).transpose()
}

/// The lists of a service that are not archived, newest first.
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
        .map(contact_list)
        .collect()
}

/// Lists that are not archived, in the order of ids, after `after`, at most `count`; of one service or of all.
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
        .map(contact_list)
        .collect()
}

/// Marks that the file of a list has been removed; whether it was not marked before.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: ContactListId) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE contact_lists SET archived = $3 WHERE service_id = $1 AND id = $2 AND archived = $4",
            args![service, id, true, false],
        )
        .await?;
    Ok(touched == 1)
}

fn contact_list(row: &Row) -> Result<ContactList, Error> {
    Ok(ContactList {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        original_file_name: row.get("original_file_name")?,
        template_type: row.word("contact_lists", "template_type")?,
        layout: row.get("layout")?,
        row_count: row.count("contact_lists", "row_count")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        archived: row.get("archived")?,
    })
}
