//! API keys of services. The secret is only shown when the key is created.

use domain::{ApiKeyId, KeyType, Private, ServiceId, Timestamp, UserId};
use store::{Tx, api_keys::ApiKey};
use uuid::Uuid;

use crate::{
    AdminError, App,
    manage::{admin_error::valid_name, services, users},
};

/// A key that was just created. This is the only time when its secret is available.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The id of the key.
    pub id: ApiKeyId,
    /// The type of the key.
    pub key_type: KeyType,
    /// The key as a developer uses it: `<name>-<service id>-<secret>` (`docs/spec/public-api.md` §3.1).
    pub key: Private<String>,
}

/// Creates an API key.
pub async fn create(
    app: &App,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
) -> Result<CreatedKey, AdminError> {
    create_for(app, service, name, key_type, None).await
}

/// Creates an API key and records the user who did it.
pub async fn create_for(
    app: &App,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
    created_by: Option<UserId>,
) -> Result<CreatedKey, AdminError> {
    let mut tx = services::lock(app, service).await?;
    users::check_exists(&mut tx, "created_by", created_by).await?;
    let made = create_in(app, &mut tx, service, name, key_type, created_by).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(made)
}

/// Creates an API key in the caller's transaction, which must hold the lock on the service: the check of the name and
/// the insert have to be atomic.
pub(crate) async fn create_in(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
    created_by: Option<UserId>,
) -> Result<CreatedKey, AdminError> {
    let name = valid_name(name)?;
    if store::api_keys::is_name_taken(tx, service, &name).await? {
        return Err(AdminError::field(
            "name",
            "The service has an API key of this name already.",
        ));
    }
    let now = app.clock.now();
    // Not a UUID of our ids: those contain the time, and part of them could be guessed.
    let secret = random_uuid(app);
    let key = ApiKey {
        id: ApiKeyId::generate(now, app.random()),
        service_id: service,
        name: name.clone(),
        key_type,
        secret: secret.to_string().into(),
        created_by,
        created_at: now,
        revoked_at: None,
    };
    store::api_keys::insert(tx, app.store.keyring(), &key).await?;
    Ok(CreatedKey {
        id: key.id,
        key_type,
        key: format!("{name}-{service}-{secret}").into(),
    })
}

/// Returns a random UUID (version 4) with 122 unpredictable bits.
fn random_uuid(app: &App) -> Uuid {
    let mut bytes = [0; 16];
    app.random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Lists the keys of a service, including revoked ones. Callers must not show the secrets.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<ApiKey>, AdminError> {
    // From the beginning of time: the tenants' cache leaves out keys that were revoked long ago, a list of keys does not.
    let since = Timestamp::default();
    let mut session = services::read_existing(app, service).await?;
    Ok(store::api_keys::list(&mut session, app.store.keyring(), service, since).await?)
}

/// Revokes a key. Other processes may accept it for up to two seconds more, until their caches expire.
pub async fn revoke(app: &App, service: ServiceId, id: ApiKeyId) -> Result<(), AdminError> {
    let mut tx = app.write().await?;
    let found = store::api_keys::revoke(&mut tx, service, id, app.clock.now()).await?;
    tx.commit().await?;
    // Even if the key was revoked by another process, which cannot invalidate this cache.
    app.caches.tenants.invalidate(service);
    if found {
        Ok(())
    } else {
        Err(AdminError::NoSuch("key that is not revoked yet"))
    }
}
