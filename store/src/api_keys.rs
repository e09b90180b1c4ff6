//! API keys. The secret is sealed.

use domain::{ApiKeyId, KeyType, Private, ServiceId, Timestamp, UserId};

use crate::{
    Error, Keyring, Session, Tx,
    db::{Row, args},
    reencryption,
};

/// API key of a service.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Primary key.
    pub id: ApiKeyId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Name shown to people.
    pub name: String,
    /// Type of the key.
    pub key_type: KeyType,
    /// Secret that signs tokens: the text of a UUID.
    pub secret: Private<String>,
    /// User who created it.
    pub created_by: Option<UserId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Inserts a key.
pub async fn insert(tx: &mut Tx, keyring: &Keyring, key: &ApiKey) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO api_keys (id, service_id, name, key_type, sealed_secret, created_by, created_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            key.id,
            key.service_id,
            &*key.name,
            key.key_type,
            keyring.seal(key.id.as_uuid().as_bytes(), key.secret.reveal().as_bytes()),
            key.created_by,
            key.created_at,
            key.revoked_at,
        ],
    )
    .await?;
    Ok(())
}

/// Returns the keys of a service that were not revoked before `since`, oldest first.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    since: Timestamp,
) -> Result<Vec<ApiKey>, Error> {
    session
        .fetch_all(
            // Recently revoked keys are included: a token signed with one gets a different error than an unknown
            // key.
            "SELECT id, service_id, name, key_type, sealed_secret, created_by, created_at, revoked_at FROM api_keys \
             WHERE service_id = $1 AND (revoked_at IS NULL OR revoked_at > $2) ORDER BY created_at, id",
            args![service, since],
        )
        .await?
        .iter()
        .map(|row| parse_api_key(keyring, row))
        .collect()
}

/// Returns whether a service has an active key with this name.
pub async fn is_name_taken(
    session: &mut Session,
    service: ServiceId,
    name: &str,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM api_keys WHERE service_id = $1 AND name = $2 AND revoked_at IS NULL LIMIT 1",
            args![service, name],
        )
        .await?;
    Ok(row.is_some())
}

/// Revokes all keys of a service.
pub async fn revoke_all(tx: &mut Tx, service: ServiceId, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE service_id = $1 AND revoked_at IS NULL",
        args![service, at],
    )
    .await?;
    Ok(())
}

/// Revokes a key. Returns whether there was an active one.
pub async fn revoke(
    tx: &mut Tx,
    service: ServiceId,
    id: ApiKeyId,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE api_keys SET revoked_at = $3 WHERE service_id = $1 AND id = $2 AND revoked_at IS NULL",
            args![service, id, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Re-encrypts with the primary key the secrets of a service that an older key sealed. Returns how many.
pub async fn reencrypt(tx: &mut Tx, keyring: &Keyring, service: ServiceId) -> Result<u64, Error> {
    let secrets = ("api_keys", "sealed_secret");
    reencryption::reencrypt_of_service(tx, keyring, secrets, service).await
}

fn parse_api_key(keyring: &Keyring, row: &Row) -> Result<ApiKey, Error> {
    let id: ApiKeyId = row.get("id")?;
    let secret = keyring.open(
        id.as_uuid().as_bytes(),
        &row.get::<Vec<u8>>("sealed_secret")?,
    )?;
    Ok(ApiKey {
        id,
        service_id: row.get("service_id")?,
        name: row.get("name")?,
        key_type: row.parse("api_keys", "key_type")?,
        // Sealed data that opens but is not text was written by something else.
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
