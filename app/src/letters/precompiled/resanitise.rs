//! Rewriting a supplied letter once more, from the file as it was supplied (`docs/spec/letters.md` §5.3): for an operator, after
//! what the printer takes has changed.

use domain::{NotificationId, NotificationStatus, ServiceId};

use crate::{
    App, OpenError,
    foreign_files::{Effort, Unavailable},
    letters,
    letters::originals,
};

/// Why a letter is not rewritten.
#[derive(Debug, thiserror::Error)]
pub enum ResanitiseError {
    /// The service has no such notification.
    #[error("there is no such letter")]
    NoSuch,
    /// The letter has left, or has no pages to print.
    #[error("only a letter that waits for its print run can be rewritten")]
    NotWaiting,
    /// It was made from a template, or its original was removed after a week.
    #[error("the letter as it was supplied is not kept")]
    NoOriginal,
    /// The file cannot be rewritten.
    #[error("the letter as it was supplied cannot be rewritten")]
    Unreadable,
    /// Files cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The store failed, or the contents of the letter are damaged.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The file storage failed, or the file is damaged.
    #[error(transparent)]
    File(#[from] OpenError),
}

impl From<files::Error> for ResanitiseError {
    fn from(error: files::Error) -> Self {
        Self::File(error.into())
    }
}

/// Rewrites a letter over its present pages. The database stays as it is.
pub async fn resanitise(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<(), ResanitiseError> {
    let mut session = app.read().await?;
    let found = store::notifications::find(&mut session, service, letter).await?;
    drop(session);
    let found = found.ok_or(ResanitiseError::NoSuch)?;
    if found.status != NotificationStatus::Created || found.print_deadline.is_some() {
        return Err(ResanitiseError::NotWaiting);
    }
    let original = originals::find_original(app, service, letter).await?;
    let original = original.ok_or(ResanitiseError::NoOriginal)?;
    // The address that was read from the window, in its standard form.
    let recipient = found.open(app.store.keyring())?.recipient;
    let lines: Vec<String> = recipient.reveal().lines().map(str::to_owned).collect();
    // It has passed before.
    let effort = &mut Effort::default();
    let rewritten = app
        .foreign_files
        .rewrite_letter(original, &lines, effort)
        .await?;
    let rewritten = rewritten.ok_or(ResanitiseError::Unreadable)?;
    letters::store_pages(app, service, letter, &rewritten).await?;
    Ok(())
}
