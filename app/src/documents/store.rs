//! Stores prepared files, and removes them again if their message is rejected.
//!
//! The row is committed first, with its expiry time, and then the content is written. After a crash in between every
//! object in the file storage still has a row that will remove it. A file without a message cannot be opened by
//! anyone, because its link was never sent.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::warn;

use super::{FileError, PreparedFile, prepare::Ours};
use crate::{App, sealing::sealed_files};

/// Stores files durably: all of them, or none.
pub(crate) async fn store(app: &App, drafts: &[PreparedFile]) -> Result<(), FileError> {
    let ours = || drafts.iter().filter_map(|draft| draft.ours.as_ref());
    let rows: Vec<_> = ours().map(|one| one.row.clone()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = app.write().await?;
    store::documents::insert_many(&mut tx, &rows).await?;
    tx.commit().await?;
    for one in ours() {
        if let Err(fault) = write(app, one).await {
            // All or none: remove what was written before the failure.
            remove(app, drafts).await;
            return Err(fault.into());
        }
    }
    Ok(())
}

/// Number of files written concurrently for the rows of a job.
const AT_ONCE: usize = 8;

/// Stores the files of job rows durably. It is idempotent, because the links are a function of the row.
pub(crate) async fn store_for_rows(app: &App, drafts: &[PreparedFile]) -> Result<(), FileError> {
    let ours: Vec<&Ours> = drafts
        .iter()
        .filter_map(|draft| draft.ours.as_ref())
        .collect();
    let rows: Vec<_> = ours.iter().map(|one| one.row.clone()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = app.write().await?;
    // Another worker may have stored the same files already, and its rows may be committed: overwrite them, and never
    // remove them on failure.
    store::documents::upsert_many(&mut tx, &rows).await?;
    tx.commit().await?;
    let writes: Vec<_> = ours.into_iter().map(|one| write(app, one)).collect();
    stream::iter(writes)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(())
}

async fn write(app: &App, one: &Ours) -> Result<(), files::Error> {
    let owner = one.row.id.as_uuid();
    sealed_files::store(&app.files, &one.vault, &one.key(), owner, &one.bytes).await
}

/// Removes files whose message was rejected. A file that cannot be removed now is left to expire.
pub(crate) async fn remove(app: &App, drafts: &[PreparedFile]) {
    for one in drafts.iter().filter_map(|draft| draft.ours.as_ref()) {
        if let Err(fault) = remove_one(app, one).await {
            warn!(
                document.id = %one.row.id,
                error = &fault as &dyn std::error::Error,
                "cannot take back a file whose message was refused; it goes when its time is over"
            );
        }
    }
}

async fn remove_one(app: &App, one: &Ours) -> Result<(), FileError> {
    app.files.remove(&one.key()).await?;
    let mut tx = app.write().await?;
    store::documents::delete(&mut tx, one.row.service_id, &[one.row.id]).await?;
    tx.commit().await?;
    Ok(())
}
