//! Stores prepared files, and removes them again if their message is rejected.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::warn;

use super::{FileError, PreparedFile, prepare::StoredFile};
use crate::{App, sealing::sealed_files};

/// Stores files durably: all of them, or none.
pub(crate) async fn store(app: &App, files: &[PreparedFile]) -> Result<(), FileError> {
    let rows: Vec<_> = stored(files).map(|file| file.row.clone()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = app.write().await?;
    store::documents::insert_many(&mut tx, &rows).await?;
    // Rows before contents: after a crash, everything in the file storage has a row with an expiry time that removes it.
    // A file without a message cannot be opened, because its link was never sent.
    tx.commit().await?;
    for file in stored(files) {
        if let Err(fault) = write(app, file).await {
            // All or none: remove what was written before the failure.
            remove(app, files).await;
            return Err(fault.into());
        }
    }
    Ok(())
}

/// Number of files written concurrently for the rows of a job.
const MAX_CONCURRENT_WRITES: usize = 8;

/// Stores the files of job rows durably. It is idempotent, because the links are a function of the row.
pub(crate) async fn store_for_rows(app: &App, files: &[PreparedFile]) -> Result<(), FileError> {
    let rows: Vec<_> = stored(files).map(|file| file.row.clone()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = app.write().await?;
    // Another worker may have stored the same files already, and its rows may be committed: overwrite them, and never
    // remove them on failure.
    store::documents::upsert_many(&mut tx, &rows).await?;
    tx.commit().await?;
    let writes: Vec<_> = stored(files).map(|file| write(app, file)).collect();
    stream::iter(writes)
        .buffer_unordered(MAX_CONCURRENT_WRITES)
        .try_collect::<()>()
        .await?;
    Ok(())
}

/// Iterates over the files that our own storage keeps.
fn stored(files: &[PreparedFile]) -> impl Iterator<Item = &StoredFile> {
    files.iter().filter_map(|file| file.stored.as_ref())
}

async fn write(app: &App, file: &StoredFile) -> Result<(), files::Error> {
    let owner = file.row.id.as_uuid();
    sealed_files::store(&app.files, &file.keyring, &file.key(), owner, &file.bytes).await
}

/// Removes files whose message was rejected. A file that cannot be removed now is left to expire.
pub(crate) async fn remove(app: &App, files: &[PreparedFile]) {
    for file in stored(files) {
        if let Err(fault) = remove_one(app, file).await {
            warn!(
                document.id = %file.row.id,
                error = &fault as &dyn std::error::Error,
                "cannot remove the file of a rejected message; it is removed when it expires"
            );
        }
    }
}

async fn remove_one(app: &App, file: &StoredFile) -> Result<(), FileError> {
    app.files.remove(&file.key()).await?;
    let mut tx = app.write().await?;
    store::documents::delete(&mut tx, file.row.service_id, &[file.row.id]).await?;
    tx.commit().await?;
    Ok(())
}
