//! Writing files, and taking them back.
//!
//! The row comes first and with its real end, then the bytes: whatever stops us in between, nothing lies in the storage
//! that no row will have removed. A file without a message is opened by nobody, for its link was never sent.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::warn;

use super::{FileError, PreparedFile, prepare::Ours};
use crate::{App, sealing::sealed_files};

/// Keeps these files; they are durable when this returns. If one cannot be kept, none is.
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
            remove(app, drafts).await;
            return Err(fault.into());
        }
    }
    Ok(())
}

/// How many files of rows are written at the same time.
const AT_ONCE: usize = 8;

/// Keeps the files of rows of a job; they are durable when this returns. Their links are a function of the row, so who
/// makes the rows again writes the same files: what is there is written again, and nothing is taken back, for another
/// worker may have kept the rows by now.
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

/// Takes files back at once, because their message is not kept. What cannot be removed now goes when its time is over.
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
