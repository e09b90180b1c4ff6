//! Senders of a service's messages: text message senders and reply-to addresses.

use domain::{InboundNumberId, ReplyToId, ServiceId, SmsSenderId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
    defaults::{self, List},
};

/// Name or number that a text message is sent from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsSender {
    /// Primary key.
    pub id: SmsSenderId,
    /// Sender as the recipient sees it.
    pub sms_sender: String,
    /// Whether it is used when a request names none.
    pub is_default: bool,
    /// Inbound number that it is, if replies can be received.
    pub inbound_number_id: Option<InboundNumberId>,
}

/// E-mail address that receives the replies to a service's e-mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// Primary key.
    pub id: ReplyToId,
    /// E-mail address for replies.
    pub email_address: String,
    /// Whether it is used when a request names none.
    pub is_default: bool,
}

/// Inserts a text message sender. A default one replaces the previous default.
pub async fn insert_sms_sender(
    tx: &mut Tx,
    service: ServiceId,
    sender: &SmsSender,
    at: Timestamp,
) -> Result<(), Error> {
    if sender.is_default {
        defaults::clear(tx, List::SmsSenders, service).await?;
    }
    tx.execute(
        "INSERT INTO sms_senders (id, service_id, sms_sender, is_default, archived, inbound_number_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            sender.id,
            service,
            &*sender.sms_sender,
            sender.is_default,
            false,
            sender.inbound_number_id,
            at
        ],
    )
    .await?;
    Ok(())
}

/// Inserts a reply-to address. A default one replaces the previous default.
pub async fn insert_reply_to(
    tx: &mut Tx,
    service: ServiceId,
    reply_to: &ReplyTo,
    at: Timestamp,
) -> Result<(), Error> {
    if reply_to.is_default {
        defaults::clear(tx, List::ReplyTos, service).await?;
    }
    tx.execute(
        "INSERT INTO reply_to_addresses (id, service_id, email_address, is_default, archived, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![reply_to.id, service, &*reply_to.email_address, reply_to.is_default, false, at],
    )
    .await?;
    Ok(())
}

/// Updates a text message sender. A default one replaces the previous default.
pub async fn update_sms_sender(
    tx: &mut Tx,
    service: ServiceId,
    sender: &SmsSender,
) -> Result<(), Error> {
    if sender.is_default {
        defaults::clear(tx, List::SmsSenders, service).await?;
    }
    tx.execute(
        "UPDATE sms_senders SET sms_sender = $3, is_default = $4 WHERE service_id = $1 AND id = $2",
        args![service, sender.id, &*sender.sms_sender, sender.is_default],
    )
    .await?;
    Ok(())
}

/// Updates a reply-to address. A default one replaces the previous default.
pub async fn update_reply_to(
    tx: &mut Tx,
    service: ServiceId,
    reply_to: &ReplyTo,
) -> Result<(), Error> {
    if reply_to.is_default {
        defaults::clear(tx, List::ReplyTos, service).await?;
    }
    tx.execute(
        "UPDATE reply_to_addresses SET email_address = $3, is_default = $4 WHERE service_id = $1 AND id = $2",
        args![service, reply_to.id, &*reply_to.email_address, reply_to.is_default],
    )
    .await?;
    Ok(())
}

/// Archives a text message sender unless it is the default. Returns whether it was archived.
pub async fn archive_sms_sender(
    tx: &mut Tx,
    service: ServiceId,
    id: SmsSenderId,
) -> Result<bool, Error> {
    defaults::archive(tx, List::SmsSenders, service, id.as_uuid()).await
}

/// Archives a reply-to address unless it is the default. Returns whether it was archived.
pub async fn archive_reply_to(
    tx: &mut Tx,
    service: ServiceId,
    id: ReplyToId,
) -> Result<bool, Error> {
    defaults::archive(tx, List::ReplyTos, service, id.as_uuid()).await
}

const SMS_SENDERS: &str = "SELECT id, sms_sender, is_default, inbound_number_id FROM sms_senders \
                           WHERE service_id = $1 AND NOT archived";
const REPLY_TOS: &str = "SELECT id, email_address, is_default FROM reply_to_addresses \
                         WHERE service_id = $1 AND NOT archived";

/// Returns a text message sender of a service unless it is archived.
pub async fn find_sms_sender(
    session: &mut Session,
    service: ServiceId,
    id: SmsSenderId,
) -> Result<Option<SmsSender>, Error> {
    let row = session
        .fetch_optional(format!("{SMS_SENDERS} AND id = $2"), args![service, id])
        .await?;
    row.as_ref().map(parse_sms_sender).transpose()
}

/// Returns a reply-to address of a service unless it is archived.
pub async fn find_reply_to(
    session: &mut Session,
    service: ServiceId,
    id: ReplyToId,
) -> Result<Option<ReplyTo>, Error> {
    let row = session
        .fetch_optional(format!("{REPLY_TOS} AND id = $2"), args![service, id])
        .await?;
    row.as_ref().map(parse_reply_to).transpose()
}

/// Returns the text message senders of a service that are not archived, oldest first.
pub async fn list_sms_senders(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<SmsSender>, Error> {
    session
        .fetch_all(
            format!("{SMS_SENDERS} ORDER BY created_at, id"),
            args![service],
        )
        .await?
        .iter()
        .map(parse_sms_sender)
        .collect()
}

/// Returns the reply-to addresses of a service that are not archived, oldest first.
pub async fn list_reply_tos(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<ReplyTo>, Error> {
    session
        .fetch_all(
            format!("{REPLY_TOS} ORDER BY created_at, id"),
            args![service],
        )
        .await?
        .iter()
        .map(parse_reply_to)
        .collect()
}

fn parse_sms_sender(row: &Row) -> Result<SmsSender, Error> {
    Ok(SmsSender {
        id: row.get("id")?,
        sms_sender: row.get("sms_sender")?,
        is_default: row.get("is_default")?,
        inbound_number_id: row.get("inbound_number_id")?,
    })
}

fn parse_reply_to(row: &Row) -> Result<ReplyTo, Error> {
    Ok(ReplyTo {
        id: row.get("id")?,
        email_address: row.get("email_address")?,
        is_default: row.get("is_default")?,
    })
}
