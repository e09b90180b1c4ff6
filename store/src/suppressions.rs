//! Suppression list: recipients to whom a service, or the whole platform, sends nothing.
//!
//! A recipient is found by a keyed hash and shown from a sealed copy. The key of the hash is a row of its own: a hash under
//! a key of the keyring would change when that key is removed.

use domain::{
    Channel, NotificationId, Private, RandomSource, ServiceId, SuppressionId, SuppressionReason,
    Timestamp,
};
use uuid::Uuid;

use crate::{
    Error, Keyring, Session, Store, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

/// Service that stands for the whole platform.
pub const PLATFORM: ServiceId = ServiceId::from_uuid(Uuid::nil());

/// Suppressed recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Primary key.
    pub id: SuppressionId,
    /// Service whose messages are withheld; [`PLATFORM`] for those of all services.
    pub service_id: ServiceId,
    /// Channel that is withheld.
    pub channel: Channel,
    /// Keyed hash of the recipient.
    pub recipient_hash: Vec<u8>,
    /// Recipient in normalised form; `None` once erased.
    pub recipient: Option<Private<String>>,
    /// Why it was added.
    pub reason: SuppressionReason,
    /// Notification that led to it.
    pub notification_id: Option<NotificationId>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionEvent {
    /// Primary key.
    pub id: Uuid,
    /// Service whose list changed; [`PLATFORM`] for the list of all.
    pub service_id: ServiceId,
    /// Channel of the entry.
    pub channel: Channel,
    /// Keyed hash of the recipient.
    pub recipient_hash: Vec<u8>,
    /// `added` or `removed`.
    pub action: String,
    /// Why the entry was added or removed.
    pub reason: String,
    /// Who did it: `receipt`, `recipient`, `api`, `internal`.
    pub actor: String,
    /// When.
    pub created_at: Timestamp,
}

static EVENTS: Table<SuppressionEvent> = Table::new(
    "suppression_events",
    columns![event =>
        id: Id = event.id,
        service_id: Id = event.service_id,
        channel: Text = event.channel,
        recipient_hash: Bytes = event.recipient_hash.clone(),
        action: Text = event.action.as_str(),
        reason: Text = event.reason.as_str(),
        actor: Text = event.actor.as_str(),
        created_at: Time = event.created_at,
    ],
);

const COLUMNS: &str =
    "id, service_id, channel, recipient_hash, sealed, reason, notification_id, created_at";

/// Inserts an entry unless the recipient is on the list already. Returns whether it was new.
pub async fn insert(tx: &mut Tx, keyring: &Keyring, entry: &Suppression) -> Result<bool, Error> {
    let owner = entry.id.as_uuid();
    let sealed = match &entry.recipient {
        Some(recipient) => keyring.seal(owner.as_bytes(), recipient.reveal().as_bytes()),
        None => Vec::new(),
    };
    let changed = tx
        .execute(
            format!(
                "INSERT INTO suppressions ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
            ),
            args![
                entry.id,
                entry.service_id,
                entry.channel,
                entry.recipient_hash.clone(),
                sealed,
                entry.reason,
                entry.notification_id,
                entry.created_at,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes an entry of a service. Returns it if it existed.
pub async fn delete(
    tx: &mut Tx,
    keyring: &Keyring,
    service: ServiceId,
    id: SuppressionId,
) -> Result<Option<Suppression>, Error> {
    let row = tx
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM suppressions WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    let Some(entry) = row.map(|row| parse(&row, keyring)).transpose()? else {
        return Ok(None);
    };
    let changed = tx
        .execute(
            "DELETE FROM suppressions WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    // Of two that remove it at the same time, one has.
    Ok((changed == 1).then_some(entry))
}

/// Deletes the entry of a recipient that has this reason. Returns whether there was one.
pub async fn delete_recipient(
    tx: &mut Tx,
    service: ServiceId,
    channel: Channel,
    recipient_hash: &[u8],
    reason: SuppressionReason,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "DELETE FROM suppressions \
             WHERE service_id = $1 AND channel = $2 AND recipient_hash = $3 AND reason = $4",
            args![service, channel, recipient_hash.to_vec(), reason],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns those of these hashes that are on the list of a service or of the platform, with the reason.
pub async fn list_among(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    hashes: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, SuppressionReason)>, Error> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = args![service, PLATFORM, channel];
    let list = parameters(args.len() + 1, hashes.len());
    args.extend(hashes.iter().cloned().map(Arg::from));
    let sql = format!(
        "SELECT recipient_hash, reason FROM suppressions \
         WHERE service_id IN ($1, $2) AND channel = $3 AND recipient_hash IN ({list})"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.get("recipient_hash")?,
                row.parse("suppressions", "reason")?,
            ))
        })
        .collect()
}

/// Returns the entry of a recipient on the list of a service.
pub async fn find_by_hash(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    recipient_hash: &[u8],
) -> Result<Option<SuppressionId>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM suppressions WHERE service_id = $1 AND channel = $2 AND recipient_hash = $3",
            args![service, channel, recipient_hash.to_vec()],
        )
        .await?;
    row.map(|row| row.get("id")).transpose()
}

/// Returns up to `count` entries of a service, newest first; only those before `older_than` if given.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    older_than: Option<(Timestamp, SuppressionId)>,
    count: u32,
) -> Result<Vec<Suppression>, Error> {
    let mut args = args![service, count];
    let before = older_than.map_or("", |(created_at, id)| {
        args.extend(args![created_at, id]);
        " AND (created_at, id) < ($3, $4)"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM suppressions WHERE service_id = $1{before} ORDER BY created_at DESC, id DESC LIMIT $2"
    );
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(|row| parse(row, keyring)).collect()
}

/// Returns when an entry of a service was added.
pub async fn find_time(
    session: &mut Session,
    service: ServiceId,
    id: SuppressionId,
) -> Result<Option<Timestamp>, Error> {
    let row = session
        .fetch_optional(
            "SELECT created_at FROM suppressions WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    row.map(|row| row.get("created_at")).transpose()
}

/// Records a change of the list.
pub async fn insert_event(tx: &mut Tx, event: &SuppressionEvent) -> Result<(), Error> {
    tx.insert_row(&EVENTS, event).await
}

/// Returns up to `count` lines of the audit trail of a service, newest first.
pub async fn list_events(
    session: &mut Session,
    service: ServiceId,
    count: u32,
) -> Result<Vec<SuppressionEvent>, Error> {
    session
        .fetch_all(
            "SELECT id, service_id, channel, recipient_hash, action, reason, actor, created_at \
             FROM suppression_events WHERE service_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
            args![service, count],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(SuppressionEvent {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                channel: row.parse("suppression_events", "channel")?,
                recipient_hash: row.get("recipient_hash")?,
                action: row.get("action")?,
                reason: row.get("reason")?,
                actor: row.get("actor")?,
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

/// Removes the sealed copies of a recipient from the lists of one service or of all. The hash stays, so that the
/// recipient goes on receiving nothing. Returns how many there were.
pub async fn erase(
    tx: &mut Tx,
    service: Option<ServiceId>,
    channel: Channel,
    recipient_hash: &[u8],
) -> Result<u64, Error> {
    let mut args = args![channel, recipient_hash.to_vec(), Vec::new()];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    tx.execute(
        format!(
            "UPDATE suppressions SET sealed = $3 \
             WHERE channel = $1 AND recipient_hash = $2 AND sealed <> $3{of_one}"
        ),
        args,
    )
    .await
}

/// Re-encrypts with the primary key up to `count` entries after `after`. Returns how many, and the last one read.
pub async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, keyring, "suppressions", after, count).await
}

/// Re-encrypts the key of the hashes with the primary key.
pub async fn reencrypt_hash_key(tx: &mut Tx, keyring: &Keyring) -> Result<(), Error> {
    crate::reencryption::reencrypt(tx, keyring, "hash_keys", Uuid::nil(), 1).await?;
    Ok(())
}

/// Id of the row that holds the key of the hashes.
const HASH_KEY: Uuid = Uuid::from_u128(1);

/// Key of the hashes of recipients. Hashes are the same in every process and after every rotation of the keyring.
#[derive(Debug, Clone)]
pub struct HashKey(Keyring);

impl HashKey {
    /// Reads the key. The first process of an installation generates it.
    pub async fn read(
        store: &Store,
        random: std::sync::Arc<dyn RandomSource>,
    ) -> Result<Self, Error> {
        let keyring = store.keyring();
        if let Some(sealed) = find_hash_key(&mut store.read().await?).await? {
            return Self::open(keyring, &sealed, random);
        }
        let mut key = [0; 32];
        random.fill(&mut key);
        let mut tx = store.write().await?;
        tx.execute(
            // Of two first processes one inserts it, and both read what was inserted.
            "INSERT INTO hash_keys (id, sealed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            args![HASH_KEY, keyring.seal(HASH_KEY.as_bytes(), &key)],
        )
        .await?;
        let sealed = find_hash_key(&mut tx).await?;
        tx.commit().await?;
        Self::open(keyring, &sealed.unwrap_or_default(), random)
    }

    fn open(
        keyring: &Keyring,
        sealed: &[u8],
        random: std::sync::Arc<dyn RandomSource>,
    ) -> Result<Self, Error> {
        let key = keyring.open(HASH_KEY.as_bytes(), sealed)?;
        let key: [u8; 32] = key.try_into().map_err(|_| Error::Corrupt {
            table: "hash_keys",
            column: "sealed",
            what: "the key has another length".to_owned(),
        })?;
        Ok(Self(Keyring::with_key(&key, random)))
    }

    /// Returns the hash of a recipient in normalised form.
    pub fn hash(&self, channel: Channel, recipient: &str) -> Vec<u8> {
        let parts = [channel.as_str().as_bytes(), recipient.as_bytes()];
        self.0.fingerprint("suppressed recipient", &parts).to_vec()
    }
}

async fn find_hash_key(session: &mut Session) -> Result<Option<Vec<u8>>, Error> {
    let row = session
        .fetch_optional(
            "SELECT sealed FROM hash_keys WHERE id = $1",
            args![HASH_KEY],
        )
        .await?;
    row.map(|row| row.get("sealed")).transpose()
}

fn parse(row: &Row, keyring: &Keyring) -> Result<Suppression, Error> {
    let id: SuppressionId = row.get("id")?;
    let sealed: Vec<u8> = row.get("sealed")?;
    let recipient = if sealed.is_empty() {
        None
    } else {
        let plain = keyring.open(id.as_uuid().as_bytes(), &sealed)?;
        Some(String::from_utf8_lossy(&plain).into_owned().into())
    };
    Ok(Suppression {
        id,
        service_id: row.get("service_id")?,
        channel: row.parse("suppressions", "channel")?,
        recipient_hash: row.get("recipient_hash")?,
        recipient,
        reason: row.parse("suppressions", "reason")?,
        notification_id: row.get("notification_id")?,
        created_at: row.get("created_at")?,
    })
}
