//! Unsubscribe requests of recipients. A notification has at most one open request, however often its link is
//! followed.

use domain::{NotificationId, Private, ServiceId, TemplateId, Timestamp, UnsubscribeRequestId};
use uuid::Uuid;

use crate::{Error, Keyring, Session, Tx, db::args};

/// Request of a recipient to receive no more messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeRequest {
    /// Primary key.
    pub id: UnsubscribeRequestId,
    /// Notification whose link was followed.
    pub notification_id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Template of the notification.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// Address to unsubscribe.
    pub email_address: Private<String>,
    /// When the request was made.
    pub created_at: Timestamp,
    /// When the service processed it.
    pub processed_at: Option<Timestamp>,
}

/// Inserts a request unless its notification has an open one. Returns whether it was new.
pub async fn insert(
    tx: &mut Tx,
    keyring: &Keyring,
    request: &UnsubscribeRequest,
) -> Result<bool, Error> {
    let owner = request.id.as_uuid();
    let sealed = keyring.seal(owner.as_bytes(), request.email_address.reveal().as_bytes());
    let changed = tx
        .execute(
            // A partial unique index on open requests makes a second click harmless.
            "INSERT INTO unsubscribe_requests \
               (id, notification_id, service_id, template_id, template_version, sealed, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            args![
                request.id,
                request.notification_id,
                request.service_id,
                request.template_id,
                request.template_version,
                sealed,
                request.created_at,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns whether a notification of any service has a request that is not processed yet.
pub async fn is_open(session: &mut Session, notification: NotificationId) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM unsubscribe_requests WHERE notification_id = $1 AND processed_at IS NULL",
            args![notification],
        )
        .await?;
    Ok(row.is_some())
}

/// Returns up to `count` requests to a service, newest first.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    count: u32,
) -> Result<Vec<UnsubscribeRequest>, Error> {
    session
        .fetch_all(
            "SELECT id, notification_id, template_id, template_version, sealed, created_at, processed_at \
             FROM unsubscribe_requests WHERE service_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
            args![service, count],
        )
        .await?
        .iter()
        .map(|row| {
            let id: UnsubscribeRequestId = row.get("id")?;
            let sealed: Vec<u8> = row.get("sealed")?;
            let plain = keyring.open(id.as_uuid().as_bytes(), &sealed)?;
            Ok(UnsubscribeRequest {
                id,
                notification_id: row.get("notification_id")?,
                service_id: service,
                template_id: row.get("template_id")?,
                template_version: row.get_u32("unsubscribe_requests", "template_version")?,
                email_address: String::from_utf8_lossy(&plain).into_owned().into(),
                created_at: row.get("created_at")?,
                processed_at: row.get("processed_at")?,
            })
        })
        .collect()
}

/// Marks the open requests for a notification of a service as processed. Returns how many.
pub async fn set_processed(
    tx: &mut Tx,
    service: ServiceId,
    notification: NotificationId,
    at: Timestamp,
) -> Result<u64, Error> {
    tx.execute(
        "UPDATE unsubscribe_requests SET processed_at = $3 \
         WHERE service_id = $1 AND notification_id = $2 AND processed_at IS NULL",
        args![service, notification, at],
    )
    .await
}

/// Deletes requests processed before `processed`, and open ones created before `open`, up to `count` of each.
/// Returns how many.
pub async fn delete_old(
    tx: &mut Tx,
    processed: Timestamp,
    open: Timestamp,
    count: u32,
) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM unsubscribe_requests WHERE id IN \
         (SELECT id FROM unsubscribe_requests WHERE processed_at < $1 LIMIT $2) \
         OR id IN (SELECT id FROM unsubscribe_requests WHERE processed_at IS NULL AND created_at < $3 LIMIT $2)",
        args![processed, count, open],
    )
    .await
}

/// Returns up to `count` requests after `after` in the order of ids, each with its service and address; of one
/// service or of all.
pub async fn list_addresses(
    session: &mut Session,
    keyring: &Keyring,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, UnsubscribeRequestId, Private<String>)>, Error> {
    let mut args = args![after, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $3"
    });
    let sql = format!(
        "SELECT service_id, id, sealed FROM unsubscribe_requests WHERE id > $1{of_one} ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            let id: UnsubscribeRequestId = row.get("id")?;
            let plain = keyring.open(id.as_uuid().as_bytes(), &row.get::<Vec<u8>>("sealed")?)?;
            let address = String::from_utf8_lossy(&plain).into_owned();
            Ok((row.get("service_id")?, id, address.into()))
        })
        .collect()
}

/// Deletes a request of a service. Returns whether it existed.
pub async fn delete(
    tx: &mut Tx,
    service: ServiceId,
    id: UnsubscribeRequestId,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "DELETE FROM unsubscribe_requests WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    Ok(changed == 1)
}

/// Re-encrypts with the primary key up to `count` requests after `after`. Returns how many, and the last one read.
pub async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, keyring, "unsubscribe_requests", after, count).await
}
