//! The reply-to addresses of a service's e-mails. If a service has any, exactly one is the default.

use domain::{ReplyToId, ServiceId};
use recipients::email_addresses::EmailAddress;
pub use store::senders::ReplyTo;

use crate::{AdminError, App, manage::services};

/// A change to a reply-to address. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct ReplyToChange {
    /// The address that receives replies.
    pub email_address: Option<String>,
    /// Whether it is used when a request names no reply-to address.
    pub is_default: Option<bool>,
}

const NEEDS_A_DEFAULT: &str = "You must have at least one reply to address as the default.";

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
    let email_address = address_of(email_address)?;
    let now = app.clock.now();
    let mut tx = services::lock(app, service).await?;
    let before = store::senders::list_reply_tos(&mut tx, service).await?;
    refuse_another(&before, &email_address)?;
    let is_lonely = !before.iter().any(|one| one.is_default);
    if is_lonely && is_default == Some(false) {
        return Err(AdminError::rejected(NEEDS_A_DEFAULT));
    }
    let reply_to = ReplyTo {
        id: ReplyToId::generate(now, app.random()),
        email_address,
        is_default: is_default.unwrap_or(is_lonely),
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
        .map(address_of)
        .transpose()?;
    let mut tx = services::lock(app, service).await?;
    let mut others = store::senders::list_reply_tos(&mut tx, service).await?;
    let place = others.iter().position(|one| one.id == id);
    let before = others.remove(place.ok_or(AdminError::NoSuch("reply-to address"))?);
    if before.is_default && change.is_default == Some(false) {
        return Err(AdminError::rejected(NEEDS_A_DEFAULT));
    }
    let after = ReplyTo {
        id,
        email_address: email_address.unwrap_or(before.email_address),
        is_default: change.is_default.unwrap_or(before.is_default),
    };
    refuse_another(&others, &after.email_address)?;
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

fn refuse_another(others: &[ReplyTo], address: &str) -> Result<(), AdminError> {
    let same = |one: &ReplyTo| one.email_address.to_lowercase() == address.to_lowercase();
    if others.iter().any(same) {
        return Err(AdminError::Taken(format!(
            "Your service already uses ‘{address}’ as an email reply-to address."
        )));
    }
    Ok(())
}

fn address_of(text: &str) -> Result<String, AdminError> {
    EmailAddress::parse(text)
        .map(|address| address.validated().to_owned())
        .map_err(|error| AdminError::field("email_address", error.to_string()))
}
