//! The reply-to addresses of a service's e-mails. If a service has any, exactly one is the default.

use domain::{ReplyToId, ServiceId};
use recipients::email_addresses::EmailAddress;
pub use store::senders::ReplyTo;

use crate::{
    AdminError, App,
    manage::{defaults, services},
};

/// A change to a reply-to address. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct ReplyToChange {
    /// The address that receives replies.
    pub email_address: Option<String>,
    /// Whether it is used when a request names no reply-to address.
    pub is_default: Option<bool>,
}

const DEFAULT_REQUIRED: &str = "You must have at least one reply to address as the default.";

/// Lists the reply-to addresses of a service, oldest first.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<ReplyTo>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::senders::list_reply_tos(&mut session, service).await?)
}

/// Finds a reply-to address of a service.
pub async fn find(app: &App, service: ServiceId, id: ReplyToId) -> Result<ReplyTo, AdminError> {
    store::senders::find_reply_to(&mut app.read().await?, service, id)
        .await?
        .ok_or(AdminError::NoSuch("reply-to address"))
}

/// Adds a reply-to address. If `is_default` is absent, it becomes the default only if there is none.
pub async fn create(
    app: &App,
    service: ServiceId,
    email_address: &str,
    is_default: Option<bool>,
) -> Result<ReplyTo, AdminError> {
    let email_address = valid_address(email_address)?;
    let now = app.clock.now();
    let mut tx = services::lock(app, service).await?;
    let before = store::senders::list_reply_tos(&mut tx, service).await?;
    check_unique(&before, &email_address)?;
    let has_default = before.iter().any(|one| one.is_default);
    let is_default = defaults::for_new(has_default, is_default, DEFAULT_REQUIRED)?;
    let reply_to = ReplyTo {
        id: ReplyToId::generate(now, app.random()),
        email_address,
        is_default,
    };
    store::senders::insert_reply_to(&mut tx, service, &reply_to, now).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(reply_to)
}

/// Changes a reply-to address. The default can only be changed by making another address the default.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: ReplyToId,
    change: ReplyToChange,
) -> Result<ReplyTo, AdminError> {
    let email_address = change
        .email_address
        .as_deref()
        .map(valid_address)
        .transpose()?;
    let mut tx = services::lock(app, service).await?;
    let mut others = store::senders::list_reply_tos(&mut tx, service).await?;
    let place = others.iter().position(|one| one.id == id);
    let before = others.remove(place.ok_or(AdminError::NoSuch("reply-to address"))?);
    let is_default = defaults::for_change(before.is_default, change.is_default, DEFAULT_REQUIRED)?;
    let after = ReplyTo {
        id,
        email_address: email_address.unwrap_or(before.email_address),
        is_default,
    };
    check_unique(&others, &after.email_address)?;
    store::senders::update_reply_to(&mut tx, service, &after).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(after)
}

/// Archives a reply-to address that is not the default.
pub async fn archive(app: &App, service: ServiceId, id: ReplyToId) -> Result<ReplyTo, AdminError> {
    let mut tx = services::lock(app, service).await?;
    let reply_to = store::senders::find_reply_to(&mut tx, service, id)
        .await?
        .ok_or(AdminError::NoSuch("reply-to address"))?;
    if !store::senders::archive_reply_to(&mut tx, service, id).await? {
        return Err(AdminError::rejected(
            "You cannot delete a default email reply to address",
        ));
    }
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(reply_to)
}

fn check_unique(others: &[ReplyTo], address: &str) -> Result<(), AdminError> {
    // Mail systems ignore case in practice, so both would reach the same mailbox.
    let same = |one: &ReplyTo| one.email_address.to_lowercase() == address.to_lowercase();
    if others.iter().any(same) {
        return Err(AdminError::Conflict(format!(
            "Your service already uses ‘{address}’ as an email reply-to address."
        )));
    }
    Ok(())
}

fn valid_address(text: &str) -> Result<String, AdminError> {
    EmailAddress::parse(text)
        .map(|address| address.validated().to_owned())
        .map_err(|error| AdminError::field("email_address", error.to_string()))
}
