//! API keys. The secret is sealed; the name is only for people.

use domain::{ApiKeyId, KeyType, Private, ServiceId, Timestamp, UserId};

use crate::{
    Error, Keyring, Session, Tx,
    db::{Row, args},
    reencryption,
};

/// A key of a service.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub service_id: ServiceId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub key_type: KeyType,
    /// What tokens are signed with: the text of a UUID.
    pub secret: Private<String>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// Keeps a new key.
pub async fn insert(tx: &mut Tx, vault: &Keyring, key: &ApiKey) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO api_keys (id, service_id, name, key_type, sealed_secret, created_by, created_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            key.id,
            key.service_id,
            &*key.name,
            key.key_type,
            vault.seal(key.id.as_uuid().as_bytes(), key.secret.reveal().as_bytes()),
            key.created_by,
            key.created_at,
            key.revoked_at,
        ],
    )
    .await?;
    Ok(())
}

/// The keys of a service that were not revoked before `since`, oldest first.
pub async fn list(
    session: &mut Session,
    vault: &Keyring,
    service: ServiceId,
    since: Timestamp,
) -> Result<Vec<ApiKey>, Error> {
    session
        .fetch_all(
            "SELECT id, service_id, name, key_type, sealed_secret, created_by, created_at, revoked_at FROM api_keys \
             WHERE service_id = $1 AND (revoked_at IS NULL OR revoked_at > $2) ORDER BY created_at, id",
            args![service, since],
        )
        .await?
        .iter()
        .map(|row| key(vault, row))
        .collect()
}

/// Whether a service has a key of this name that is not revoked.
pub async fn is_name_taken(
    session: &mut Session,
    service: ServiceId,
    name: &str,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM api_keys WHERE service_id = $1 AND name = $2 AND revoked_at IS NULL",
            args![service, name],
        )
        .await?;
    Ok(row.is_some())
}

/// Revokes all keys of a service from `at` on.
pub async fn revoke_all(tx: &mut Tx, service: ServiceId, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE service_id = $1 AND revoked_at IS NULL",
        args![service, at],
    )
    .await?;
    Ok(())
}

/// Revokes a key from `at` on; whether there was one to revoke.
pub async fn revoke(
    tx: &mut Tx,
    service: ServiceId,
    id: ApiKeyId,
    at: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE api_keys SET revoked_at = $3 WHERE service_id = $1 AND id = $2 AND revoked_at IS NULL",
            args![service, id, at],
        )
        .await?;
    Ok(touched == 1)
}

/// Seals with the newest key of the vault those secrets of a service that an older one sealed; how many it was.
pub async fn reencrypt(tx: &mut Tx, vault: &Keyring, service: ServiceId) -> Result<u64, Error> {
    let secrets = ("api_keys", "sealed_secret");
    reencryption::reencrypt_of_service(tx, vault, secrets, service).await
}

fn key(vault: &Keyring, row: &Row) -> Result<ApiKey, Error> {
    let id: ApiKeyId = row.get("id")?;
    let secret = vault.open(
        id.as_uuid().as_bytes(),
        &row.get::<Vec<u8>>("sealed_secret")?,
    )?;
    Ok(ApiKey {
        id,
        service_id: row.get("service_id")?,
        name: row.get("name")?,
        key_type: row.word("api_keys", "key_type")?,
        secret: String::from_utf8(secret)
            .map_err(|_| Error::Corrupt {
                table: "api_keys",
                column: "sealed_secret",
                what: "not text".into(),
            })?
            .into(),
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}
