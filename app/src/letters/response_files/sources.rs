//! Where response files are: in the directories and drops of print providers, or uploaded by an operator. A sweep notices
//! those that wait, and puts them aside when both of their tasks have come to the end (`docs/spec/letters.md` §8.1).

use std::sync::Arc;

use bytes::Bytes;
use domain::TaskId;
use files::Key;
use providers::letter::{
    ResponseFile, ResponseFileEntry, ResponseFileError, ResponseFiles, is_response_file,
    is_safe_key,
};
use queue::{Enqueue as _, NewTask, TaskOutcome};
use store::response_files;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    App, OpenError,
    sealing::sealed_files,
    tasks::{self, ResponseFileName},
};

/// Why a response file cannot be read now.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Source(#[from] ResponseFileError),
    #[error("the uploaded response file cannot be read")]
    Upload(#[from] OpenError),
}

/// Why response files cannot be noticed now.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Source(#[from] ResponseFileError),
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Why an uploaded response file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Its name is not that of a response file.
    #[error("a response file is called NOTIFY-<YYYYMMDDHHMMSS>-RSP.TXT")]
    NotAResponseFile,
    /// The file storage failed.
    #[error("the file storage failed")]
    Files(#[from] files::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] store::Error),
}

/// Enqueues both tasks for a response file that a print provider's storage announces. Returns false if the key is not that of
/// a response file.
pub async fn announce(app: &App, key: &str) -> Result<bool, store::Error> {
    if !is_response_file(key) || !is_safe_key(key) {
        return Ok(false);
    }
    let now = app.clock.now();
    let name = ResponseFileName::announced(key);
    // One id for a minute: anyone can announce a file, and storages do so more than once.
    let minute = now.unix_seconds().div_euclid(60);
    let tasks = tasks::response_file(&name, now, |kind| {
        Uuid::new_v5(&Uuid::nil(), format!("{kind} {key} {minute}").as_bytes()).into()
    });
    enqueue(app, tasks.into()).await?;
    Ok(true)
}

/// Stores a response file that an operator gives, and enqueues both tasks for it. It is durable when this returns.
pub async fn upload(app: &App, key: &str, contents: &[u8]) -> Result<(), UploadError> {
    if !is_response_file(key) || !is_safe_key(key) {
        return Err(UploadError::NotAResponseFile);
    }
    let now = app.clock.now();
    let upload = TaskId::generate(now, app.random()).as_uuid();
    // Before the tasks, so that none finds no file. Without tasks it is sealed and no one reads it.
    let path = Key::response_file(upload);
    sealed_files::store(&app.files, app.store.keyring(), &path, upload, contents).await?;
    let name = ResponseFileName::uploaded(key, upload);
    let tasks = tasks::response_file(&name, now, |_| TaskId::generate(now, app.random()));
    enqueue(app, tasks.into()).await?;
    Ok(())
}

async fn enqueue(app: &App, tasks: Vec<NewTask>) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    tx.enqueue(tasks).await?;
    app.commit_and_notify(tx, &[tasks::NOTIFY_INTERNAL]).await
}

/// Reads a response file, wherever it is. Returns `None` if it is nowhere.
pub(super) async fn read(
    app: &App,
    name: &ResponseFileName,
) -> Result<Option<ResponseFile>, ReadError> {
    if let Some(upload) = name.upload {
        let path = Key::response_file(upload);
        let found = sealed_files::find(&app.files, app.store.keyring(), &path, upload).await?;
        return Ok(found.map(|contents: Bytes| ResponseFile {
            contents,
            version: upload.to_string(),
        }));
    }
    for source in all(app) {
        if let Some(found) = source.fetch(&name.file).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Removes an uploaded response file that is processed. What cannot be removed stays: it is sealed and small.
pub(super) async fn remove_upload(app: &App, upload: Uuid) {
    if let Err(fault) = app.files.remove(&Key::response_file(upload)).await {
        warn!(
            error = &fault as &dyn std::error::Error,
            "an uploaded response file could not be removed"
        );
    }
}

fn all(app: &App) -> impl Iterator<Item = Arc<dyn ResponseFiles>> + use<> {
    let of_providers = app.providers.letter.iter();
    let mut all: Vec<_> = of_providers
        .filter_map(|one| one.provider.response_files())
        .collect();
    all.extend(app.providers.response_files.iter().cloned());
    all.into_iter()
}

/// Notices the response files that wait, and puts those aside that are processed.
pub(crate) async fn sweep(app: &App) -> TaskOutcome {
    for source in all(app) {
        // A place that does not answer keeps no other from being looked at. The next sweep is a minute away.
        if let Err(fault) = sweep_source(app, &*source).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot look for response files of the print provider, will try again"
            );
        }
    }
    TaskOutcome::Completed
}

async fn sweep_source(app: &App, source: &dyn ResponseFiles) -> Result<(), SweepError> {
    let mut waiting = source.list().await?;
    // Names begin with their time, so this is the order in which they were written.
    waiting.sort_unstable();
    for entry in waiting {
        sweep_file(app, source, &entry).await?;
    }
    Ok(())
}

async fn sweep_file(
    app: &App,
    source: &dyn ResponseFiles,
    entry: &ResponseFileEntry,
) -> Result<(), SweepError> {
    let ResponseFileEntry { key, version } = entry;
    let known = response_files::find(&mut app.read().await?, key).await?;
    if known.is_some_and(|file| file.is_processed(version)) {
        source.put_aside(key).await?;
        // A file of the same name that comes later is a new one. After a crash in between it is noticed by its version.
        let mut tx = app.write().await?;
        response_files::set_put_aside(&mut tx, key).await?;
        tx.commit().await?;
        info!("response file {key} is processed and put aside");
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    if response_files::notice(&mut tx, key, version, now).await? {
        let name = ResponseFileName::announced(key);
        let tasks = tasks::response_file(&name, now, |_| TaskId::generate(now, app.random()));
        tx.enqueue(tasks.into()).await?;
        app.commit_and_notify(tx, &[tasks::NOTIFY_INTERNAL]).await?;
        info!("noticed response file {key}");
    }
    Ok(())
}
