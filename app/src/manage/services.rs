//! Services: made, seen, changed, suspended, archived. What hangs together in a service – its defaults, its folders,
//! its number – is changed while the service is held, so that two changes at once come one after the other.

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
    manage::{admin_error::name_of, organisations},
};

pub use crate::manage::{
    api_keys::{MadeKey, create as create_key, list as list_keys, revoke as revoke_key},
    guests::add as add_guest,
};

/// The rate limit of a new service, in requests a minute (`docs/spec/public-api.md` §1.1).
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
    /// Who runs it.
    pub organisation: Option<OrganisationId>,
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
            organisation: None,
        }
    }
}

/// Makes a service.
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
    let name = service_name_of(&new.name)?;
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
    store::services::insert(tx, &service)
        .await
        .map_err(AdminError::if_taken(|| name_exists(&service.name)))?;
    let sms_sender = new.sms_sender.unwrap_or_else(|| sender_of(&service.name));
    give_defaults(app, tx, &service, sms_sender, new.reply_to).await?;
    Ok(service)
}

/// Gives a new service its default sender of texts and, if it has one, its default reply-to address.
async fn give_defaults(
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

fn name_exists(name: &str) -> AdminError {
    AdminError::field("name", format!("Duplicate service name '{name}'"))
}

/// What an archived service is called begins like this, so that its name is free for another.
const ARCHIVED: &str = "_archived_";

fn service_name_of(text: &str) -> Result<String, AdminError> {
    let name = name_of(text)?;
    if name.starts_with(ARCHIVED) {
        return Err(AdminError::field(
            "name",
            format!("Cannot begin with {ARCHIVED}: archived services are called so."),
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
    if let Some((allowance, _)) = limits.iter().find(|(_, limit)| **limit < 0) {
        return Err(AdminError::field(
            "limits",
            format!("{allowance}: must be a number of messages a day, at least 0."),
        ));
    }
    Ok(())
}

/// All services, by name.
pub async fn list(app: &App) -> Result<Vec<Service>, AdminError> {
    Ok(store::services::list(&mut app.read().await?).await?)
}

/// The service with this id, as it is kept.
pub async fn find(app: &App, id: ServiceId) -> Result<Service, AdminError> {
    store::services::find(&mut app.read().await?, id)
        .await?
        .ok_or(AdminError::NoSuch("service"))
}

/// What is changed about a service; nothing stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ServiceChange {
    /// Another name.
    pub name: Option<String>,
    /// Whether it may do anything at all.
    pub active: Option<bool>,
    /// In trial mode, or live.
    pub restricted: Option<bool>,
    /// What stands before the `@` of its e-mails' sender; if never given, it follows the name.
    pub email_sender_local_part: Option<String>,
    /// Its name goes before its texts.
    pub prefix_sms: Option<bool>,
    /// Where its recipients can ask, or nowhere.
    pub contact_link: Option<Option<String>>,
    /// Requests a minute.
    pub rate_limit: Option<u32>,
    /// All that it may do.
    pub permissions: Option<BTreeSet<Permission>>,
    /// How many of these a day; others stay.
    pub limits: BTreeMap<Allowance, i64>,
    /// Who runs it, or nobody.
    pub organisation: Option<Option<OrganisationId>>,
    /// Whether it is counted in public.
    pub count_as_live: Option<bool>,
}

/// Changes a service. What this process knows of it is forgotten, so that the change counts at once.
pub async fn update(
    app: &App,
    id: ServiceId,
    change: ServiceChange,
) -> Result<Service, AdminError> {
    check_limits(change.rate_limit, &change.limits)?;
    let name = change.name.as_deref().map(service_name_of).transpose()?;
    let mut tx = app.write().await?;
    let before = lock_existing(&mut tx, id).await?;
    if is_archived(&before) {
        return Err(AdminError::rejected(
            "An archived service cannot be changed",
        ));
    }
    if let Some(Some(organisation)) = change.organisation
        && before.organisation_id != Some(organisation)
        && !organisations::expect_active(&mut tx, organisation).await?
    {
        return Err(AdminError::field(
            "organisation",
            "There is no such organisation.",
        ));
    }
    let after = changed(before, name, change)?;
    store::services::update(&mut tx, &after)
        .await
        .map_err(AdminError::if_taken(|| name_exists(&after.name)))?;
    commit_and_invalidate(app, tx, id).await?;
    Ok(after)
}

fn changed(
    before: Service,
    name: Option<String>,
    change: ServiceChange,
) -> Result<Service, AdminError> {
    let email_sender_local_part = match (change.email_sender_local_part, &name) {
        (Some(given), _) => local_part_of(&given)?,
        (None, Some(name)) if follows_its_name(&before) => {
            templates::sanitise::safe_email_local_part(name)
        }
        (None, _) => before.email_sender_local_part,
    };
    let mut limits = before.limits;
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
        organisation_id: change.organisation.unwrap_or(before.organisation_id),
        count_as_live: change.count_as_live.unwrap_or(before.count_as_live),
        created_at: before.created_at,
    })
}

fn follows_its_name(service: &Service) -> bool {
    service.email_sender_local_part == templates::sanitise::safe_email_local_part(&service.name)
}

fn local_part_of(text: &str) -> Result<String, AdminError> {
    let safe = templates::sanitise::safe_email_local_part(text);
    if safe.is_empty() || safe != text {
        return Err(AdminError::field(
            "email_sender_local_part",
            "Must be small letters, digits and single dots.",
        ));
    }
    Ok(safe)
}

/// Switches a service on or off, and in or out of trial mode.
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

/// Lets a service do nothing until it is resumed. Its keys stay, and are refused meanwhile.
pub async fn suspend(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let change = ServiceChange {
        active: Some(false),
        ..ServiceChange::default()
    };
    update(app, id, change).await.map(drop)
}

/// Lets a suspended service go on.
pub async fn resume(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let change = ServiceChange {
        active: Some(true),
        ..ServiceChange::default()
    };
    update(app, id, change).await.map(drop)
}

/// Ends a service for good: its keys are revoked, its templates archived, and its name is free for another. Again is
/// harmless.
pub async fn archive(app: &App, id: ServiceId) -> Result<(), AdminError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let before = lock_existing(&mut tx, id).await?;
    if is_archived(&before) {
        return Ok(());
    }
    let after = Service {
        name: format!("{ARCHIVED}{}_{id}_{}", now.utc_day(), before.name),
        active: false,
        ..before
    };
    store::services::update(&mut tx, &after).await?;
    store::api_keys::revoke_all(&mut tx, id, now).await?;
    store::templates::archive_all(&mut tx, id).await?;
    commit_and_invalidate(app, tx, id).await?;
    app.templates.forget_all();
    Ok(())
}

fn is_archived(service: &Service) -> bool {
    !service.active && service.name.starts_with(ARCHIVED)
}

/// The service, held until the transaction ends.
async fn lock_existing(tx: &mut Tx, id: ServiceId) -> Result<Service, AdminError> {
    store::services::lock(tx, id)
        .await?
        .ok_or(AdminError::NoSuch("service"))
}

/// A transaction in which a service is held.
pub(crate) async fn lock(app: &App, service: ServiceId) -> Result<Tx, AdminError> {
    let mut tx = app.write().await?;
    lock_existing(&mut tx, service).await?;
    Ok(tx)
}

/// Ends a transaction that changed something of a service; this process looks the service up anew.
pub(crate) async fn commit_and_invalidate(
    app: &App,
    tx: Tx,
    service: ServiceId,
) -> Result<(), AdminError> {
    tx.commit().await?;
    app.tenants.forget(service).await;
    Ok(())
}

/// A session to read what belongs to a service that is there.
pub(crate) async fn read_existing(app: &App, service: ServiceId) -> Result<Session, AdminError> {
    let mut session = app.read().await?;
    store::services::find(&mut session, service)
        .await?
        .ok_or(AdminError::NoSuch("service"))?;
    Ok(session)
}

/// Makes a person known and a member of a service's team.
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
    app.tenants.forget(service).await;
    Ok(user)
}
