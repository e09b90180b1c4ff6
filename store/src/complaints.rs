//! Complaints of recipients about e-mails, as their mail providers report them.

use domain::{NotificationId, Private, ServiceId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Keyring, Session, Tx,
    db::{Arg, Row, args, parameters},
};

/// Complaint about an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Primary key; a function of the feedback id.
    pub id: Uuid,
    /// E-mail that the recipient complained about.
    pub notification_id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Id that the provider gave the complaint.
    pub feedback_id: Option<String>,
    /// Type of the complaint, such as `abuse`.
    pub complaint_type: Option<String>,
    /// When the recipient complained, according to the provider.
    pub complained_at: Option<Timestamp>,
    /// Address that complained, as the provider reports it.
    pub to: Option<Private<String>>,
    /// When it was recorded.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, notification_id, service_id, feedback_id, complaint_type, complained_at, sealed, created_at";

impl Complaint {
    /// Returns the id of a complaint. A notice that is delivered again gets the same one, so that it is stored once.
    pub fn id_for(notification: NotificationId, feedback_id: Option<&str>) -> Uuid {
        match feedback_id {
            Some(feedback) => Uuid::new_v5(&Uuid::nil(), feedback.as_bytes()),
            None => Uuid::new_v5(&notification.as_uuid(), b"complaint"),
        }
    }
}

/// Inserts a complaint unless it is stored already. Returns whether it was new.
pub async fn insert(tx: &mut Tx, keyring: &Keyring, complaint: &Complaint) -> Result<bool, Error> {
    let to = complaint.to.as_ref();
    let sealed = to.map_or_else(Vec::new, |to| {
        keyring.seal(complaint.id.as_bytes(), to.reveal().as_bytes())
    });
    let changed = tx
        .execute(
            format!(
                "INSERT INTO complaints ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"
            ),
            args![
                complaint.id,
                complaint.notification_id,
                complaint.service_id,
                complaint.feedback_id.as_deref(),
                complaint.complaint_type.as_deref(),
                complaint.complained_at,
                sealed,
                complaint.created_at,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns up to `count` complaints after `after` in the order of ids, each with its address; of one service or of all.
pub async fn list_addresses(
    session: &mut Session,
    keyring: &Keyring,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<Complaint>, Error> {
    let mut args = args![after, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $3"
    });
    let sql =
        format!("SELECT {COLUMNS} FROM complaints WHERE id > $1{of_one} ORDER BY id LIMIT $2");
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(|row| parse(row, keyring)).collect()
}

/// Removes the address from a complaint. Returns whether it had one.
pub async fn erase(tx: &mut Tx, id: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE complaints SET sealed = $2 WHERE id = $1 AND sealed <> $2";
    Ok(tx.execute(sql, args![id, Vec::new()]).await? == 1)
}

/// Re-encrypts with the primary key up to `count` complaints after `after`. Returns how many, and the last one read.
pub async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, keyring, "complaints", after, count).await
}

/// Returns up to `count` complaints about a service, newest first.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    count: u32,
) -> Result<Vec<Complaint>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM complaints WHERE service_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
    );
    let rows = session.fetch_all(sql, args![service, count]).await?;
    rows.iter().map(|row| parse(row, keyring)).collect()
}

/// Returns those of these complaints that are about a service.
pub async fn list_by_id(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    ids: &[Uuid],
) -> Result<Vec<Complaint>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = args![service];
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    let sql = format!("SELECT {COLUMNS} FROM complaints WHERE service_id = $1 AND id IN ({list})");
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(|row| parse(row, keyring)).collect()
}

fn parse(row: &Row, keyring: &Keyring) -> Result<Complaint, Error> {
    let id: Uuid = row.get("id")?;
    let sealed: Vec<u8> = row.get("sealed")?;
    let to = if sealed.is_empty() {
        None
    } else {
        let plain = keyring.open(id.as_bytes(), &sealed)?;
        Some(String::from_utf8_lossy(&plain).into_owned().into())
    };
    Ok(Complaint {
        id,
        notification_id: row.get("notification_id")?,
        service_id: row.get("service_id")?,
        feedback_id: row.get("feedback_id")?,
        complaint_type: row.get("complaint_type")?,
        complained_at: row.get("complained_at")?,
        to,
        created_at: row.get("created_at")?,
    })
}
