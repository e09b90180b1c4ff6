//! Letters as PDF that people upload before they decide to send them (`docs/spec/letters.md` §5.1): scanned, checked and
//! rewritten at once, and kept for a day.
//!
//! No row names an upload. Its path is a function of its id, which also says when it was made, so a service finds no upload of
//! another one, and what is old is found by its folder.

use std::time::Duration;

use bytes::Bytes;
use domain::{NotificationId, Permission, Postage, ServiceId, Timestamp};
use files::Key;
use providers::{ScanError, ScanResult};
use recipients::postal_addresses::PostalAddress;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::precompiled::{self, ValidationFailure};
use crate::{
    App, OpenError,
    cache::tenants,
    compose::ResolvedRecipient,
    letters::{StepFailure, delete_pages, pages::billable_sheets},
    sealing::sealed_files,
};

/// How long an upload can be sent. Not longer than a key of the keyring is kept after a rotation, because uploads are not
/// re-encrypted.
const LIFETIME: Duration = Duration::from_hours(24);
/// Days before the last one that are looked at, so that a platform that stood still removes what it missed.
const SWEPT_DAYS: i64 = 30;
/// Longest file name that is kept: it becomes the reference of the letter.
const MAX_FILE_NAME: usize = 255;

/// A letter that was uploaded, and passed its check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedLetter {
    /// Its id; the letter will have the same.
    pub id: NotificationId,
    /// The name of the file.
    pub file_name: String,
    /// Number of pages.
    pub page_count: usize,
    /// The address in the window, in its standard form, a line for each of its lines.
    pub recipient_address: String,
    /// The class of a letter abroad, which the address decides.
    pub postage: Option<Postage>,
}

/// What is stored beside the pages.
#[derive(Serialize, Deserialize)]
struct Facts {
    file_name: String,
    page_count: usize,
    recipient_address: String,
    abroad: bool,
}

/// Why an upload is not stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such service.
    #[error("there is no such service")]
    NoSuch,
    /// The file has a virus.
    #[error("the virus scanner found a virus")]
    Virus,
    /// The letter breaks a rule.
    #[error("the letter cannot be printed: {}", .0.explanation)]
    Invalid(ValidationFailure),
    /// Other letters of this service took long to check: it waits for so long.
    #[error("other letters of this service took long to check")]
    Busy(Duration),
    /// The virus scanner does not answer.
    #[error("the file could not be scanned")]
    Scan(#[from] ScanError),
    /// The file could not be read or stored now.
    #[error("the file could not be checked: {0}")]
    Unavailable(String),
    /// The file storage failed.
    #[error("the file storage failed")]
    Files(#[from] files::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] std::sync::Arc<store::Error>),
}

/// Scans, checks and rewrites a PDF, and stores it for a day.
pub async fn upload(
    app: &App,
    service: ServiceId,
    file_name: &str,
    pdf: Bytes,
) -> Result<UploadedLetter, UploadError> {
    if tenants::find(app, service).await?.is_none() {
        return Err(UploadError::NoSuch);
    }
    if app.providers.scan(&pdf).await? == Some(ScanResult::Virus) {
        return Err(UploadError::Virus);
    }
    let turn = app.foreign_files.turns.begin(service, &*app.clock).await;
    let turn = turn.map_err(UploadError::Busy)?;
    let judged = precompiled::judge_in_turn(app, service, &pdf, turn).await;
    let good = judged.map_err(unavailable)?.map_err(UploadError::Invalid)?;
    let facts = Facts {
        file_name: cut_file_name(file_name),
        page_count: good.pages,
        recipient_address: good.address.normalised(),
        abroad: good.address.is_international(),
    };
    let id = NotificationId::generate(app.clock.now(), app.random());
    let (pages, about) = keys(service, id);
    let (keyring, owner) = (app.store.keyring(), id.as_uuid());
    sealed_files::store(&app.files, keyring, &pages, owner, &good.rewritten).await?;
    // Last: an upload whose facts are there has its pages.
    let text = serde_json::to_vec(&facts).expect("texts and numbers are writable");
    sealed_files::store(&app.files, keyring, &about, owner, &text).await?;
    Ok(facts.into_upload(id))
}

/// Returns as much of the name of a file as is kept.
pub fn cut_file_name(name: impl AsRef<str>) -> String {
    name.as_ref().chars().take(MAX_FILE_NAME).collect()
}

fn unavailable(failure: StepFailure) -> UploadError {
    match failure {
        StepFailure::Retry { why, .. } | StepFailure::Permanent(_, why) => {
            UploadError::Unavailable(why)
        }
        StepFailure::Noop => UploadError::Unavailable("it was interrupted".to_owned()),
    }
}

impl Facts {
    fn into_upload(self, id: NotificationId) -> UploadedLetter {
        let postage = self.address().postage;
        UploadedLetter {
            id,
            postage: postage.filter(|_| self.abroad),
            file_name: self.file_name,
            page_count: self.page_count,
            recipient_address: self.recipient_address,
        }
    }

    fn address(&self) -> ResolvedRecipient {
        let address = PostalAddress::from_text(&self.recipient_address, self.abroad);
        ResolvedRecipient::letter(&address, None)
    }
}

impl UploadedLetter {
    /// Returns the recipient, with the class of postage that the sender asks for unless the address decides it.
    pub(crate) fn recipient(&self, asked_for: Option<Postage>) -> ResolvedRecipient {
        let address = PostalAddress::from_text(&self.recipient_address, self.postage.is_some());
        ResolvedRecipient::letter(&address, asked_for)
    }

    /// Returns the sheets of paper that it takes.
    pub(crate) fn sheets(&self) -> u32 {
        billable_sheets(self.page_count)
    }

    /// Returns whether it goes to another country, for which a service needs the permission
    /// [`Permission::InternationalLetters`].
    pub(crate) const fn needed_permission(&self) -> Option<Permission> {
        match self.postage {
            Some(_) => Some(Permission::InternationalLetters),
            None => None,
        }
    }
}

/// Finds an upload of a service with its pages, unless it is older than a day.
pub(crate) async fn find(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<(UploadedLetter, Bytes)>, OpenError> {
    let made = made_at(id);
    if app.clock.now() >= made.plus(LIFETIME) {
        return Ok(None);
    }
    let (pages, about) = keys(service, id);
    let (keyring, owner) = (app.store.keyring(), id.as_uuid());
    let Some(facts) = sealed_files::find(&app.files, keyring, &about, owner).await? else {
        return Ok(None);
    };
    let Some(pages) = sealed_files::find(&app.files, keyring, &pages, owner).await? else {
        return Ok(None);
    };
    let facts: Facts = serde_json::from_slice(&facts).map_err(|_| OpenError::Damaged)?;
    Ok(Some((facts.into_upload(id), pages)))
}

/// Returns whether the service has sent this upload, also if the letter is archived by now.
pub(crate) async fn was_sent(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<bool, store::Error> {
    let mut session = app.read().await?;
    if store::notifications::find(&mut session, service, id)
        .await?
        .is_some()
    {
        return Ok(true);
    }
    let lines = store::history::list_by_id(&mut session, &[id]).await?;
    Ok(lines.iter().any(|line| line.service_id == service))
}

/// Removes an upload.
pub(crate) async fn remove(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<(), files::Error> {
    let (pages, about) = keys(service, id);
    app.files.remove(&about).await?;
    app.files.remove(&pages).await
}

/// Why old uploads are not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemovalError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the file storage failed")]
    Files(#[from] files::Error),
}

/// Removes the uploads that are older than a day, with the pages of letters that were not sent in the end. Returns how many
/// files of uploads.
pub(crate) async fn remove_old_uploads(app: &App) -> Result<usize, RemovalError> {
    let today = app.clock.now().utc_day();
    let mut removed = 0;
    // Those of yesterday evening can still be sent.
    for back in 2..=2 + SWEPT_DAYS {
        let day = today.plus_days(-back).to_string();
        for file in app.files.list_under(&Key::letter_uploads_of(&day)).await? {
            remove_unsent_pages(app, &file.key).await?;
            app.files.remove(&file.key).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Removes the pages that a refused request to send an upload has left. By now the upload can no longer be sent.
async fn remove_unsent_pages(app: &App, upload: &Key) -> Result<(), RemovalError> {
    if let Some((service, id)) = upload_of(upload)
        && !was_sent(app, service, id).await?
    {
        delete_pages(app, service, id).await;
    }
    Ok(())
}

/// Returns what the path of an upload names.
fn upload_of(key: &Key) -> Option<(ServiceId, NotificationId)> {
    let (folder, name) = key.as_str().rsplit_once('/')?;
    let (_, service) = folder.rsplit_once("/service-")?;
    let id: Uuid = name.split('.').next()?.parse().ok()?;
    let service: Uuid = service.parse().ok()?;
    Some((service.into(), id.into()))
}

fn made_at(id: NotificationId) -> Timestamp {
    domain::generated_at(id.as_uuid()).unwrap_or_default()
}

/// Returns the paths of the pages and of what is known of them.
fn keys(service: ServiceId, id: NotificationId) -> (Key, Key) {
    let day = made_at(id).utc_day().to_string();
    let (service, id) = (service.as_uuid(), id.as_uuid());
    (
        Key::letter_upload(&day, service, id),
        Key::letter_upload_facts(&day, service, id),
    )
}
