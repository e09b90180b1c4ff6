//! PDFs that templates append to their letters (`docs/spec/letters.md` §3, §4.3): scanned, checked and rewritten for the printer when they
//! are uploaded, and appended when the pages of a letter are made.

use bytes::Bytes;
use domain::{ServiceId, TaskId, UserId};
use files::Key;
use providers::{ScanError, ScanResult};
use typesetting::SuppliedLetterError;
use uuid::Uuid;

pub use store::letter_attachments::LetterAttachment;

use crate::{App, OpenError, foreign_files::Unavailable, sealing::sealed_files};

/// Longest file name that is kept.
const MAX_FILE_NAME: usize = 255;

/// Why an attachment or a logo is not stored.
#[derive(Debug, thiserror::Error)]
pub enum LetterFileError {
    /// There is no such service.
    #[error("there is no such service")]
    NoSuchService,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The file has a virus.
    #[error("the virus scanner found a virus")]
    Virus,
    /// The pages cannot be printed.
    #[error("{}: {_0}", _0.problem.reason())]
    Pages(SuppliedLetterError),
    /// The picture cannot be printed.
    #[error(transparent)]
    Logo(#[from] typesetting::LogoProblem),
    /// The description is missing.
    #[error("a logo needs a description, for people who do not see it")]
    NoDescription,
    /// The virus scanner does not answer.
    #[error("the file could not be scanned")]
    Scan(#[from] ScanError),
    /// The file could not be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The file storage failed.
    #[error("the file storage failed")]
    Files(#[from] files::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Stores pages that templates of a service can append to their letters.
pub async fn add(
    app: &App,
    service: ServiceId,
    file_name: &str,
    pdf: Bytes,
    created_by: Option<UserId>,
) -> Result<LetterAttachment, LetterFileError> {
    check_owner(app, service, created_by).await?;
    scan(app, &pdf).await?;
    let prepared = app.foreign_files.prepare_attachment(pdf).await?;
    let (pages, count) = prepared.map_err(LetterFileError::Pages)?;
    let now = app.clock.now();
    let attachment = LetterAttachment {
        id: TaskId::generate(now, app.random()).as_uuid(),
        service_id: service,
        original_filename: file_name.chars().take(MAX_FILE_NAME).collect(),
        page_count: u32::try_from(count).unwrap_or(u32::MAX),
        bytes: i64::try_from(pages.len()).unwrap_or(i64::MAX),
        created_by,
        created_at: now,
    };
    let key = Key::letter_attachment(service.as_uuid(), attachment.id);
    // Pages before row: a template never names an attachment without pages.
    let keyring = app.store.keyring();
    sealed_files::store(&app.files, keyring, &key, attachment.id, &pages).await?;
    let mut tx = app.write().await?;
    store::letter_attachments::insert(&mut tx, &attachment).await?;
    tx.commit().await?;
    Ok(attachment)
}

/// Lists the attachments of a service, newest first.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<LetterAttachment>, store::Error> {
    store::letter_attachments::list(&mut app.read().await?, service).await
}

/// Finds the pages of an attachment of a service.
pub(crate) async fn find_pages(
    app: &App,
    service: ServiceId,
    id: Uuid,
) -> Result<Option<Bytes>, OpenError> {
    let key = Key::letter_attachment(service.as_uuid(), id);
    sealed_files::find(&app.files, app.store.keyring(), &key, id).await
}

/// Fails unless the service exists, and the user if one is named.
pub(super) async fn check_owner(
    app: &App,
    service: ServiceId,
    user: Option<UserId>,
) -> Result<(), LetterFileError> {
    let mut session = app.read().await?;
    if store::services::find(&mut session, service)
        .await?
        .is_none()
    {
        return Err(LetterFileError::NoSuchService);
    }
    match user {
        Some(user) if store::users::find(&mut session, user).await?.is_none() => {
            Err(LetterFileError::NoSuchUser)
        }
        _ => Ok(()),
    }
}

/// Scans a file for viruses, if there is a scanner.
pub(super) async fn scan(app: &App, file: &[u8]) -> Result<(), LetterFileError> {
    match app.providers.scan(file).await? {
        Some(ScanResult::Virus) => Err(LetterFileError::Virus),
        None | Some(ScanResult::Clean) => Ok(()),
    }
}
