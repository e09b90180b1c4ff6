//! Callbacks to services: one URL with a bearer token for each kind of event, both sealed; the health of the endpoints; and
//! the log of attempts.

pub mod attempts;
pub mod health;

use std::collections::BTreeSet;

use domain::{CallbackId, CallbackKind, Private, ServiceId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Keyring, Session, Tx,
    db::{ColumnType, Row, args},
    reencryption,
};

/// URL that the platform calls when an event of one kind happens.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Primary key.
    pub id: CallbackId,
    /// Kind of event that triggers it.
    pub kind: CallbackKind,
    /// URL that is called.
    pub url: Private<String>,
    /// Token that authenticates the platform to the service.
    pub bearer_token: Private<String>,
    /// Secrets that sign what is sent, the newest first: two while they are exchanged, none unless the service has asked for
    /// one.
    pub secrets: Vec<Private<String>>,
    /// Whether the statuses of letters are told too.
    pub letters: bool,
    /// Since when no attempt is made, because none succeeded for long.
    pub paused_at: Option<Timestamp>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// User who last changed it.
    pub updated_by: Option<UserId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// Sealed as one value.
#[derive(Serialize, Deserialize)]
struct Sealed {
    url: String,
    bearer_token: String,
    // Rows from before there were secrets have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
}

const COLUMNS: &str =
    "id, kind, sealed, letters, failing_since, paused_at, updated_by, created_at, updated_at";

/// Inserts a callback. Fails with [`Error::Exists`] if the service has one of the kind.
pub async fn insert(
    tx: &mut Tx,
    keyring: &Keyring,
    service: ServiceId,
    callback: &Callback,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO service_callbacks (id, service_id, kind, sealed, letters, updated_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            callback.id,
            service,
            callback.kind,
            seal(keyring, callback),
            callback.letters,
            callback.updated_by,
            callback.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Updates a callback. Returns whether it exists.
pub async fn update(
    tx: &mut Tx,
    keyring: &Keyring,
    service: ServiceId,
    callback: &Callback,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE service_callbacks SET sealed = $3, letters = $4, updated_by = $5, updated_at = $6 \
             WHERE service_id = $1 AND id = $2",
            args![
                service,
                callback.id,
                seal(keyring, callback),
                callback.letters,
                callback.updated_by,
                callback.updated_at
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes the callback of a service for this kind of event. Returns whether there was one.
pub async fn delete(tx: &mut Tx, service: ServiceId, kind: CallbackKind) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "DELETE FROM service_callbacks WHERE service_id = $1 AND kind = $2",
            args![service, kind],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns the callback of a service for this kind of event.
pub async fn find(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<Option<Callback>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM service_callbacks WHERE service_id = $1 AND kind = $2"),
            args![service, kind],
        )
        .await?;
    row.map(|row| parse_callback(keyring, &row)).transpose()
}

/// Where the callbacks of a service go, still sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEndpoint {
    /// The callback, whose id the sealed value is bound to.
    pub id: CallbackId,
    /// Service that set it.
    pub service_id: ServiceId,
    /// URL, token and secrets, sealed.
    pub sealed: Vec<u8>,
    /// Whether the statuses of letters are told too.
    pub letters: bool,
}

/// Returns the callbacks for a kind of event of those of these services that have one.
pub async fn list_endpoints(
    session: &mut Session,
    kind: CallbackKind,
    services: &BTreeSet<ServiceId>,
) -> Result<Vec<SealedEndpoint>, Error> {
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = args![kind];
    let services = services.iter().copied();
    let chosen = session
        .kind()
        .one_of("service_id", ColumnType::Id, services, &mut args);
    let sql = format!(
        "SELECT id, service_id, sealed, letters FROM service_callbacks WHERE kind = $1 AND {chosen}"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            Ok(SealedEndpoint {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                sealed: row.get("sealed")?,
                letters: row.get("letters")?,
            })
        })
        .collect()
}

/// Where a callback goes, and what authenticates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// URL that is called.
    pub url: Private<String>,
    /// Token that authenticates the platform to the service.
    pub bearer_token: Private<String>,
    /// Secrets that sign what is sent.
    pub secrets: Vec<Private<String>>,
}

/// Opens a sealed endpoint. Fails if the key that sealed it is gone, as it may be when a task has waited for long.
pub fn open_endpoint(keyring: &Keyring, id: CallbackId, sealed: &[u8]) -> Result<Endpoint, Error> {
    let sealed = open(keyring, id, sealed)?;
    Ok(Endpoint {
        url: sealed.url.into(),
        bearer_token: sealed.bearer_token.into(),
        secrets: sealed.secrets.into_iter().map(Private::new).collect(),
    })
}

/// Re-encrypts with the primary key the callbacks of a service that an older key sealed. Returns how many.
pub async fn reencrypt(tx: &mut Tx, keyring: &Keyring, service: ServiceId) -> Result<u64, Error> {
    let secrets = ("service_callbacks", "sealed");
    reencryption::reencrypt_of_service(tx, keyring, secrets, service).await
}

fn seal(keyring: &Keyring, callback: &Callback) -> Vec<u8> {
    let sealed = Sealed {
        url: callback.url.reveal().clone(),
        bearer_token: callback.bearer_token.reveal().clone(),
        secrets: callback
            .secrets
            .iter()
            .map(|secret| secret.reveal().clone())
            .collect(),
    };
    // One sealed value rather than two: URL and token can then not be exchanged separately.
    let plain = serde_json::to_vec(&sealed).expect("two texts are writable as JSON");
    keyring.seal(callback.id.as_uuid().as_bytes(), &plain)
}

fn open(keyring: &Keyring, id: CallbackId, sealed: &[u8]) -> Result<Sealed, Error> {
    let plain = keyring.open(id.as_uuid().as_bytes(), sealed)?;
    serde_json::from_slice(&plain).map_err(|_| Error::Corrupt {
        table: "service_callbacks",
        column: "sealed",
        what: "not a URL and a token".into(),
    })
}

fn parse_callback(keyring: &Keyring, row: &Row) -> Result<Callback, Error> {
    let id: CallbackId = row.get("id")?;
    let sealed = open(keyring, id, &row.get::<Vec<u8>>("sealed")?)?;
    Ok(Callback {
        id,
        kind: row.parse("service_callbacks", "kind")?,
        url: sealed.url.into(),
        bearer_token: sealed.bearer_token.into(),
        secrets: sealed.secrets.into_iter().map(Private::new).collect(),
        letters: row.get("letters")?,
        paused_at: row.get("paused_at")?,
        failing_since: row.get("failing_since")?,
        updated_by: row.get("updated_by")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
