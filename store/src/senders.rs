//! Whom a service's messages come from: text message senders and reply-to addresses.

use domain::{ReplyToId, ServiceId, SmsSenderId, Timestamp};

use crate::{Error, Session, Tx, db::args};

/// A text message sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsSender {
    /// Which.
    pub id: SmsSenderId,
    /// What the recipient sees.
    pub sms_sender: String,
    /// Taken when none is named.
    pub is_default: bool,
}

/// A reply-to address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// Which.
    pub id: ReplyToId,
    /// Where answers go.
    pub email_address: String,
    /// Taken when none is named.
    pub is_default: bool,
}

/// Keeps a new text message sender. A default one takes the place of the default before it.
pub async fn insert_sms_sender(
    tx: &mut Tx,
    service: ServiceId,
    sender: &SmsSender,
    at: Timestamp,
) -> Result<(), Error> {
    if sender.is_default {
        tx.execute(
            "UPDATE sms_senders SET is_default = $2 WHERE service_id = $1 AND is_default",
            args![service, false],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO sms_senders (id, service_id, sms_sender, is_default, archived, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            sender.id,
            service,
            &*sender.sms_sender,
            sender.is_default,
            false,
            at
        ],
    )
    .await?;
    Ok(())
}

/// Keeps a new reply-to address. A default one takes the place of the default before it.
pub async fn insert_reply_to(
    tx: &mut Tx,
    service: ServiceId,
    reply_to: &ReplyTo,
    at: Timestamp,
) -> Result<(), Error> {
    if reply_to.is_default {
        tx.execute(
            "UPDATE reply_to_addresses SET is_default = $2 WHERE service_id = $1 AND is_default",
            args![service, false],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO reply_to_addresses (id, service_id, email_address, is_default, archived, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![reply_to.id, service, &*reply_to.email_address, reply_to.is_default, false, at],
    )
    .await?;
    Ok(())
}

/// The text message senders of a service that are not archived, oldest first.
pub async fn list_sms_senders(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<SmsSender>, Error> {
    session
        .fetch_all(
            "SELECT id, sms_sender, is_default FROM sms_senders \
             WHERE service_id = $1 AND NOT archived ORDER BY created_at, id",
            args![service],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(SmsSender {
                id: row.get("id")?,
                sms_sender: row.get("sms_sender")?,
                is_default: row.get("is_default")?,
            })
        })
        .collect()
}

/// The reply-to addresses of a service that are not archived, oldest first.
pub async fn list_reply_tos(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<ReplyTo>, Error> {
    session
        .fetch_all(
            "SELECT id, email_address, is_default FROM reply_to_addresses \
             WHERE service_id = $1 AND NOT archived ORDER BY created_at, id",
            args![service],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(ReplyTo {
                id: row.get("id")?,
                email_address: row.get("email_address")?,
                is_default: row.get("is_default")?,
            })
        })
        .collect()
}
