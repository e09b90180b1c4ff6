//! Re-encrypts files. A file whose row retention deletes meanwhile is deleted again, so no file is left behind. An
//! erasure rewrites files too, so both take the [`RewriteLock`].
//!
//! Files by e-mail are not included: each is sealed with the key in its link.

use domain::{ContactListId, JobId, NotificationId, ServiceId};
use files::Key;
use tracing::warn;
use uuid::Uuid;

use super::PAGE_SIZE;
use crate::{
    App, RewriteLock, RewriteLockError,
    jobs::{contact_lists, spreadsheets},
    letters::files_of,
    sealing::sealed_files::{self, Reencrypted},
};

/// Files that were re-encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesReencrypted {
    /// Of jobs and uploads.
    pub spreadsheets: u64,
    /// Contact lists.
    pub contact_lists: u64,
    /// Pages of letters.
    pub letters: u64,
    /// Files that belong to templates, and logos of letters.
    pub template_files: u64,
    /// Files that could not be: still sealed with an older key, or damaged.
    pub unreadable: Vec<String>,
}

/// The files that are sealed with the keyring; each belongs to a row, whose id it is sealed to.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Spreadsheet,
    ContactList,
    Letter,
    TemplateFile,
    LetterAttachment,
    LetterLogo,
}

pub(super) async fn reencrypt(
    app: &App,
    lock: &RewriteLock,
) -> Result<FilesReencrypted, RewriteLockError> {
    let mut done = FilesReencrypted::default();
    done.spreadsheets = reencrypt_all(app, lock, Kind::Spreadsheet, &mut done.unreadable).await?;
    done.contact_lists = reencrypt_all(app, lock, Kind::ContactList, &mut done.unreadable).await?;
    done.letters = reencrypt_all(app, lock, Kind::Letter, &mut done.unreadable).await?;
    for kind in [Kind::TemplateFile, Kind::LetterAttachment, Kind::LetterLogo] {
        done.template_files += reencrypt_all(app, lock, kind, &mut done.unreadable).await?;
    }
    Ok(done)
}

/// Re-encrypts the files of a kind. Returns how many.
async fn reencrypt_all(
    app: &App,
    lock: &RewriteLock,
    kind: Kind,
    unreadable: &mut Vec<String>,
) -> Result<u64, RewriteLockError> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let page = kind.list(app, after).await?;
        let Some((_, last)) = page.last() else {
            return Ok(done);
        };
        after = *last;
        for (service, id) in page {
            for key in kind.keys(service, id) {
                if !reencrypt_one(app, lock, &key, id, unreadable).await? {
                    continue;
                }
                done += 1;
                // Rewriting has put back a file that retention removed in between.
                let is_gone = !kind.is_kept(app, service, id).await?;
                if is_gone && app.files.remove(&key).await.is_err() {
                    unreadable.push(key.as_str().to_owned());
                }
            }
        }
    }
}

impl Kind {
    /// Lists service and id of each file, in the order of ids after `after`.
    async fn list(self, app: &App, after: Uuid) -> Result<Vec<(ServiceId, Uuid)>, store::Error> {
        let mut session = app.read().await?;
        Ok(match self {
            Self::Spreadsheet => {
                store::spreadsheets::list_kept(&mut session, None, after, PAGE_SIZE)
                    .await?
                    .into_iter()
                    .map(|sheet| (sheet.service_id, sheet.id.as_uuid()))
                    .collect()
            }
            Self::ContactList => {
                store::contact_lists::list_kept(&mut session, None, after, PAGE_SIZE)
                    .await?
                    .into_iter()
                    .map(|list| (list.service_id, list.id.as_uuid()))
                    .collect()
            }
            Self::Letter => {
                let after = Some(NotificationId::from_uuid(after));
                store::notifications::list_letters(&mut session, after, PAGE_SIZE)
                    .await?
                    .into_iter()
                    .map(|(service, id)| (service, id.as_uuid()))
                    .collect()
            }
            Self::TemplateFile => store::template_files::list_kept(&mut session, after, PAGE_SIZE)
                .await?
                .into_iter()
                .map(|(service, id)| (service, id.as_uuid()))
                .collect(),
            Self::LetterAttachment => {
                store::letter_attachments::list_kept(&mut session, after, PAGE_SIZE).await?
            }
            Self::LetterLogo => {
                store::letter_logos::list_kept(&mut session, after, PAGE_SIZE).await?
            }
        })
    }

    fn keys(self, service: ServiceId, id: Uuid) -> Vec<Key> {
        match self {
            Self::Spreadsheet => vec![spreadsheets::key(service, JobId::from_uuid(id))],
            Self::ContactList => vec![contact_lists::key(service, ContactListId::from_uuid(id))],
            Self::Letter => files_of(service, NotificationId::from_uuid(id)).into(),
            Self::TemplateFile => vec![Key::template_file(service.as_uuid(), id)],
            Self::LetterAttachment => vec![Key::letter_attachment(service.as_uuid(), id)],
            Self::LetterLogo => vec![Key::letter_logo(service.as_uuid(), id)],
        }
    }

    /// Returns whether a row still names the file. The files of templates are never deleted.
    async fn is_kept(self, app: &App, service: ServiceId, id: Uuid) -> Result<bool, store::Error> {
        let mut session = app.read().await?;
        Ok(match self {
            Self::Spreadsheet => {
                let id = JobId::from_uuid(id);
                let kept = store::spreadsheets::find(&mut session, service, id).await?;
                let job = store::jobs::find(&mut session, service, id).await?;
                kept.is_some() && job.is_none_or(|job| !job.archived)
            }
            Self::ContactList => {
                let id = ContactListId::from_uuid(id);
                let kept = store::contact_lists::find(&mut session, service, id).await?;
                kept.is_some_and(|list| !list.archived)
            }
            Self::Letter => {
                let id = NotificationId::from_uuid(id);
                let kept = store::notifications::find(&mut session, service, id).await?;
                kept.is_some()
            }
            Self::TemplateFile | Self::LetterAttachment => true,
            Self::LetterLogo => {
                let kept = store::letter_logos::find(&mut session, service).await?;
                kept.is_some_and(|logo| logo.id == id)
            }
        })
    }
}

/// Re-encrypts one file. Returns false, and names the file in the report, if that is impossible.
async fn reencrypt_one(
    app: &App,
    lock: &RewriteLock,
    key: &Key,
    owner: Uuid,
    unreadable: &mut Vec<String>,
) -> Result<bool, RewriteLockError> {
    let keyring = app.store.keyring();
    match sealed_files::reencrypt(&app.files, keyring, key, owner, lock).await {
        Ok(Reencrypted::LockLost) => Err(RewriteLockError::Lost),
        Ok(outcome) => Ok(outcome == Reencrypted::Yes),
        Err(error) => {
            warn!(
                error = &error as &dyn std::error::Error,
                "the file {key} cannot be re-encrypted"
            );
            unreadable.push(key.as_str().to_owned());
            Ok(false)
        }
    }
}
