//! The PDFs of letters as services supplied them, kept for a week after they were rewritten for the printer
//! (`docs/spec/letters.md` §3), and the list of all files that a letter may have.

use bytes::Bytes;
use domain::{NotificationId, ServiceId, UtcDay};
use files::Key;

use crate::{App, OpenError, sealing::sealed_files};

/// Days that originals are kept.
const KEPT_DAYS: i64 = 7;
/// Days before those that are looked at, so that a platform that stood still removes what it missed.
const SWEPT_DAYS: i64 = 60;

/// Returns the paths of all files that a letter may have.
pub(crate) fn files_of(service: ServiceId, letter: NotificationId) -> [Key; 3] {
    let (service_id, id) = (service.as_uuid(), letter.as_uuid());
    [
        Key::letter_pdf(service_id, id),
        Key::letter_validation(service_id, id),
        original(service, letter),
    ]
}

fn original(service: ServiceId, letter: NotificationId) -> Key {
    let day = day_of(letter).to_string();
    Key::letter_original(&day, service.as_uuid(), letter.as_uuid())
}

/// Returns the day on which a letter was accepted, which is part of its id.
fn day_of(letter: NotificationId) -> UtcDay {
    let accepted = domain::generated_at(letter.as_uuid());
    accepted.unwrap_or_default().utc_day()
}

/// Stores the PDF of a letter as it was supplied. It is durable when this returns.
pub(super) async fn store_original(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
    pdf: &[u8],
) -> Result<(), files::Error> {
    let key = original(service, letter);
    sealed_files::store(&app.files, app.store.keyring(), &key, letter.as_uuid(), pdf).await
}

/// Finds the PDF of a letter as it was supplied, if it was rewritten less than a week ago.
pub(super) async fn find_original(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<Option<Bytes>, OpenError> {
    let key = original(service, letter);
    sealed_files::find(&app.files, app.store.keyring(), &key, letter.as_uuid()).await
}

/// Removes the originals of letters that were accepted more than a week ago. Returns how many.
pub(crate) async fn remove_old_originals(app: &App) -> Result<usize, files::Error> {
    let today = app.clock.now().utc_day();
    let mut removed = 0;
    for back in KEPT_DAYS + 1..=KEPT_DAYS + SWEPT_DAYS {
        let day = today.plus_days(-back).to_string();
        for file in app
            .files
            .list_under(&Key::letter_originals_of(&day))
            .await?
        {
            app.files.remove(&file.key).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
