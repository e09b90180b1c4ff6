//! Walks through all notifications in the order of their ids, for re-encryption and erasure.

use domain::{Channel, NotificationId, Postage, Private, ServiceId};

use super::{COLUMNS, Contents, Notification, contents::seal, parse_sized};
use crate::{Error, Keyring, Session, Tx, db::args};

/// Returns the sealed contents of up to `count` notifications after `after`; fewer if they are large, but at least one.
pub async fn list_sealed(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(NotificationId, Vec<u8>)>, Error> {
    session.allow_long_statements();
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    session
        .fetch_page(
            "SELECT id, sealed FROM notifications WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
            |row| {
                let sealed: Vec<u8> = row.get("sealed")?;
                let bytes = sealed.len();
                Ok(((row.get("id")?, sealed), bytes))
            },
        )
        .await
}

/// Replaces sealed contents unless they have changed since they were read. Returns whether they were replaced.
pub async fn replace_sealed(
    tx: &mut Tx,
    id: NotificationId,
    before: Vec<u8>,
    after: Vec<u8>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // Compare-and-set: an erasure that happened meanwhile must not be undone.
            "UPDATE notifications SET sealed = $3 WHERE id = $1 AND sealed = $2",
            args![id, before, after],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns up to `count` notifications of a channel after `after`, of one service or of all; fewer if they are large, but at
/// least one. A recipient is sealed in each row, so a search for one reads them all.
pub async fn list_by_channel(
    session: &mut Session,
    service: Option<ServiceId>,
    channel: Channel,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<Notification>, Error> {
    session.allow_long_statements();
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    let mut args = args![after, count, channel];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE id > $1 AND notification_type = $3{of_one} ORDER BY id LIMIT $2"
    );
    session.fetch_page(sql, args, parse_sized).await
}

/// Returns the letters among the next `count` notifications after `after`, each with its service.
pub async fn list_letters(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(ServiceId, NotificationId)>, Error> {
    session.allow_long_statements();
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

/// Erases the personal data of a notification and its problem text, unless it has changed since it was read. Returns
/// whether it was erased.
pub async fn erase(tx: &mut Tx, keyring: &Keyring, message: &Notification) -> Result<bool, Error> {
    let (id, before) = (message.id, message.sealed.clone());
    let nothing = seal(keyring, id, &Contents::erased());
    let changed = tx
        .execute(
            // The problem text may quote the recipient.
            "UPDATE notifications SET sealed = $3, problem = NULL WHERE id = $1 AND sealed = $2",
            args![id, before, nothing],
        )
        .await?;
    Ok(changed == 1)
}

/// The recipient of a letter, read from its pages, and what depends on it.
#[derive(Debug)]
pub struct LetterAddress {
    /// The address, one line per line.
    pub recipient: Private<String>,
    /// The address as it is compared.
    pub normalised: Private<String>,
    /// Postage.
    pub postage: Postage,
    /// Whether the address is outside the United Kingdom.
    pub international: bool,
}

/// Stores the address that was read from the pages of a letter, unless its contents have changed since it was read. Returns
/// whether it was stored.
pub async fn set_letter_address(
    tx: &mut Tx,
    keyring: &Keyring,
    letter: &Notification,
    address: LetterAddress,
) -> Result<bool, Error> {
    let contents = Contents {
        recipient: address.recipient,
        normalised: address.normalised,
        ..letter.open(keyring)?
    };
    let sealed = seal(keyring, letter.id, &contents);
    let changed = tx
        .execute(
            // Compare-and-set: an erasure that happened meanwhile must not be undone.
            "UPDATE notifications SET sealed = $3, postage = $4, international = $5 WHERE id = $1 AND sealed = $2",
            args![
                letter.id,
                letter.sealed.clone(),
                sealed,
                address.postage.as_str(),
                address.international
            ],
        )
        .await?;
    Ok(changed == 1)
}
