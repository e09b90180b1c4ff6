//! API keys of services. A key can be read only when it is made.

use domain::{ApiKeyId, KeyType, Private, ServiceId, Timestamp, UserId};
use store::{Tx, api_keys::ApiKey};
use uuid::Uuid;

use crate::{
    AdminError, App,
    manage::{admin_error::name_of, services, users},
};

/// A key that was just made: the only moment at which it can be read.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// Which.
    pub id: ApiKeyId,
    /// What it may do.
    pub key_type: KeyType,
    /// What is handed to a developer: `<name>-<service id>-<secret>` (`docs/spec/public-api.md` §3.1).
    pub key: Private<String>,
}

/// Makes an API key.
pub async fn create(
    app: &App,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
) -> Result<MadeKey, AdminError> {
    create_for(app, service, name, key_type, None).await
}

/// Makes an API key for somebody.
pub async fn create_for(
    app: &App,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
    created_by: Option<UserId>,
) -> Result<MadeKey, AdminError> {
    let mut tx = services::lock(app, service).await?;
    users::expect(&mut tx, "created_by", created_by).await?;
    let made = create_in(app, &mut tx, service, name, key_type, created_by).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(made)
}

/// The service is held, so that a name is looked for and taken in one.
pub(crate) async fn create_in(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
    created_by: Option<UserId>,
) -> Result<MadeKey, AdminError> {
    let name = name_of(name)?;
    if store::api_keys::is_name_taken(tx, service, &name).await? {
        return Err(AdminError::field(
            "name",
            "The service has an API key of this name already.",
        ));
    }
    let now = app.clock.now();
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
    Ok(MadeKey {
        id: key.id,
        key_type,
        key: format!("{name}-{service}-{secret}").into(),
    })
}

/// A UUID of version 4: 122 bits that nobody can foretell.
fn random_uuid(app: &App) -> Uuid {
    let mut bytes = [0; 16];
    app.random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The keys of a service, revoked ones too; their secrets stay inside.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<ApiKey>, AdminError> {
    let since = Timestamp::default();
    let mut session = services::read_existing(app, service).await?;
    Ok(store::api_keys::list(&mut session, app.store.keyring(), service, since).await?)
}

/// Revokes a key; other processes may take it for two more seconds.
pub async fn revoke(app: &App, service: ServiceId, id: ApiKeyId) -> Result<(), AdminError> {
    let mut tx = app.write().await?;
    let found = store::api_keys::revoke(&mut tx, service, id, app.clock.now()).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    if found {
        Ok(())
    } else {
        Err(AdminError::NoSuch("key that is not revoked yet"))
    }
}
