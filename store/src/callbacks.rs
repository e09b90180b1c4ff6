//! Where services want to be told: one URL with a bearer token for each kind of event. Both are sealed.

use domain::{CallbackId, CallbackKind, Private, ServiceId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Keyring, Session, Tx,
    db::{Row, args},
    reencryption,
};

/// A URL at which a service wants to be told.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Which.
    pub id: CallbackId,
    /// Of what it tells.
    pub kind: CallbackKind,
    /// Where.
    pub url: Private<String>,
    /// How the service knows that it is us.
    pub bearer_token: Private<String>,
    /// Who set it last.
    pub updated_by: Option<UserId>,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

/// What is sealed together.
#[derive(Serialize, Deserialize)]
struct Sealed {
    url: String,
    bearer_token: String,
}

const COLUMNS: &str = "id, kind, sealed, updated_by, created_at, updated_at";

/// Keeps a new callback; `Exists` if the service has one of the kind.
pub async fn insert(
    tx: &mut Tx,
    vault: &Keyring,
    service: ServiceId,
    callback: &Callback,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO service_callbacks (id, service_id, kind, sealed, updated_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            callback.id,
            service,
            callback.kind,
            seal(vault, callback),
            callback.updated_by,
            callback.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Writes a callback anew; whether it is still there.
pub async fn update(
    tx: &mut Tx,
    vault: &Keyring,
    service: ServiceId,
    callback: &Callback,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE service_callbacks SET sealed = $3, updated_by = $4, updated_at = $5 \
             WHERE service_id = $1 AND id = $2",
            args![
                service,
                callback.id,
                seal(vault, callback),
                callback.updated_by,
                callback.updated_at
            ],
        )
        .await?;
    Ok(touched == 1)
}

/// Forgets where a service wants to be told; whether it wanted to.
pub async fn delete(tx: &mut Tx, service: ServiceId, kind: CallbackKind) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "DELETE FROM service_callbacks WHERE service_id = $1 AND kind = $2",
            args![service, kind],
        )
        .await?;
    Ok(touched == 1)
}

/// Where a service wants to be told of this kind of event.
pub async fn find(
    session: &mut Session,
    vault: &Keyring,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<Option<Callback>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM service_callbacks WHERE service_id = $1 AND kind = $2"),
            args![service, kind],
        )
        .await?;
    row.map(|row| callback(vault, &row)).transpose()
}

/// Seals with the newest key of the vault those callbacks of a service that an older one sealed; how many it was.
pub async fn reencrypt(tx: &mut Tx, vault: &Keyring, service: ServiceId) -> Result<u64, Error> {
    let secrets = ("service_callbacks", "sealed");
    reencryption::reencrypt_of_service(tx, vault, secrets, service).await
}

fn seal(vault: &Keyring, callback: &Callback) -> Vec<u8> {
    let sealed = Sealed {
        url: callback.url.reveal().clone(),
        bearer_token: callback.bearer_token.reveal().clone(),
    };
    let plain = serde_json::to_vec(&sealed).expect("two texts are writable as JSON");
    vault.seal(callback.id.as_uuid().as_bytes(), &plain)
}

fn callback(vault: &Keyring, row: &Row) -> Result<Callback, Error> {
    let id: CallbackId = row.get("id")?;
    let plain = vault.open(id.as_uuid().as_bytes(), &row.get::<Vec<u8>>("sealed")?)?;
    let sealed: Sealed = serde_json::from_slice(&plain).map_err(|_| Error::Corrupt {
        table: "service_callbacks",
        column: "sealed",
        what: "not a URL and a token".into(),
    })?;
    Ok(Callback {
        id,
        kind: row.word("service_callbacks", "kind")?,
        url: sealed.url.into(),
        bearer_token: sealed.bearer_token.into(),
        updated_by: row.get("updated_by")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
