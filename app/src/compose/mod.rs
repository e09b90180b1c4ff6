//! Composition that several stages share: a message as the notification that is stored, and a stored notification as
//! the message that its recipient gets.

mod draft;
pub(crate) mod email;
pub(crate) mod letter;
pub(crate) mod printed_text;
mod recipient;
pub(crate) mod sms;

use std::sync::Arc;

use domain::Timestamp;
use store::notifications::{Contents, Notification};

use crate::{App, ParsedTemplate, cache::templates};

pub(crate) use draft::{MessageDraft, Origin};
pub(crate) use recipient::ResolvedRecipient;

/// What a stored notification is rendered from.
pub(crate) struct Source {
    /// The version of the template that it was accepted with, unless it is gone.
    pub(crate) template: Option<Arc<ParsedTemplate>>,
    pub(crate) contents: Contents,
}

/// Reads the template of a notification and opens its contents.
pub(crate) async fn open(
    app: &App,
    notification: &Notification,
) -> Result<Source, Arc<store::Error>> {
    let template = templates::find_version(
        app,
        notification.service_id,
        notification.template_id,
        notification.template_version,
    )
    .await?;
    let contents = notification.open(app.store.keyring())?;
    Ok(Source { template, contents })
}

/// Converts a time to the type that providers take.
pub(crate) fn to_jiff(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(now.unix_micros()).unwrap_or_default()
}
