//! Sealing files anew. A file that retention removes while it is written anew is removed again: no file stays that no
//! row names. An erasure writes files anew too: one waits for the other ([`Rewriting`]).
//!
//! Files by e-mail are not among them: each is sealed with the key in its link.

use domain::NotificationId;
use files::Key;
use tracing::warn;
use uuid::Uuid;

use super::AT_ONCE;
use crate::{
    App, Rewriting, RewritingError, contact_lists,
    sealed_files::{self, SealedAnew},
    spreadsheets,
};

/// Files that were sealed anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesResealed {
    /// Of jobs and uploads.
    pub spreadsheets: u64,
    /// Contact lists.
    pub contact_lists: u64,
    /// Pages of letters.
    pub letters: u64,
    /// Files that belong to templates.
    pub template_files: u64,
    /// Those that could not be: still sealed with an older key, or damaged.
    pub unreadable: Vec<String>,
}

pub(super) async fn reseal(
    app: &App,
    rewriting: &Rewriting,
) -> Result<FilesResealed, RewritingError> {
    let mut done = FilesResealed::default();
    reseal_spreadsheets(app, rewriting, &mut done).await?;
    reseal_contact_lists(app, rewriting, &mut done).await?;
    reseal_letters(app, rewriting, &mut done).await?;
    reseal_template_files(app, rewriting, &mut done).await?;
    Ok(done)
}

/// Whether the file was sealed anew. One that cannot be is named, and holds up no other.
async fn seal_anew(
    app: &App,
    rewriting: &Rewriting,
    done: &mut FilesResealed,
    key: &Key,
    owner: Uuid,
) -> Result<bool, RewritingError> {
    let vault = app.store.vault();
    match sealed_files::seal_anew(&app.files, vault, key, owner, rewriting).await {
        Ok(SealedAnew::NotOurs) => Err(RewritingError::Lost),
        Ok(outcome) => Ok(outcome == SealedAnew::Yes),
        Err(error) => {
            warn!(
                error = &error as &dyn std::error::Error,
                "the file {key} cannot be sealed anew"
            );
            done.unreadable.push(key.as_str().to_owned());
            Ok(false)
        }
    }
}

/// Removes a file whose row is gone.
async fn take_back(app: &App, done: &mut FilesResealed, key: &Key) {
    if app.files.remove(key).await.is_err() {
        done.unreadable.push(key.as_str().to_owned());
    }
}

async fn reseal_spreadsheets(
    app: &App,
    rewriting: &Rewriting,
    done: &mut FilesResealed,
) -> Result<(), RewritingError> {
    let mut after = Uuid::nil();
    loop {
        let mut session = app.read().await?;
        let page = store::spreadsheets::list_kept(&mut session, None, after, AT_ONCE).await?;
        drop(session);
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id.as_uuid();
        for sheet in page {
            let (service, id) = (sheet.service_id, sheet.id);
            let key = spreadsheets::key(service, id);
            if !seal_anew(app, rewriting, done, &key, id.as_uuid()).await? {
                continue;
            }
            done.spreadsheets += 1;
            let mut session = app.read().await?;
            let kept = store::spreadsheets::find(&mut session, service, id).await?;
            let job = store::jobs::find(&mut session, service, id).await?;
            drop(session);
            if kept.is_none() || job.is_some_and(|job| job.archived) {
                take_back(app, done, &key).await;
            }
        }
    }
}

async fn reseal_contact_lists(
    app: &App,
    rewriting: &Rewriting,
    done: &mut FilesResealed,
) -> Result<(), RewritingError> {
    let mut after = Uuid::nil();
    loop {
        let mut session = app.read().await?;
        let page = store::contact_lists::list_kept(&mut session, None, after, AT_ONCE).await?;
        drop(session);
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id.as_uuid();
        for list in page {
            let (service, id) = (list.service_id, list.id);
            let key = contact_lists::key(service, id);
            if !seal_anew(app, rewriting, done, &key, id.as_uuid()).await? {
                continue;
            }
            done.contact_lists += 1;
            let now = store::contact_lists::find(&mut app.read().await?, service, id).await?;
            if now.is_none_or(|list| list.archived) {
                take_back(app, done, &key).await;
            }
        }
    }
}

async fn reseal_letters(
    app: &App,
    rewriting: &Rewriting,
    done: &mut FilesResealed,
) -> Result<(), RewritingError> {
    let mut after = None::<NotificationId>;
    loop {
        let mut session = app.read().await?;
        let page = store::notifications::list_letters(&mut session, after, AT_ONCE).await?;
        drop(session);
        let Some((_, last)) = page.last() else {
            return Ok(());
        };
        after = Some(*last);
        for (service, id) in page {
            let key = Key::letter_pdf(service.as_uuid(), id.as_uuid());
            if !seal_anew(app, rewriting, done, &key, id.as_uuid()).await? {
                continue;
            }
            done.letters += 1;
            let now = store::notifications::find(&mut app.read().await?, service, id).await?;
            if now.is_none() {
                take_back(app, done, &key).await;
            }
        }
    }
}

/// A template's file is never removed.
async fn reseal_template_files(
    app: &App,
    rewriting: &Rewriting,
    done: &mut FilesResealed,
) -> Result<(), RewritingError> {
    let mut after = Uuid::nil();
    loop {
        let mut session = app.read().await?;
        let page = store::template_files::list_kept(&mut session, after, AT_ONCE).await?;
        drop(session);
        let Some((_, last)) = page.last() else {
            return Ok(());
        };
        after = last.as_uuid();
        for (service, id) in page {
            let key = Key::template_file(service.as_uuid(), id.as_uuid());
            let is_done = seal_anew(app, rewriting, done, &key, id.as_uuid()).await?;
            done.template_files += u64::from(is_done);
        }
    }
}
