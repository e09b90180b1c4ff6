//! The senders of a service's text messages. Exactly one of them is the default.

use domain::{ServiceId, SmsSenderId};
use recipients::phone_numbers::PhoneNumber;
pub use store::senders::SmsSender;

use crate::{
    AdminError, App,
    manage::{defaults, services},
};

/// A change to a sender. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct SenderChange {
    /// The sender as the recipient sees it.
    pub sms_sender: Option<String>,
    /// Whether it is used when a request names no sender.
    pub is_default: Option<bool>,
}

const DEFAULT_REQUIRED: &str = "You must have at least one SMS sender as the default.";

/// Lists the senders of a service, oldest first.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<SmsSender>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::senders::list_sms_senders(&mut session, service).await?)
}

/// Finds a sender of a service.
pub async fn find(app: &App, service: ServiceId, id: SmsSenderId) -> Result<SmsSender, AdminError> {
    store::senders::find_sms_sender(&mut app.read().await?, service, id)
        .await?
        .ok_or(AdminError::NoSuch("text message sender"))
}

/// Adds a sender. If `is_default` is absent, it becomes the default only if there is none.
pub async fn create(
    app: &App,
    service: ServiceId,
    sms_sender: &str,
    is_default: Option<bool>,
) -> Result<SmsSender, AdminError> {
    let sms_sender = valid_sender(sms_sender)?;
    let now = app.clock.now();
    let mut tx = services::lock(app, service).await?;
    let before = store::senders::list_sms_senders(&mut tx, service).await?;
    let has_default = before.iter().any(|one| one.is_default);
    let is_default = defaults::for_new(has_default, is_default, DEFAULT_REQUIRED)?;
    let sender = SmsSender {
        id: SmsSenderId::generate(now, app.random()),
        sms_sender,
        is_default,
        inbound_number_id: None,
    };
    store::senders::insert_sms_sender(&mut tx, service, &sender, now).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(sender)
}

/// Changes a sender. The text of an inbound number cannot change, and the default can only be changed by making
/// another sender the default.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: SmsSenderId,
    change: SenderChange,
) -> Result<SmsSender, AdminError> {
    let sms_sender = change.sms_sender.as_deref().map(valid_sender).transpose()?;
    let mut tx = services::lock(app, service).await?;
    let before = store::senders::find_sms_sender(&mut tx, service, id)
        .await?
        .ok_or(AdminError::NoSuch("text message sender"))?;
    let is_default = defaults::for_change(before.is_default, change.is_default, DEFAULT_REQUIRED)?;
    let after = SmsSender {
        sms_sender: sms_sender.unwrap_or_else(|| before.sms_sender.clone()),
        is_default,
        ..before
    };
    // Replies are matched by the number, so another text would lose them.
    if before.inbound_number_id.is_some() && before.sms_sender != after.sms_sender {
        return Err(AdminError::rejected(format!(
            "You can not change the inbound number for service {service}"
        )));
    }
    store::senders::update_sms_sender(&mut tx, service, &after).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(after)
}

/// Archives a sender that is neither the default nor an inbound number.
pub async fn archive(
    app: &App,
    service: ServiceId,
    id: SmsSenderId,
) -> Result<SmsSender, AdminError> {
    let mut tx = services::lock(app, service).await?;
    let sender = store::senders::find_sms_sender(&mut tx, service, id)
        .await?
        .ok_or(AdminError::NoSuch("text message sender"))?;
    if sender.inbound_number_id.is_some() {
        // It goes only together with the assignment of the number, or replies would have no sender to match.
        return Err(AdminError::rejected("You cannot delete an inbound number"));
    }
    if !store::senders::archive_sms_sender(&mut tx, service, id).await? {
        return Err(AdminError::rejected(
            "You cannot delete a default sms sender",
        ));
    }
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(sender)
}

/// Checks a sender that networks can show: a phone number, or up to 11 letters, digits and a few signs.
fn valid_sender(text: &str) -> Result<String, AdminError> {
    // Networks show no more, and some drop the message.
    const MAX_CHARACTERS: usize = 11;
    let sender = text.trim();
    let is_allowed = |one: char| one.is_ascii_alphanumeric() || " &.-_'".contains(one);
    let is_name = (1..=MAX_CHARACTERS).contains(&sender.len()) && sender.chars().all(is_allowed);
    if is_name || PhoneNumber::parse(sender).is_ok() {
        Ok(sender.to_owned())
    } else {
        Err(AdminError::field(
            "sms_sender",
            "Must be a phone number, or at most 11 letters, numbers, spaces, and & . - _ '.",
        ))
    }
}
