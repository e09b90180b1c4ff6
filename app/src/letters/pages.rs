//! The pages of a letter as PDF, typeset here or supplied by the service, sealed in the file storage. The key of the
//! file is a function of the letter, so making the pages twice leaves one file.

use bytes::Bytes;
use domain::{NotificationId, ServiceId};
use files::Key;
use store::notifications::Notification;
use tracing::warn;
use typesetting::sheets;

use crate::{App, OpenError, sealing::sealed_files};

/// Stores the pages of a letter. They are durable when this returns.
pub async fn store_pages(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
    pdf: &[u8],
) -> Result<(), files::Error> {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    sealed_files::store(&app.files, app.store.keyring(), &key, letter.as_uuid(), pdf).await
}

/// Finds the pages of a letter of a service, if they exist.
pub async fn find_pages(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<Option<Bytes>, OpenError> {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    sealed_files::find(&app.files, app.store.keyring(), &key, letter.as_uuid()).await
}

/// Returns whether the pages of a letter exist.
pub(crate) async fn has_pages(app: &App, service: ServiceId, letter: NotificationId) -> bool {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    // A storage that does not answer is no missing file.
    !matches!(app.files.read(&key).await, Err(files::Error::Missing(_)))
}

/// Removes the pages of a letter that was not stored. If that fails, they stay: they are sealed, and no link leads to
/// them.
pub(crate) async fn delete_pages(app: &App, service: ServiceId, letter: NotificationId) {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    if let Err(fault) = app.files.remove(&key).await {
        warn!(
            notification.id = %letter, service.id = %service, error = &fault as &dyn std::error::Error,
            "the pages of letter {letter}, which was not kept, could not be removed"
        );
    }
}

/// Counts the pages of a letter as stored by its service; once, however often it is called.
pub(super) async fn count_bytes(
    app: &App,
    letter: &Notification,
    bytes: usize,
) -> Result<(), store::Error> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut tx = app.write().await?;
    store::notifications::set_file_bytes(&mut tx, letter.service_id, letter.id, bytes).await?;
    tx.commit().await
}

/// Returns what a letter of so many pages is billed for (`docs/spec/letters.md` §11.1).
pub(super) fn billable_sheets(pages: usize) -> u32 {
    u32::try_from(sheets(pages)).unwrap_or(u32::MAX)
}
