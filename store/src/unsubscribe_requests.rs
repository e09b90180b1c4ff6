//! Recipients who want to hear no more. A message has one open request at most, however often its link is used.

use domain::{NotificationId, Private, ServiceId, TemplateId, Timestamp, UnsubscribeRequestId};
use uuid::Uuid;

use crate::{Error, Keyring, Session, Tx, db::args};

/// A recipient's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeRequest {
    /// Which.
    pub id: UnsubscribeRequestId,
    /// The message whose link was used.
    pub notification_id: NotificationId,
    /// Whose message it was.
    pub service_id: ServiceId,
    /// What the message was made from.
    pub template_id: TemplateId,
    /// In which version.
    pub template_version: u32,
    /// The address that is to be left alone.
    pub email_address: Private<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the service has done it.
    pub processed_at: Option<Timestamp>,
}

/// Keeps a request, unless its message has an open one; whether it was new.
pub async fn insert(
    tx: &mut Tx,
    vault: &Keyring,
    request: &UnsubscribeRequest,
) -> Result<bool, Error> {
    let owner = request.id.as_uuid();
    let sealed = vault.seal(owner.as_bytes(), request.email_address.reveal().as_bytes());
    let touched = tx
        .execute(
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
    Ok(touched == 1)
}

/// Whether a message, whosever it is, has a request that its service has not processed yet.
pub async fn is_open(session: &mut Session, notification: NotificationId) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM unsubscribe_requests WHERE notification_id = $1 AND processed_at IS NULL",
            args![notification],
        )
        .await?;
    Ok(row.is_some())
}

/// The requests to a service, newest first, at most `count`.
pub async fn list(
    session: &mut Session,
    vault: &Keyring,
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
            let plain = vault.open(id.as_uuid().as_bytes(), &sealed)?;
            Ok(UnsubscribeRequest {
                id,
                notification_id: row.get("notification_id")?,
                service_id: service,
                template_id: row.get("template_id")?,
                template_version: row.count("unsubscribe_requests", "template_version")?,
                email_address: String::from_utf8_lossy(&plain).into_owned().into(),
                created_at: row.get("created_at")?,
                processed_at: row.get("processed_at")?,
            })
        })
        .collect()
}

/// Marks the requests of a service for these messages as processed; how many were open.
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

/// Forgets requests that were processed before `processed`, and those that nobody has processed from before `open`, at
/// most `count` of each; how many.
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

/// Requests in the order of ids, after `after`, at most `count`, with whose each is and the address; of one service or
/// of all.
pub async fn list_addresses(
    session: &mut Session,
    vault: &Keyring,
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
            let plain = vault.open(id.as_uuid().as_bytes(), &row.get::<Vec<u8>>("sealed")?)?;
            let address = String::from_utf8_lossy(&plain).into_owned();
            Ok((row.get("service_id")?, id, address.into()))
        })
        .collect()
}

/// Forgets a request of a service; whether it was there.
pub async fn delete(
    tx: &mut Tx,
    service: ServiceId,
    id: UnsubscribeRequestId,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "DELETE FROM unsubscribe_requests WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    Ok(touched == 1)
}

/// Seals anew with the newest key up to `count` requests after `after`; how many, and the last that was looked at.
pub async fn reencrypt(
    tx: &mut Tx,
    vault: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, vault, "unsubscribe_requests", after, count).await
}
