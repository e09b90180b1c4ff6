//! The result of checking a supplied letter, kept beside the file that failed (`docs/spec/letters.md` §3).

use bytes::Bytes;
use domain::{NotificationId, NotificationStatus, ServiceId};
use files::Key;
use serde::{Deserialize, Serialize};
use store::notifications::Notification;

use crate::{App, OpenError, foreign_files::DrawError, letters, sealing::sealed_files};

/// Why a supplied letter failed validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationFailure {
    /// Reason code (`docs/spec/letters.md` §5.3).
    pub message: String,
    /// The same for people, with what to do.
    pub explanation: String,
    /// Numbers of the pages with the problem, from 1; empty if it is one of the whole file.
    pub invalid_pages: Vec<usize>,
    /// Number of pages, if it is known.
    pub page_count: Option<usize>,
}

impl ValidationFailure {
    /// Returns the text that is stored as the problem of the notification.
    pub(super) fn problem_text(&self) -> String {
        format!("{}: {}", self.message, self.explanation)
    }
}

/// Stores why a letter failed. Repeating it is harmless.
pub(super) async fn store(
    app: &App,
    letter: &Notification,
    failure: &ValidationFailure,
) -> Result<(), files::Error> {
    let key = Key::letter_validation(letter.service_id.as_uuid(), letter.id.as_uuid());
    let json = serde_json::to_vec(failure).expect("texts and numbers are writable");
    let owner = letter.id.as_uuid();
    sealed_files::store(&app.files, app.store.keyring(), &key, owner, &json).await
}

/// Finds why a letter of a service failed validation. `None` if it did not, or failed before this was stored.
pub async fn find(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<Option<ValidationFailure>, OpenError> {
    let key = Key::letter_validation(service.as_uuid(), letter.as_uuid());
    let owner = letter.as_uuid();
    let found = sealed_files::find(&app.files, app.store.keyring(), &key, owner).await?;
    Ok(found.and_then(|json| serde_json::from_slice(&json).ok()))
}

/// Why there is no picture of a page.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file storage or the store failed, or the file is damaged.
    #[error(transparent)]
    File(#[from] OpenError),
    /// Pictures cannot be made now.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// Draws a page of a letter, counted from 1, as PNG. Where nothing may be printed the picture is red if the letter failed
/// because of it. `None` if there are no pages, or not so many.
pub async fn draw_page(
    app: &App,
    letter: &Notification,
    number: usize,
) -> Result<Option<Bytes>, PictureError> {
    // What may hold a virus is not opened, not even in a child.
    let is_unsafe = matches!(
        letter.status,
        NotificationStatus::PendingVirusCheck | NotificationStatus::VirusScanFailed
    );
    if is_unsafe {
        return Ok(None);
    }
    // Before the file is in memory.
    let place = app.foreign_files.queue_for_drawing(letter.service_id)?;
    let _turn = place.turn().await;
    let Some(pdf) = letters::find_pages(app, letter.service_id, letter.id).await? else {
        return Ok(None);
    };
    let failure = find(app, letter.service_id, letter.id).await?;
    let with_margins =
        failure.is_some_and(|failure| failure.message == "content-outside-printable-area");
    Ok(app
        .foreign_files
        .draw_page(pdf, number, with_margins)
        .await?)
}
