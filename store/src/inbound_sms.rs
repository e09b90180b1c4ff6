//! Inbound SMS. Sender and text are sealed; a message that a provider forwards twice is stored once.

use domain::{InboundSmsId, Private, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Error, Keyring, Session, Tx,
    db::{Arg, Row, args, parameters},
};

/// Received text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSms {
    /// Primary key.
    pub id: InboundSmsId,
    /// Service that the number is assigned to.
    pub service_id: ServiceId,
    /// Number that it was sent to.
    pub notify_number: String,
    /// Number of the sender.
    pub user_number: Private<String>,
    /// Text of the message.
    pub content: Private<String>,
    /// Provider that forwarded it.
    pub provider: String,
    /// Id that the provider uses for it, if any.
    pub provider_reference: Option<String>,
    /// When it was written, according to the provider.
    pub provider_date: Timestamp,
    /// When it was received.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    from: String,
    text: String,
}

const COLUMNS: &str = "id, service_id, notify_number, sealed, provider, provider_reference, provider_date, created_at";

/// Inserts a received message unless it is stored already. Returns whether it was new.
pub async fn insert(tx: &mut Tx, keyring: &Keyring, text: &InboundSms) -> Result<bool, Error> {
    let contents = Contents {
        from: text.user_number.reveal().clone(),
        text: text.content.reveal().clone(),
    };
    let plain = serde_json::to_vec(&contents).expect("texts are writable");
    let sealed = keyring.seal(text.id.as_uuid().as_bytes(), &plain);
    let changed = tx
        .execute(
            format!(
                // A unique index on provider and reference recognises a message that was forwarded twice.
                "INSERT INTO inbound_sms ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
            ),
            args![
                text.id,
                text.service_id,
                &*text.notify_number,
                sealed,
                &*text.provider,
                text.provider_reference.as_deref(),
                text.provider_date,
                text.created_at,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns when a message of a service was received.
pub async fn find_time(
    session: &mut Session,
    service: ServiceId,
    id: InboundSmsId,
) -> Result<Option<Timestamp>, Error> {
    let row = session
        .fetch_optional(
            "SELECT created_at FROM inbound_sms WHERE id = $2 AND service_id = $1",
            args![service, id],
        )
        .await?;
    row.map(|row| row.get("created_at")).transpose()
}

/// Returns up to `count` messages that a service received, newest first; only those before `older_than` if given.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    older_than: Option<(Timestamp, InboundSmsId)>,
    count: u32,
) -> Result<Vec<InboundSms>, Error> {
    let mut args = args![service, count];
    let before = older_than.map_or("", |(created_at, id)| {
        args.extend(args![created_at, id]);
        " AND (created_at, id) < ($3, $4)"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM inbound_sms WHERE service_id = $1{before} ORDER BY created_at DESC, id DESC LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| parse_inbound_sms(row, keyring))
        .collect()
}

/// Returns those of `ids` that a service has.
pub async fn list_by_id(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    ids: &[InboundSmsId],
) -> Result<Vec<InboundSms>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM inbound_sms WHERE service_id = $1 AND id IN ({})",
        parameters(2, ids.len())
    );
    let mut args = args![service];
    args.extend(ids.iter().copied().map(Arg::from));
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| parse_inbound_sms(row, keyring))
        .collect()
}

/// Returns the services that have an inbound number, and so a retention for inbound SMS.
pub async fn list_services_with_number(session: &mut Session) -> Result<Vec<ServiceId>, Error> {
    session
        .fetch_all(
            "SELECT service_id FROM inbound_numbers WHERE service_id IS NOT NULL",
            args![],
        )
        .await?
        .iter()
        .map(|row| row.get("service_id"))
        .collect()
}

/// Returns up to `count` messages that a service received before `before`, oldest first.
pub async fn list_expired(
    session: &mut Session,
    service: ServiceId,
    before: Timestamp,
    count: u32,
) -> Result<Vec<InboundSmsId>, Error> {
    session
        .fetch_all(
            "SELECT id FROM inbound_sms WHERE service_id = $1 AND created_at < $2 ORDER BY created_at, id LIMIT $3",
            args![service, before, count],
        )
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

/// Moves messages to the history, without sender and text. Returns how many there were. The same ids are copied and
/// deleted (`docs/spec/workers.md` §17, F15).
pub async fn move_to_history(
    tx: &mut Tx,
    service: ServiceId,
    ids: &[InboundSmsId],
) -> Result<u64, Error> {
    const KEPT: &str =
        "id, service_id, notify_number, provider, provider_reference, provider_date, created_at";
    if ids.is_empty() {
        return Ok(0);
    }
    // The ids are fixed before the copy, so that a message that arrives meanwhile is not deleted without being
    // copied.
    let chosen = format!("service_id = $1 AND id IN ({})", parameters(2, ids.len()));
    let args = || {
        let ids = ids.iter().copied().map(Arg::from);
        std::iter::once(service.into()).chain(ids).collect()
    };
    tx.execute(
        format!(
            "INSERT INTO inbound_sms_history ({KEPT}) SELECT {KEPT} FROM inbound_sms WHERE {chosen} \
             ON CONFLICT (id) DO NOTHING"
        ),
        args(),
    )
    .await?;
    tx.execute(format!("DELETE FROM inbound_sms WHERE {chosen}"), args())
        .await
}

/// Returns up to `count` messages after `after` in the order of ids, each with its service and sender; of one
/// service or of all.
pub async fn list_senders(
    session: &mut Session,
    keyring: &Keyring,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, InboundSmsId, Private<String>)>, Error> {
    let mut args = args![after, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $3"
    });
    let sql =
        format!("SELECT {COLUMNS} FROM inbound_sms WHERE id > $1{of_one} ORDER BY id LIMIT $2");
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            let text = parse_inbound_sms(row, keyring)?;
            Ok((text.service_id, text.id, text.user_number))
        })
        .collect()
}

/// Re-encrypts with the primary key up to `count` messages after `after`. Returns how many, and the last one read.
pub async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, keyring, "inbound_sms", after, count).await
}

fn parse_inbound_sms(row: &Row, keyring: &Keyring) -> Result<InboundSms, Error> {
    let id: InboundSmsId = row.get("id")?;
    let sealed: Vec<u8> = row.get("sealed")?;
    let plain = keyring.open(id.as_uuid().as_bytes(), &sealed)?;
    let contents: Contents = serde_json::from_slice(&plain).map_err(|error| Error::Corrupt {
        table: "inbound_sms",
        column: "sealed",
        what: format!("{error} ({id})"),
    })?;
    Ok(InboundSms {
        id,
        service_id: row.get("service_id")?,
        notify_number: row.get("notify_number")?,
        user_number: contents.from.into(),
        content: contents.text.into(),
        provider: row.get("provider")?,
        provider_reference: row.get("provider_reference")?,
        provider_date: row.get("provider_date")?,
        created_at: row.get("created_at")?,
    })
}
