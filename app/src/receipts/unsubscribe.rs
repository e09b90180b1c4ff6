//! One-click unsubscribing: the link that an e-mail carries, and what happens when it is used
//! (`docs/spec/public-api.md` §14, §21).
//!
//! The token of a link holds the id of its e-mail, the recipient's address and the time. So a link cannot be used for
//! another e-mail, and the request is stored without opening what is sealed in the e-mail. An e-mail has one open request.
//! A service fetches its requests in reports.

use std::time::Duration;

use domain::{
    Channel, NotificationId, Private, ServiceId, TemplateId, Timestamp, UnsubscribeRequestId,
};
use store::{
    Session,
    notifications::{Contents, Notification},
    unsubscribe_requests::{Report, UnsubscribeRequest},
};
use uuid::Uuid;

use crate::{App, ParsedTemplate, callbacks, sealing::sealed_tokens};

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
    let message = find_email(&mut session, notification)
        .await?
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
    let keyring = app.store.keyring();
    let pools = if store::unsubscribe_requests::insert(&mut tx, keyring, &request).await? {
        let (service, id) = (request.service_id, request.id);
        callbacks::enqueue_unsubscribe_request(app, &mut tx, service, id, now).await?
    } else {
        &[]
    };
    app.commit_and_notify(tx, pools).await?;
    Ok(())
}

/// The e-mail of a link.
struct LinkedEmail {
    service_id: ServiceId,
    template_id: TemplateId,
    template_version: u32,
}

/// Returns an e-mail of any service. A link outlives the retention of its e-mail, of which a line of history is left.
async fn find_email(
    session: &mut Session,
    id: NotificationId,
) -> Result<Option<LinkedEmail>, store::Error> {
    let stored = store::notifications::find_for_any_service(session, id).await?;
    if let Some(message) = stored {
        return Ok((message.channel == Channel::Email).then_some(LinkedEmail {
            service_id: message.service_id,
            template_id: message.template_id,
            template_version: message.template_version,
        }));
    }
    let lines = store::history::list_by_id(session, &[id]).await?;
    let line = lines
        .into_iter()
        .find(|line| line.channel == Channel::Email);
    Ok(line.map(|line| LinkedEmail {
        service_id: line.service_id,
        template_id: line.template_id,
        template_version: line.template_version,
    }))
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

/// Requests that a service has not fetched yet, and its reports.
#[derive(Debug)]
pub struct ReportsSummary {
    /// How many requests are in no report, with the times of the first and the last.
    pub unreported: Option<(u32, Timestamp, Timestamp)>,
    /// The reports, newest first.
    pub reports: Vec<Report>,
}

/// Returns the reports of a service, and what a new one would hold.
pub async fn list_reports(app: &App, service: ServiceId) -> Result<ReportsSummary, store::Error> {
    const MOST: u32 = 100;
    let mut session = app.read().await?;
    Ok(ReportsSummary {
        unreported: store::unsubscribe_requests::count_unreported(&mut session, service).await?,
        reports: store::unsubscribe_requests::list_reports(&mut session, service, MOST).await?,
    })
}

/// Puts the requests of a service that are in no report into a new one. Returns `None` if there are none.
pub async fn create_report(app: &App, service: ServiceId) -> Result<Option<Report>, store::Error> {
    let now = app.clock.now();
    let id = domain::generate(now, app.random());
    let mut tx = app.write().await?;
    let report = store::unsubscribe_requests::create_report(&mut tx, service, id, now).await?;
    tx.commit().await?;
    Ok(report)
}

/// Lists the requests of a report of a service, oldest first.
pub async fn list_of_report(
    app: &App,
    service: ServiceId,
    report: Uuid,
) -> Result<Vec<UnsubscribeRequest>, store::Error> {
    const MOST: u32 = 100_000;
    let mut session = app.read().await?;
    let keyring = app.store.keyring();
    store::unsubscribe_requests::list_of_report(&mut session, keyring, service, report, MOST).await
}

/// Marks a report of a service as processed, or not. Returns whether the service has it.
pub async fn set_report_processed(
    app: &App,
    service: ServiceId,
    report: Uuid,
    is_processed: bool,
) -> Result<bool, store::Error> {
    let at = is_processed.then(|| app.clock.now());
    let mut tx = app.write().await?;
    let exists =
        store::unsubscribe_requests::set_report_processed(&mut tx, service, report, at).await?;
    tx.commit().await?;
    Ok(exists)
}
