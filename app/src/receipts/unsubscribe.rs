//! One-click unsubscribing: the link that an e-mail carries, and what happens when it is used
//! (`docs/spec/public-api.md` §14, §21).
//!
//! The token of a link holds the id of its e-mail, the recipient's address and the time. So a link cannot be used for
//! another e-mail, and the request is stored without opening what is sealed in the e-mail. An e-mail has one open request.

use std::time::Duration;

use domain::{Channel, NotificationId, Private, Timestamp, UnsubscribeRequestId};
use store::{
    notifications::{Contents, Notification},
    unsubscribe_requests::UnsubscribeRequest,
};

use crate::{App, ParsedTemplate, sealing::sealed_tokens};

const PURPOSE: &str = "unsubscribe a notification";
/// The purpose of tokens without an id, in e-mails that earlier versions sent. Remove it a year after the first release.
const UNBOUND_PURPOSE: &str = "unsubscribe";
/// How long a link can be used.
const VALIDITY: Duration = Duration::from_hours(24 * 365);

/// Why a link has no effect.
#[derive(Debug, thiserror::Error)]
pub enum UnsubscribeError {
    /// The token is not ours, or has expired.
    #[error("not a valid unsubscribe link")]
    InvalidToken,
    /// The notification does not exist any more.
    #[error("the message of the link is gone")]
    NoSuchMessage,
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Returns a token for the recipient of an e-mail, made at this time.
fn token(app: &App, notification: NotificationId, email_address: &str, at: Timestamp) -> String {
    let value = [
        at.unix_seconds().to_be_bytes().as_slice(),
        notification.as_uuid().as_bytes(),
        email_address.as_bytes(),
    ]
    .concat();
    sealed_tokens::token(app, PURPOSE, &value)
}

/// Returns a token as earlier versions made it, which fits every e-mail: for tests of the public contract, whose cases do
/// not compare the token with the e-mail.
pub fn unbound_token(app: &App, email_address: &str, at: Timestamp) -> String {
    let value = [
        at.unix_seconds().to_be_bytes().as_slice(),
        email_address.as_bytes(),
    ]
    .concat();
    sealed_tokens::token(app, UNBOUND_PURPOSE, &value)
}

/// Returns the unsubscribe URL of an e-mail: the one that its request gave, or else ours with a new token if its
/// template has the link.
pub(crate) fn url(
    app: &App,
    message: &Notification,
    contents: &Contents,
    template: &ParsedTemplate,
) -> Option<String> {
    if contents.is_erased() {
        // The address is gone, so there is nothing to put into a token.
        return None;
    }
    if let Some(url) = &contents.unsubscribe_url {
        return Some(url.clone());
    }
    let has_link = message.channel == Channel::Email && template.template.has_unsubscribe_link;
    has_link.then(|| {
        let address = contents.normalised.reveal();
        let token = token(app, message.id, address, app.clock.now());
        let root = &app.settings.api_base_url;
        format!("{root}/unsubscribe/{}/{token}", message.id)
    })
}

/// Records an unsubscribe request. A link that is used again, or twice at the same time, is one request.
pub async fn unsubscribe(
    app: &App,
    notification: NotificationId,
    token: &str,
) -> Result<(), UnsubscribeError> {
    let now = app.clock.now();
    let email_address =
        read_token(app, notification, token, now).ok_or(UnsubscribeError::InvalidToken)?;
    let mut session = app.read().await?;
    if store::unsubscribe_requests::is_open(&mut session, notification).await? {
        return Ok(());
    }
    let message = store::notifications::find_for_any_service(&mut session, notification)
        .await?
        .filter(|message| message.channel == Channel::Email)
        .ok_or(UnsubscribeError::NoSuchMessage)?;
    // Not held while the transaction waits for its own connection.
    drop(session);
    let request = UnsubscribeRequest {
        id: UnsubscribeRequestId::generate(now, app.random()),
        notification_id: notification,
        service_id: message.service_id,
        template_id: message.template_id,
        template_version: message.template_version,
        email_address,
        created_at: now,
        processed_at: None,
    };
    let mut tx = app.write().await?;
    store::unsubscribe_requests::insert(&mut tx, app.store.keyring(), &request).await?;
    tx.commit().await?;
    Ok(())
}

/// Returns the address that a token holds, if we made it for this e-mail and not too long ago.
fn read_token(
    app: &App,
    notification: NotificationId,
    token: &str,
    now: Timestamp,
) -> Option<Private<String>> {
    let bound = sealed_tokens::read(app, PURPOSE, token);
    let is_bound = bound.is_some();
    let value = bound.or_else(|| sealed_tokens::read(app, UNBOUND_PURPOSE, token))?;
    let (seconds, mut address) = value.split_first_chunk::<8>()?;
    if is_bound {
        address = address.strip_prefix(notification.as_uuid().as_bytes().as_slice())?;
    }
    let issued = Timestamp::from_unix_seconds(i64::from_be_bytes(*seconds));
    if now.since(issued) > VALIDITY {
        return None;
    }
    String::from_utf8(address.to_vec()).ok().map(Private::new)
}

/// Lists at most `count` unsubscribe requests to a service, newest first.
pub async fn list(
    app: &App,
    service: domain::ServiceId,
    count: u32,
) -> Result<Vec<UnsubscribeRequest>, store::Error> {
    let mut session = app.read().await?;
    store::unsubscribe_requests::list(&mut session, app.store.keyring(), service, count).await
}
