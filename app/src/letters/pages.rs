//! The pages of a letter as PDF: typeset by us, or given by the service. They lie sealed in the file storage, under a
//! name that is a function of the letter, so that making them twice leaves one file.

use bytes::Bytes;
use domain::{NotificationId, ServiceId};
use files::Key;
use tracing::warn;

use crate::{App, OpenError, sealing::sealed_files};

/// Keeps the pages of a letter; they are durable when this returns.
pub async fn store_pages(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
    pdf: &[u8],
) -> Result<(), files::Error> {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    sealed_files::store(&app.files, app.store.keyring(), &key, letter.as_uuid(), pdf).await
}

/// The pages of a letter of a service, once they are there.
pub async fn find_pages(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<Option<Bytes>, OpenError> {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    sealed_files::find(&app.files, app.store.keyring(), &key, letter.as_uuid()).await
}

/// Forgets the pages of a letter that was not kept after all. Pages that cannot be removed now harm nobody: they are
/// sealed, and nothing leads to them.
pub(crate) async fn delete_pages(app: &App, service: ServiceId, letter: NotificationId) {
    let key = Key::letter_pdf(service.as_uuid(), letter.as_uuid());
    if let Err(fault) = app.files.remove(&key).await {
        warn!(
            notification.id = %letter, service.id = %service, error = &fault as &dyn std::error::Error,
            "the pages of letter {letter}, which was not kept, could not be removed"
        );
    }
}
