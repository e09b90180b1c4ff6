//! Reading and changing the suppression list by hand.

use domain::{Channel, Private, ServiceId, SuppressionId, SuppressionReason};
use recipients::{email_addresses::EmailAddress, phone_numbers::PhoneNumber};
use store::suppressions::{self, PLATFORM, Suppression, SuppressionEvent};

use super::{Actor, NewSuppression, hash_key, insert, record};
use crate::App;

/// Why the list is not changed.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    /// The text is neither an e-mail address nor a phone number.
    #[error("Not a valid email address or phone number")]
    InvalidRecipient,
    /// There is no such service.
    #[error("there is no such service")]
    NoSuchService,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Lists at most `count` entries of a service, newest first. `older_than` continues after that one; the list is empty if
/// the service does not have it.
pub async fn list(
    app: &App,
    service: ServiceId,
    older_than: Option<SuppressionId>,
    count: u32,
) -> Result<Vec<Suppression>, store::Error> {
    let mut session = app.read().await?;
    let before = match older_than {
        None => None,
        Some(id) => match suppressions::find_time(&mut session, service, id).await? {
            Some(time) => Some((time, id)),
            None => return Ok(Vec::new()),
        },
    };
    suppressions::list(&mut session, app.store.keyring(), service, before, count).await
}

/// Returns whether a service has this entry.
pub async fn exists(
    app: &App,
    service: ServiceId,
    id: SuppressionId,
) -> Result<bool, store::Error> {
    let found = suppressions::find_time(&mut app.read().await?, service, id).await?;
    Ok(found.is_some())
}

/// Lists at most `count` changes of the list of a service, newest first.
pub async fn list_events(
    app: &App,
    service: ServiceId,
    count: u32,
) -> Result<Vec<SuppressionEvent>, store::Error> {
    suppressions::list_events(&mut app.read().await?, service, count).await
}

/// Adds a recipient to the list of a service, or of the platform. Returns the entry that the list has now, and whether it
/// is new.
pub async fn add(
    app: &App,
    service: ServiceId,
    recipient: &str,
    actor: Actor,
) -> Result<(SuppressionId, bool), SuppressionError> {
    let (channel, recipient) = parse(recipient)?;
    let key = hash_key(app).await?;
    let now = app.clock.now();
    let new = NewSuppression {
        service,
        channel,
        recipient,
        reason: SuppressionReason::Manual,
        notification: None,
    };
    let hash = key.hash(channel, new.recipient.reveal());
    let mut tx = app.write().await?;
    let is_service =
        service == PLATFORM || store::services::find(&mut tx, service).await?.is_some();
    if !is_service {
        return Err(SuppressionError::NoSuchService);
    }
    if let Some(entry) = insert(app, &mut tx, key, &new, actor, now).await? {
        tx.commit().await?;
        return Ok((entry.id, true));
    }
    // It is on the list, for whichever reason.
    let found = suppressions::find_by_hash(&mut tx, service, channel, &hash).await?;
    Ok((
        found.unwrap_or_else(|| SuppressionId::generate(now, app.random())),
        false,
    ))
}

/// Removes an entry of a service, or of the platform. Returns whether there was one.
pub async fn remove(
    app: &App,
    service: ServiceId,
    id: SuppressionId,
    actor: Actor,
) -> Result<bool, store::Error> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let Some(entry) = suppressions::delete(&mut tx, app.store.keyring(), service, id).await? else {
        return Ok(false);
    };
    record(app, &mut tx, &entry, "removed", "manual", actor, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Removes a recipient from the list of a service, or of the platform. Returns whether they were on it.
pub async fn remove_by_recipient(
    app: &App,
    service: ServiceId,
    recipient: &str,
    actor: Actor,
) -> Result<bool, SuppressionError> {
    let (channel, recipient) = parse(recipient)?;
    let hash = hash_key(app).await?.hash(channel, recipient.reveal());
    let mut session = app.read().await?;
    let found = suppressions::find_by_hash(&mut session, service, channel, &hash).await?;
    drop(session);
    match found {
        Some(id) => Ok(remove(app, service, id, actor).await?),
        None => Ok(false),
    }
}

/// Parses a recipient as the API does, in the form in which messages are compared.
fn parse(text: &str) -> Result<(Channel, Private<String>), SuppressionError> {
    if let Ok(address) = EmailAddress::parse(text) {
        return Ok((Channel::Email, address.normalised().into()));
    }
    let number = PhoneNumber::parse(text).map_err(|_| SuppressionError::InvalidRecipient)?;
    Ok((Channel::Sms, number.normalised().into()))
}
