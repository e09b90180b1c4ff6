//! Re-encrypts files. A file whose row retention deletes meanwhile is deleted again, so no file is left behind. An
//! erasure rewrites files too, so both take the [`RewriteLock`].
//!
//! Files by e-mail are not included: each is sealed with the key in its link.

use files::Key;
use tracing::warn;
use uuid::Uuid;

use super::PAGE_SIZE;
use crate::{
    App, RewriteLock, RewriteLockError,
    sealing::sealed_files::{self, Reencrypted},
    stored_files::StoredFile,
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

pub(super) async fn reencrypt(
    app: &App,
    lock: &RewriteLock,
) -> Result<FilesReencrypted, RewriteLockError> {
    let mut done = FilesReencrypted::default();
    done.spreadsheets =
        reencrypt_all(app, lock, StoredFile::Spreadsheet, &mut done.unreadable).await?;
    done.contact_lists =
        reencrypt_all(app, lock, StoredFile::ContactList, &mut done.unreadable).await?;
    done.letters = reencrypt_all(app, lock, StoredFile::Letter, &mut done.unreadable).await?;
    for kind in [
        StoredFile::TemplateFile,
        StoredFile::LetterAttachment,
        StoredFile::LetterLogo,
    ] {
        done.template_files += reencrypt_all(app, lock, kind, &mut done.unreadable).await?;
    }
    Ok(done)
}

/// Re-encrypts the files of a kind. Returns how many.
async fn reencrypt_all(
    app: &App,
    lock: &RewriteLock,
    kind: StoredFile,
    unreadable: &mut Vec<String>,
) -> Result<u64, RewriteLockError> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let page = kind.list(app, after, PAGE_SIZE).await?;
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
