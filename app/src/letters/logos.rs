//! The logo at the head of a service's letters (`docs/spec/letters.md` §4.3). A letter has the logo of the moment at which its pages are
//! made.

use domain::{ServiceId, TaskId, UserId};
use files::Key;
use tracing::warn;
use typesetting::{Logo, check_logo};

pub use store::letter_logos::LetterLogo;

use super::attachments::{LetterFileError, check_owner, scan};
use crate::{App, OpenError, sealing::sealed_files};

/// Longest file name and description that are kept.
const MAX_TEXT: usize = 255;

/// A logo to set.
#[derive(Debug)]
pub struct NewLogo {
    /// The name of the file.
    pub file_name: String,
    /// What it is called for those who do not see it, such as the name of the service.
    pub description: String,
    /// The picture, as PNG.
    pub png: Vec<u8>,
    /// The user who sets it.
    pub created_by: Option<UserId>,
}

/// Sets the logo of a service, in place of the one that it has.
pub async fn set(
    app: &App,
    service: ServiceId,
    new: NewLogo,
) -> Result<LetterLogo, LetterFileError> {
    check_owner(app, service, new.created_by).await?;
    let cut = |text: &str| -> String { text.trim().chars().take(MAX_TEXT).collect() };
    let description = cut(&new.description);
    if description.is_empty() {
        return Err(LetterFileError::NoDescription);
    }
    scan(app, &new.png).await?;
    let png = app
        .foreign_files
        .run_blocking(move || check_logo(&new.png).map(|()| new.png))
        .await
        .ok_or(typesetting::LogoProblem::Unreadable)??;
    let now = app.clock.now();
    let logo = LetterLogo {
        id: TaskId::generate(now, app.random()).as_uuid(),
        service_id: service,
        original_filename: cut(&new.file_name),
        description,
        bytes: i64::try_from(png.len()).unwrap_or(i64::MAX),
        created_by: new.created_by,
        created_at: now,
    };
    // Picture before row: no letter looks for one that is not there yet.
    let keyring = app.store.keyring();
    sealed_files::store(&app.files, keyring, &key(&logo), logo.id, &png).await?;
    let mut tx = app.write().await?;
    let before = store::letter_logos::set(&mut tx, &logo).await?;
    tx.commit().await?;
    remove_picture(app, before).await;
    Ok(logo)
}

/// Removes the logo of a service. Returns false if it has none.
pub async fn remove(app: &App, service: ServiceId) -> Result<bool, store::Error> {
    let mut tx = app.write().await?;
    let before = store::letter_logos::remove(&mut tx, service).await?;
    tx.commit().await?;
    let was_there = before.is_some();
    remove_picture(app, before).await;
    Ok(was_there)
}

/// Returns what is known of the logo of a service.
pub async fn find(app: &App, service: ServiceId) -> Result<Option<LetterLogo>, store::Error> {
    store::letter_logos::find(&mut app.read().await?, service).await
}

/// Reads the logo of a service. `None` also if it was replaced while it was read: the next attempt finds the new one.
pub(crate) async fn read(app: &App, service: ServiceId) -> Result<Option<Logo>, ReadLogoError> {
    for _ in 0..2 {
        let Some(found) = find(app, service).await? else {
            return Ok(None);
        };
        let keyring = app.store.keyring();
        let png = sealed_files::find(&app.files, keyring, &key(&found), found.id).await?;
        // Replaced meanwhile.
        let Some(png) = png else { continue };
        let logo = Logo::from_png(png.to_vec(), found.description);
        return Ok(Some(logo.map_err(|_| OpenError::Damaged)?));
    }
    Err(ReadLogoError::Missing)
}

/// Why a logo cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLogoError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The file storage failed, or the picture is damaged.
    #[error(transparent)]
    File(#[from] OpenError),
    /// The picture is not in the file storage.
    #[error("the logo of the service is not in the file storage")]
    Missing,
}

fn key(logo: &LetterLogo) -> Key {
    Key::letter_logo(logo.service_id.as_uuid(), logo.id)
}

/// Removes the picture of a logo that was replaced. If that fails, it stays: it is sealed, and no row names it.
async fn remove_picture(app: &App, logo: Option<LetterLogo>) {
    let Some(logo) = logo else { return };
    if let Err(fault) = app.files.remove(&key(&logo)).await {
        warn!(
            service.id = %logo.service_id, error = &fault as &dyn std::error::Error,
            "the picture of a logo that was replaced could not be removed"
        );
    }
}
