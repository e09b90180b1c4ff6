//! What delivery receipts need to know of a notification: everything but its contents, which may be megabytes.

use domain::{Channel, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Session,
    db::{Arg, Row, parameters},
};

/// A stored notification without its contents.
#[derive(Debug, Clone)]
pub struct ReportedNotification {
    /// Primary key.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Type of the API key it was sent with.
    pub key_type: KeyType,
    /// Channel that it is sent through.
    pub channel: Channel,
    /// Current status.
    pub status: NotificationStatus,
    /// Whether it is international.
    pub international: bool,
    /// Country prefix that determines the rate.
    pub phone_prefix: Option<String>,
    /// Fragments of a text message; 0 until they are known.
    pub billable_units: u32,
    /// Provider that accepted it.
    pub sent_by: Option<String>,
    /// When its status last changed.
    pub updated_at: Option<Timestamp>,
    /// Id that the provider uses for it.
    pub reference: Option<String>,
}

const COLUMNS: &str = "id, service_id, key_type, notification_type, status, international, phone_prefix, \
                       billable_units, sent_by, updated_at, reference";

/// Returns those of `ids` that are stored, of any service, in any order.
pub async fn list_reported(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<ReportedNotification>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE id IN ({})",
        parameters(1, ids.len())
    );
    let args = ids.iter().copied().map(Arg::from).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse).collect()
}

/// The shortest reference by which an e-mail is found. Queue ids of mail relays are shorter: they are not unique, and are
/// left out of the index so that they cost nothing.
pub const MIN_REFERENCE_LENGTH: usize = 17;

/// Returns the e-mails, of any service, to which their provider gave one of these references. References shorter than
/// [`MIN_REFERENCE_LENGTH`] are not found.
pub async fn list_reported_by_reference(
    session: &mut Session,
    references: &[&str],
) -> Result<Vec<ReportedNotification>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        // The conditions of the partial index, so that it is used.
        "SELECT {COLUMNS} FROM notifications \
         WHERE notification_type = 'email' AND length(reference) > 16 AND reference IN ({})",
        parameters(1, references.len())
    );
    let args = references.iter().map(|one| Arg::from(*one)).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse).collect()
}

fn parse(row: &Row) -> Result<ReportedNotification, Error> {
    const TABLE: &str = "notifications";
    Ok(ReportedNotification {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        key_type: row.parse(TABLE, "key_type")?,
        channel: row.parse(TABLE, "notification_type")?,
        status: row.parse(TABLE, "status")?,
        international: row.get("international")?,
        phone_prefix: row.get("phone_prefix")?,
        billable_units: row.get_u32(TABLE, "billable_units")?,
        sent_by: row.get("sent_by")?,
        updated_at: row.get("updated_at")?,
        reference: row.get("reference")?,
    })
}
