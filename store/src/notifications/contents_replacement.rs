//! Going through all messages: to seal them anew with the newest key, to erase a recipient, to look through pages.

use domain::{Channel, NotificationId, ServiceId};

use super::{COLUMNS, Contents, Notification, contents::seal, notification};
use crate::{Error, Keyring, Session, Tx, db::args};

/// Sealed contents in the order of ids, after `after`, at most `count`: for sealing them anew.
pub async fn list_sealed(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(NotificationId, Vec<u8>)>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    session
        .fetch_all(
            "SELECT id, sealed FROM notifications WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("sealed")?)))
        .collect()
}

/// Replaces sealed contents, unless they have changed since.
pub async fn replace_sealed(
    tx: &mut Tx,
    id: NotificationId,
    before: Vec<u8>,
    after: Vec<u8>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE notifications SET sealed = $3 WHERE id = $1 AND sealed = $2",
            args![id, before, after],
        )
        .await?;
    Ok(touched == 1)
}

/// E-mails or texts in the order of ids, after `after`, at most `count`; of one service or of all. For what looks for a
/// recipient, who is sealed in each.
pub async fn list_of_channel(
    session: &mut Session,
    service: Option<ServiceId>,
    channel: Channel,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<Notification>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    let mut args = args![after, count, channel];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE id > $1 AND notification_type = $3{of_one} ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(notification)
        .collect()
}

/// The letters among the messages after `after` in the order of ids, at most `count`: whose each is, for what looks
/// through their pages.
pub async fn list_letters(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(ServiceId, NotificationId)>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    session
        .fetch_all(
            "SELECT service_id, id FROM notifications WHERE id > $1 AND notification_type = 'letter' \
             ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Puts nothing in the place of what is personal in a message, and of the words with which it was refused, unless it has
/// changed since it was read; whether it had not.
pub async fn erase(tx: &mut Tx, vault: &Keyring, message: &Notification) -> Result<bool, Error> {
    let (id, before) = (message.id, message.sealed.clone());
    let nothing = seal(vault, id, &Contents::erased());
    let touched = tx
        .execute(
            "UPDATE notifications SET sealed = $3, problem = NULL WHERE id = $1 AND sealed = $2",
            args![id, before, nothing],
        )
        .await?;
    Ok(touched == 1)
}
