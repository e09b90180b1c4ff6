//! Services and what belongs to them: keys, senders, people.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Allowance, ApiKeyId, KeyType, Permission, Private, ReplyToId, ServiceId, SmsSenderId,
    Timestamp, UserId,
};
use store::{
    Tx,
    api_keys::ApiKey,
    senders::{ReplyTo, SmsSender},
    services::Service,
    users::User,
};
use uuid::Uuid;

use crate::App;

/// The rate limit of a new service, in requests a minute (public-api §1.1).
pub const STANDARD_RATE_LIMIT: u32 = 3000;

/// A service as it is asked for.
#[derive(Debug, Clone)]
pub struct NewService {
    /// What people call it.
    pub name: String,
    /// In trial mode, where it reaches only its team and guests.
    pub restricted: bool,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
    /// Requests a minute.
    pub rate_limit: u32,
    /// How many a day, where it is not the standard number.
    pub limits: BTreeMap<Allowance, i64>,
    /// The text message sender of its own; nothing: its name, cut to what fits.
    pub sms_sender: Option<String>,
    /// Where answers to its e-mails go.
    pub reply_to: Option<String>,
}

impl NewService {
    /// A live service that sends e-mails and texts at the standard limits.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            restricted: false,
            permissions: [Permission::Email, Permission::Sms].into(),
            rate_limit: STANDARD_RATE_LIMIT,
            limits: BTreeMap::new(),
            sms_sender: None,
            reply_to: None,
        }
    }
}

/// Why something about a service cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// What was given makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes a service.
pub async fn create(app: &App, new: NewService) -> Result<Service, ServiceError> {
    let mut tx = app.write().await?;
    let service = create_in(
        app,
        &mut tx,
        ServiceId::mint(app.clock.now(), app.entropy()),
        new,
    )
    .await?;
    tx.commit().await?;
    Ok(service)
}

pub(crate) async fn create_in(
    app: &App,
    tx: &mut Tx,
    id: ServiceId,
    new: NewService,
) -> Result<Service, ServiceError> {
    if new.name.trim().is_empty() {
        return Err(ServiceError::Invalid("a service needs a name"));
    }
    if new.rate_limit == 0 {
        return Err(ServiceError::Invalid(
            "the rate limit is a number of requests a minute, at least 1",
        ));
    }
    let now = app.clock.now();
    let service = Service {
        id,
        email_sender_local_part: content::sanitise::safe_email_local_part(&new.name),
        name: new.name,
        active: true,
        restricted: new.restricted,
        prefix_sms: true,
        contact_link: None,
        rate_limit: new.rate_limit,
        permissions: new.permissions,
        limits: new.limits,
        created_at: now,
    };
    store::services::insert(tx, &service).await?;
    let sender = SmsSender {
        id: SmsSenderId::mint(now, app.entropy()),
        sms_sender: new.sms_sender.unwrap_or_else(|| sender_of(&service.name)),
        is_default: true,
    };
    store::senders::insert_sms_sender(tx, id, &sender, now).await?;
    if let Some(email_address) = new.reply_to {
        let reply_to = ReplyTo {
            id: ReplyToId::mint(now, app.entropy()),
            email_address,
            is_default: true,
        };
        store::senders::insert_reply_to(tx, id, &reply_to, now).await?;
    }
    Ok(service)
}

/// A name that fits where the sender of a text is shown: letters and digits, eleven at most.
fn sender_of(name: &str) -> String {
    let fitting: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(11)
        .collect();
    if fitting.is_empty() {
        "Pillarbox".to_owned()
    } else {
        fitting
    }
}

/// All services, by name.
pub async fn list(app: &App) -> Result<Vec<Service>, ServiceError> {
    Ok(store::services::list(&mut app.read().await?).await?)
}

/// Switches a service on or off, and in or out of trial mode.
pub async fn set_mode(
    app: &App,
    id: ServiceId,
    active: bool,
    restricted: bool,
) -> Result<(), ServiceError> {
    let mut tx = app.write().await?;
    let found = store::services::set_mode(&mut tx, id, active, restricted).await?;
    tx.commit().await?;
    app.tenants.forget(id).await;
    if found {
        Ok(())
    } else {
        Err(ServiceError::NoSuch("service"))
    }
}

/// Sets how recipients of a service's files reach it – a page, an e-mail address or a phone number: whoever sends files
/// needs one (public-api §9.2).
pub async fn set_contact_link(
    app: &App,
    id: ServiceId,
    contact_link: Option<&str>,
) -> Result<(), ServiceError> {
    let mut tx = app.write().await?;
    let found = store::services::set_contact_link(&mut tx, id, contact_link).await?;
    tx.commit().await?;
    app.tenants.forget(id).await;
    if found {
        Ok(())
    } else {
        Err(ServiceError::NoSuch("service"))
    }
}

/// A key that was just made: the only moment at which it can be read.
#[derive(Debug, Clone)]
pub struct MadeKey {
    /// Which.
    pub id: ApiKeyId,
    /// What it may do.
    pub key_type: KeyType,
    /// What is handed to a developer: `<name>-<service id>-<secret>` (public-api §3.1).
    pub key: Private<String>,
}

/// Makes an API key.
pub async fn create_key(
    app: &App,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
) -> Result<MadeKey, ServiceError> {
    let mut tx = app.write().await?;
    store::services::find(&mut tx, service)
        .await?
        .ok_or(ServiceError::NoSuch("service"))?;
    let made = create_key_in(app, &mut tx, service, name, key_type).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(made)
}

pub(crate) async fn create_key_in(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    name: &str,
    key_type: KeyType,
) -> Result<MadeKey, ServiceError> {
    if name.trim().is_empty() {
        return Err(ServiceError::Invalid("a key needs a name"));
    }
    let now = app.clock.now();
    let secret = random_uuid(app);
    let key = ApiKey {
        id: ApiKeyId::mint(now, app.entropy()),
        service_id: service,
        name: name.to_owned(),
        key_type,
        secret: secret.to_string().into(),
        created_by: None,
        created_at: now,
        revoked_at: None,
    };
    store::api_keys::insert(tx, app.store.vault(), &key).await?;
    Ok(MadeKey {
        id: key.id,
        key_type,
        key: format!("{name}-{service}-{secret}").into(),
    })
}

/// A UUID of version 4: 122 bits that nobody can foretell.
fn random_uuid(app: &App) -> Uuid {
    let mut bytes = [0; 16];
    app.entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The keys of a service that are not long revoked; their secrets stay inside.
pub async fn list_keys(app: &App, service: ServiceId) -> Result<Vec<ApiKey>, ServiceError> {
    let since = Timestamp::default();
    Ok(store::api_keys::list(&mut app.read().await?, app.store.vault(), service, since).await?)
}

/// Revokes a key; other processes may take it for two more seconds.
pub async fn revoke_key(app: &App, service: ServiceId, id: ApiKeyId) -> Result<(), ServiceError> {
    let mut tx = app.write().await?;
    let found = store::api_keys::revoke(&mut tx, service, id, app.clock.now()).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    if found {
        Ok(())
    } else {
        Err(ServiceError::NoSuch("key that is not revoked yet"))
    }
}

/// Adds a text message sender.
pub async fn add_sms_sender(
    app: &App,
    service: ServiceId,
    sms_sender: &str,
    is_default: bool,
) -> Result<SmsSender, ServiceError> {
    let sender = SmsSender {
        id: SmsSenderId::mint(app.clock.now(), app.entropy()),
        sms_sender: sms_sender.to_owned(),
        is_default,
    };
    let mut tx = app.write().await?;
    store::services::find(&mut tx, service)
        .await?
        .ok_or(ServiceError::NoSuch("service"))?;
    store::senders::insert_sms_sender(&mut tx, service, &sender, app.clock.now()).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(sender)
}

/// Adds a reply-to address.
pub async fn add_reply_to(
    app: &App,
    service: ServiceId,
    email_address: &str,
    is_default: bool,
) -> Result<ReplyTo, ServiceError> {
    let reply_to = ReplyTo {
        id: ReplyToId::mint(app.clock.now(), app.entropy()),
        email_address: email_address.to_owned(),
        is_default,
    };
    let mut tx = app.write().await?;
    store::services::find(&mut tx, service)
        .await?
        .ok_or(ServiceError::NoSuch("service"))?;
    store::senders::insert_reply_to(&mut tx, service, &reply_to, app.clock.now()).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(reply_to)
}

/// Adds a person to a service's team; they are made if nobody has the id.
pub async fn add_member(
    app: &App,
    service: ServiceId,
    name: &str,
    email_address: &str,
    mobile_number: Option<&str>,
) -> Result<User, ServiceError> {
    let user = User {
        id: UserId::mint(app.clock.now(), app.entropy()),
        name: name.to_owned(),
        email_address: email_address.to_owned(),
        mobile_number: mobile_number.map(str::to_owned),
        created_at: app.clock.now(),
    };
    let mut tx = app.write().await?;
    store::users::insert(&mut tx, &user).await?;
    store::services::add_member(&mut tx, service, user.id).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(user)
}

/// Puts a recipient on a service's guest list.
pub async fn add_guest(app: &App, service: ServiceId, recipient: &str) -> Result<(), ServiceError> {
    let kind = if recipient.contains('@') {
        "email"
    } else {
        "mobile"
    };
    let mut tx = app.write().await?;
    store::services::add_guest(&mut tx, service, kind, recipient).await?;
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(())
}
