//! Services: creating, changing, suspending and archiving them. Changes to a service and what belongs to it (default
//! senders, folders, inbound number) hold a lock on the service row, so that concurrent changes are serialised.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Allowance, OrganisationId, Permission, ReplyToId, ServiceId, SmsSenderId, UserId, UserState,
};
use store::{
    Session, Tx,
    senders::{ReplyTo, SmsSender},
    services::Service,
    users::User,
};

use crate::{
    AdminError, App,
    manage::{admin_error::valid_name, organisations},
};

pub use crate::manage::{
    api_keys::{CreatedKey, create as create_key, list as list_keys, revoke as revoke_key},
    guests::add as add_guest,
};

/// The rate limit of a new service in requests per minute (`docs/spec/public-api.md` §1.1).
pub const DEFAULT_RATE_LIMIT: u32 = 3000;

/// A service to create.
#[derive(Debug, Clone)]
pub struct NewService {
    /// The name shown to people.
    pub name: String,
    /// Whether the service is in trial mode, where it can send only to its team and guests.
    pub restricted: bool,
    /// The permissions of the service.
    pub permissions: BTreeSet<Permission>,
    /// The rate limit in requests per minute.
    pub rate_limit: u32,
    /// Daily limits that differ from the defaults.
    pub limits: BTreeMap<Allowance, i64>,
    /// The default text message sender; derived from the name if absent.
    pub sms_sender: Option<String>,
    /// The default reply-to address of e-mails.
    pub reply_to: Option<String>,
    /// The organisation that the service belongs to.
    pub organisation: Option<OrganisationId>,
}

impl NewService {
    /// Returns a live service that can send e-mails and text messages at the default limits.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            restricted: false,
            permissions: [Permission::Email, Permission::Sms].into(),
            rate_limit: DEFAULT_RATE_LIMIT,
            limits: BTreeMap::new(),
            sms_sender: None,
            reply_to: None,
            organisation: None,
        }
    }
}

/// Creates a service.
pub async fn create(app: &App, new: NewService) -> Result<Service, AdminError> {
    let mut tx = app.write().await?;
    let id = ServiceId::generate(app.clock.now(), app.random());
    let service = create_in(app, &mut tx, id, new).await?;
    tx.commit().await?;
    Ok(service)
}

pub(crate) async fn create_in(
    app: &App,
    tx: &mut Tx,
    id: ServiceId,
    new: NewService,
) -> Result<Service, AdminError> {
    check_limits(Some(new.rate_limit), &new.limits)?;
    let name = valid_service_name(&new.name)?;
    let now = app.clock.now();
    let service = Service {
        id,
        email_sender_local_part: templates::sanitise::safe_email_local_part(&name),
        name,
        active: true,
        restricted: new.restricted,
        prefix_sms: true,
        contact_link: None,
        rate_limit: new.rate_limit,
        permissions: new.permissions,
        limits: new.limits,
        storage_limit_bytes: None,
        organisation_id: new.organisation,
        count_as_live: true,
        created_at: now,
    };
    if let Some(organisation) = new.organisation
        && !organisations::expect_active(tx, organisation).await?
    {
        return Err(AdminError::field(
            "organisation",
            "There is no such organisation.",
        ));
    }
    // The unique index decides about names, so that two concurrent requests cannot both succeed.
    store::services::insert(tx, &service)
        .await
        .map_err(AdminError::if_exists(|| name_exists(&service.name)))?;
    let sms_sender = new
        .sms_sender
        .unwrap_or_else(|| default_sender(&service.name));
    insert_default_senders(app, tx, &service, sms_sender, new.reply_to).await?;
    Ok(service)
}

async fn insert_default_senders(
    app: &App,
    tx: &mut Tx,
    service: &Service,
    sms_sender: String,
    reply_to: Option<String>,
) -> Result<(), AdminError> {
    let now = service.created_at;
    let sender = SmsSender {
        id: SmsSenderId::generate(now, app.random()),
        sms_sender,
        is_default: true,
        inbound_number_id: None,
    };
    store::senders::insert_sms_sender(tx, service.id, &sender, now).await?;
    if let Some(email_address) = reply_to {
        let reply_to = ReplyTo {
            id: ReplyToId::generate(now, app.random()),
            email_address,
            is_default: true,
        };
        store::senders::insert_reply_to(tx, service.id, &reply_to, now).await?;
    }
    Ok(())
}

/// Derives a text message sender from a service name: its ASCII letters and digits, at most 11, which is what
/// networks show.
fn default_sender(name: &str) -> String {
    let characters: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(11)
        .collect();
    if characters.is_empty() {
        "Pillarbox".to_owned()
    } else {
        characters
    }
}

fn name_exists(name: &str) -> AdminError {
    AdminError::field("name", format!("Duplicate service name '{name}'"))
}

/// Prefix of the names of archived services. Names are unique, so archiving renames the service to free its name.
const ARCHIVED_PREFIX: &str = "_archived_";

fn valid_service_name(text: &str) -> Result<String, AdminError> {
    let name = valid_name(text)?;
    if name.starts_with(ARCHIVED_PREFIX) {
        return Err(AdminError::field(
            "name",
            format!("Cannot begin with {ARCHIVED_PREFIX}: archived services are called so."),
        ));
    }
    Ok(name)
}

fn check_limits(
    rate_limit: Option<u32>,
    limits: &BTreeMap<Allowance, i64>,
) -> Result<(), AdminError> {
    if rate_limit == Some(0) {
        return Err(AdminError::field(
            "rate_limit",
            "Must be a number of requests a minute, at least 1.",
        ));
    }
    // 0 is allowed: it closes a channel.
    if let Some((allowance, _)) = limits.iter().find(|(_, limit)| **limit < 0) {
        return Err(AdminError::field(
            "limits",
            format!("{allowance}: must be a number of messages a day, at least 0."),
        ));
    }
    Ok(())
}

/// Lists all services, ordered by name.
pub async fn list(app: &App) -> Result<Vec<Service>, AdminError> {
    Ok(store::services::list(&mut app.read().await?).await?)
}

/// Finds a service, reading past the cache.
pub async fn find(app: &App, id: ServiceId) -> Result<Service, AdminError> {
    store::services::find(&mut app.read().await?, id)
        .await?
        .ok_or(AdminError::NoSuch("service"))
}

/// A change to a service. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct ServiceChange {
    /// The new name.
    pub name: Option<String>,
    /// Whether the service is active; a suspended service can do nothing.
    pub active: Option<bool>,
    /// Whether the service is in trial mode.
    pub restricted: Option<bool>,
    /// The local part of the sender address of e-mails. Until one is set, it follows the name.
    pub email_sender_local_part: Option<String>,
    /// Whether text messages begin with the service name.
    pub prefix_sms: Option<bool>,
    /// The contact link for recipients; `Some(None)` removes it.
    pub contact_link: Option<Option<String>>,
    /// The rate limit in requests per minute.
    pub rate_limit: Option<u32>,
    /// The complete set of permissions.
    pub permissions: Option<BTreeSet<Permission>>,
    /// Daily limits to change; the others are left as they are.
    pub limits: BTreeMap<Allowance, i64>,
    /// The bytes that the service may store; `Some(None)` returns to the setting.
    pub storage_limit_bytes: Option<Option<i64>>,
    /// The organisation; `Some(None)` removes it.
    pub organisation: Option<Option<OrganisationId>>,
    /// Whether the service counts in public statistics.
    pub count_as_live: Option<bool>,
}

/// Changes a service, effective immediately in this process.
pub async fn update(
    app: &App,
    id: ServiceId,
    change: ServiceChange,
) -> Result<Service, AdminError> {
    check_limits(change.rate_limit, &change.limits)?;
    if let Some(Some(..0)) = change.storage_limit_bytes {
        return Err(AdminError::field(
            "storage_limit_bytes",
            "Must be a number of bytes, at least 0.",
        ));
    }
    let name = change.name.as_deref().map(valid_service_name).transpose()?;
    let mut tx = app.write().await?;
    let before = lock_existing(&mut tx, id).await?;
    if is_archived(&before) {
        return Err(AdminError::rejected(
            "An archived service cannot be changed",
        ));
    }
    if let Some(Some(organisation)) = change.organisation
        // A service of an organisation that became inactive can still be changed.
        && before.organisation_id != Some(organisation)
        && !organisations::expect_active(&mut tx, organisation).await?
    {
        return Err(AdminError::field(
            "organisation",
            "There is no such organisation.",
        ));
    }
    let after = apply_change(before, name, change)?;
    store::services::update(&mut tx, &after)
        .await
        .map_err(AdminError::if_exists(|| name_exists(&after.name)))?;
    commit_and_invalidate(app, tx, id).await?;
    Ok(after)
}

const MAX_LINK_CHARACTERS: usize = 255;

fn apply_change(
    before: Service,
    name: Option<String>,
    change: ServiceChange,
) -> Result<Service, AdminError> {
    let email_sender_local_part = match (change.email_sender_local_part, &name) {
        (Some(given), _) => valid_local_part(&given)?,
        // It was never set by hand, so it follows the name, as recipients expect.
        (None, Some(name)) if sender_follows_name(&before) => {
            templates::sanitise::safe_email_local_part(name)
        }
        (None, _) => before.email_sender_local_part,
    };
    if let Some(Some(link)) = &change.contact_link
        && link.chars().count() > MAX_LINK_CHARACTERS
    {
        return Err(AdminError::field(
            "contact_link",
            format!("Cannot be longer than {MAX_LINK_CHARACTERS} characters."),
        ));
    }
    let mut limits = before.limits;
    // Limits that the change does not name stay.
    limits.extend(change.limits);
    Ok(Service {
        id: before.id,
        name: name.unwrap_or(before.name),
        active: change.active.unwrap_or(before.active),
        restricted: change.restricted.unwrap_or(before.restricted),
        email_sender_local_part,
        prefix_sms: change.prefix_sms.unwrap_or(before.prefix_sms),
        contact_link: change.contact_link.unwrap_or(before.contact_link),
        rate_limit: change.rate_limit.unwrap_or(before.rate_limit),
        permissions: change.permissions.unwrap_or(before.permissions),
        limits,
        storage_limit_bytes: change
            .storage_limit_bytes
            .unwrap_or(before.storage_limit_bytes),
        organisation_id: change.organisation.unwrap_or(before.organisation_id),
        count_as_live: change.count_as_live.unwrap_or(before.count_as_live),
        created_at: before.created_at,
    })
}

fn sender_follows_name(service: &Service) -> bool {
    service.email_sender_local_part == templates::sanitise::safe_email_local_part(&service.name)
}

fn valid_local_part(text: &str) -> Result<String, AdminError> {
    let safe = templates::sanitise::safe_email_local_part(text);
    // Rejected rather than corrected, so that the address is what the request says.
    if safe.is_empty() || safe != text {
        return Err(AdminError::field(
            "email_sender_local_part",
            "Must be small letters, digits and single dots.",
        ));
    }
    Ok(safe)
}

/// Sets whether a service is active and whether it is in trial mode.
pub async fn set_mode(
    app: &App,
    id: ServiceId,
    active: bool,
    restricted: bool,
) -> Result<(), AdminError> {
    let change = ServiceChange {
        active: Some(active),
        restricted: Some(restricted),
        ..ServiceChange::default()
    };
    update(app, id, change).await.map(drop)
}

/// Suspends a service. Its API keys remain, but are rejected until it is resumed.
pub async fn suspend(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let change = ServiceChange {
        active: Some(false),
        ..ServiceChange::default()
    };
    update(app, id, change).await.map(drop)
}

/// Resumes a suspended service.
pub async fn resume(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let change = ServiceChange {
        active: Some(true),
        ..ServiceChange::default()
    };
    update(app, id, change).await.map(drop)
}

/// Archives a service permanently: revokes its API keys, archives its templates and frees its name. It is idempotent.
pub async fn archive(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let before = lock_existing(&mut tx, id).await?;
    if is_archived(&before) {
        // Archiving again must not rename it again.
        return Ok(());
    }
    let after = Service {
        name: format!("{ARCHIVED_PREFIX}{}_{id}_{}", now.utc_day(), before.name),
        active: false,
        ..before
    };
    store::services::update(&mut tx, &after).await?;
    // An archived service cannot be resumed, so its keys end with it.
    store::api_keys::revoke_all(&mut tx, id, now).await?;
    store::templates::archive_all(&mut tx, id).await?;
    commit_and_invalidate(app, tx, id).await?;
    // Archived templates may still be cached, and the cache has no index by service.
    app.caches.templates.invalidate_all();
    Ok(())
}

fn is_archived(service: &Service) -> bool {
    !service.active && service.name.starts_with(ARCHIVED_PREFIX)
}

async fn lock_existing(tx: &mut Tx, id: ServiceId) -> Result<Service, AdminError> {
    store::services::lock(tx, id)
        .await?
        .ok_or(AdminError::NoSuch("service"))
}

/// Begins a transaction that holds a lock on the service row.
pub(crate) async fn lock(app: &App, service: ServiceId) -> Result<Tx, AdminError> {
    let mut tx = app.write().await?;
    lock_existing(&mut tx, service).await?;
    Ok(tx)
}

/// Commits a change to a service and removes the service from the cache.
pub(crate) async fn commit_and_invalidate(
    app: &App,
    tx: Tx,
    service: ServiceId,
) -> Result<(), AdminError> {
    tx.commit().await?;
    app.caches.tenants.invalidate(service);
    Ok(())
}

/// Begins a read session for what belongs to a service, or fails if the service does not exist.
pub(crate) async fn read_existing(app: &App, service: ServiceId) -> Result<Session, AdminError> {
    let mut session = app.read().await?;
    store::services::find(&mut session, service)
        .await?
        .ok_or(AdminError::NoSuch("service"))?;
    Ok(session)
}

/// Creates a user and adds the user to a service's team.
pub async fn add_member(
    app: &App,
    service: ServiceId,
    name: &str,
    email_address: &str,
    mobile_number: Option<&str>,
) -> Result<User, AdminError> {
    let user = User {
        id: UserId::generate(app.clock.now(), app.random()),
        name: name.to_owned(),
        // Addresses of users are compared without regard to case.
        email_address: email_address.to_lowercase(),
        mobile_number: mobile_number.map(str::to_owned),
        state: UserState::Active,
        platform_admin: false,
        created_at: app.clock.now(),
    };
    let mut tx = app.write().await?;
    store::users::insert(&mut tx, &user).await?;
    store::services::add_member(&mut tx, service, user.id).await?;
    tx.commit().await?;
    app.caches.tenants.invalidate(service);
    Ok(user)
}
