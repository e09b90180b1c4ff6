//! Handing over a batch of letters as a zip in a file drop (`docs/spec/letters.md` §7.3).
//!
//! The task makes the file, puts it, records that, and then marks the letters as sent. No letter changes before the file is
//! recorded as put, so that a task which was killed anywhere makes the same file with the same name again, or goes on.

use bytes::Bytes;
use domain::{Channel, NotificationId, NotificationStatus};
use providers::letter::file_drop::{DropError, FileDrop, ZipError, Zipper, pdf_name, zip_name};
use queue::{TaskContext, TaskOutcome};
use store::{
    notifications::StatusUpdate,
    print_runs::{self, BatchState, PrintBatch, PrintableLetter},
};
use templates::letter_timings::to_london;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    App, OpenError, callbacks,
    compose::to_jiff,
    letters::find_pages,
    tasks::{self, ZipPayload},
    technical_failures,
};

/// Letters whose status one transaction changes: others wait while it is open.
const LETTERS_PER_TRANSACTION: usize = 100;

/// Why a zip has not been handed over.
#[derive(Debug, thiserror::Error)]
enum HandOverError {
    // Not transparent: whether it passes is asked of an error's causes.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The file storage has no answer, or the file is damaged.
    #[error("the PDF of letter {0} cannot be read")]
    Pdf(NotificationId, #[source] OpenError),
    #[error(transparent)]
    Drop(#[from] DropError),
    #[error(transparent)]
    Zip(#[from] ZipError),
    #[error("the provider {0} is not configured as a file drop in this process")]
    NoDrop(String),
    #[error("the zip could not be made: the compression stopped")]
    Panicked,
    #[error("the lease was lost")]
    LeaseLost,
}

/// Handles the task of a zip.
pub(crate) async fn hand_over(
    app: &App,
    task: &TaskContext,
    ZipPayload { batch }: ZipPayload,
) -> TaskOutcome {
    let why = match try_hand_over(app, task, batch).await {
        Ok(()) => return TaskOutcome::Completed,
        Err(why) => why,
    };
    // A storage that does not answer says nothing about the zip.
    if crate::is_transient(&why) {
        let later = app.clock.now().plus(tasks::STORAGE_PAUSE);
        return TaskOutcome::Snooze(later);
    }
    warn!(
        error = &why as &dyn std::error::Error,
        "the zip of batch {batch} is not handed over, will try again"
    );
    match tasks::retry(task, app.random(), &why) {
        TaskOutcome::Discard(reason) => match fail(app, task, batch).await {
            Ok(()) => TaskOutcome::Discard(reason),
            // Its letters must not stay without an end.
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "the letters of batch {batch} cannot be failed yet"
                );
                TaskOutcome::Retry(tasks::STORAGE_PAUSE)
            }
        },
        outcome => outcome,
    }
}

async fn try_hand_over(app: &App, task: &TaskContext, id: Uuid) -> Result<(), HandOverError> {
    let Some(mut batch) = print_runs::find_batch(&mut app.read().await?, id).await? else {
        return Ok(());
    };
    if batch.state == BatchState::Claimed {
        put(app, task, &mut batch).await?;
    }
    if batch.state == BatchState::Put {
        mark_sent(app, task, &batch).await?;
    }
    Ok(())
}

/// Makes the file of a batch and puts it.
async fn put(app: &App, task: &TaskContext, batch: &mut PrintBatch) -> Result<(), HandOverError> {
    let drop = find_drop(app, &batch.provider)?;
    let zip = make_zip(app, task, batch).await?;
    if !zip.left_out.is_empty() {
        fail_letters(app, task, &zip.left_out, MISSING_PDF).await?;
    }
    let day = to_london(to_jiff(batch.deadline)).date();
    let name = zip_name(day, batch.number, zip.names.iter().map(String::as_str));
    let mut tx = app.write().await?;
    let left_out: Vec<_> = zip.left_out.iter().map(|letter| letter.id).collect();
    print_runs::remove_batch_letters(&mut tx, batch.id, &left_out).await?;
    // Before it is put, so that an operator who looks into the drop finds out what it is.
    print_runs::set_batch_state(
        &mut tx,
        batch.id,
        &name,
        BatchState::Claimed,
        app.clock.now(),
    )
    .await?;
    tx.commit().await?;
    let count = zip.names.len();
    if count > 0 {
        if !task.holds_lease(app.clock.now()) {
            return Err(HandOverError::LeaseLost);
        }
        drop.put(&name, zip.contents).await?;
        info!(
            "zip {name} with {count} letters is handed over to {}",
            batch.provider
        );
    }
    batch.name = Some(name);
    // A zip that was not put is never acknowledged, and must not be waited for.
    batch.state = if count > 0 {
        BatchState::Put
    } else {
        BatchState::Failed
    };
    record(app, batch, batch.state).await?;
    Ok(())
}

async fn record(app: &App, batch: &PrintBatch, state: BatchState) -> Result<(), store::Error> {
    let name = batch.name.as_deref().unwrap_or_default();
    let mut tx = app.write().await?;
    print_runs::set_batch_state(&mut tx, batch.id, name, state, app.clock.now()).await?;
    if matches!(state, BatchState::Sent | BatchState::Failed) {
        print_runs::delete_batch_letters(&mut tx, batch.id).await?;
    }
    tx.commit().await
}

fn find_drop(app: &App, provider: &str) -> Result<FileDrop, HandOverError> {
    let mut providers = app.providers.letter.iter();
    providers
        .find(|one| one.provider.name() == provider)
        .and_then(|one| one.provider.file_drop())
        .ok_or_else(|| HandOverError::NoDrop(provider.to_owned()))
}

/// The file of a batch.
struct MadeZip {
    contents: Bytes,
    /// Names of the files in it.
    names: Vec<String>,
    /// Letters that have no PDF, or are not to be printed any more.
    left_out: Vec<PrintableLetter>,
}

/// Reads the letters of a batch one after the other, so that no more than the zip and one of them are in memory.
async fn make_zip(
    app: &App,
    task: &TaskContext,
    batch: &PrintBatch,
) -> Result<MadeZip, HandOverError> {
    let listed = print_runs::list_printable(&mut app.read().await?, batch.id).await?;
    let (mut zipper, mut names, mut left_out) = (Zipper::new(), Vec::new(), Vec::new());
    for letter in listed {
        if !task.holds_lease(app.clock.now()) {
            return Err(HandOverError::LeaseLost);
        }
        let Some(pdf) = find_pdf(app, &letter).await? else {
            error!(
                notification.id = %letter.id, service.id = %letter.service_id,
                "letter {} is left out of its zip: it has no PDF that can be read, or does not wait to be printed",
                letter.id
            );
            left_out.push(letter);
            continue;
        };
        let created = to_jiff(letter.created_at);
        let name = pdf_name(&letter.reference, letter.postage, created);
        names.push(name.clone());
        // Compressing would keep other tasks of this thread waiting.
        let added = app.foreign_files.run_blocking(move || {
            zipper.add(&name, created, &pdf)?;
            Ok::<_, ZipError>(zipper)
        });
        zipper = added.await.ok_or(HandOverError::Panicked)??;
    }
    let contents = zipper.finish()?;
    Ok(MadeZip {
        contents,
        names,
        left_out,
    })
}

/// Returns the pages of a letter that is to be printed.
async fn find_pdf(app: &App, letter: &PrintableLetter) -> Result<Option<Bytes>, HandOverError> {
    let id = letter.id;
    // A claimed letter cannot be cancelled, but it may have failed.
    if letter.status != NotificationStatus::Created {
        return Ok(None);
    }
    match find_pages(app, letter.service_id, id).await {
        // One damaged file must not hold up five hundred letters.
        Err(OpenError::Damaged) => Ok(None),
        // A key that is not in the keyring concerns more than this letter, and can be put back.
        found => found.map_err(|error| HandOverError::Pdf(id, error)),
    }
}

/// Marks the letters of a zip that was put as `sending`.
async fn mark_sent(app: &App, task: &TaskContext, batch: &PrintBatch) -> Result<(), HandOverError> {
    let listed = print_runs::list_printable(&mut app.read().await?, batch.id).await?;
    let waiting: Vec<NotificationId> = listed
        .into_iter()
        // Those of an interrupted attempt are marked already.
        .filter(|letter| letter.status == NotificationStatus::Created)
        .map(|letter| letter.id)
        .collect();
    let mut count = 0;
    for portion in waiting.chunks(LETTERS_PER_TRANSACTION) {
        let now = app.clock.now();
        if !task.holds_lease(now) {
            return Err(HandOverError::LeaseLost);
        }
        let sent = |id: &NotificationId| StatusUpdate {
            sent_at: Some(now),
            sent_by: Some(batch.provider.clone()),
            ..StatusUpdate::new(*id, NotificationStatus::Sending)
        };
        let updates: Vec<StatusUpdate> = portion.iter().map(sent).collect();
        let mut tx = app.write().await?;
        let applied = callbacks::apply_updates(app, &mut tx, &updates, now).await?;
        app.commit_and_notify(tx, applied.pools).await?;
        count += applied.count;
    }
    info!("Updated {count} letter notifications to sending");
    record(app, batch, BatchState::Sent).await?;
    Ok(())
}

const MISSING_PDF: &str = "the PDF of the letter was not there when it was to be printed";
const NOT_TAKEN: &str = "the print provider could not be given the letter";

/// Ends a batch whose zip could not be put: its letters failed.
async fn fail(app: &App, task: &TaskContext, id: Uuid) -> Result<(), store::Error> {
    let Some(batch) = print_runs::find_batch(&mut app.read().await?, id).await? else {
        return Ok(());
    };
    if batch.state != BatchState::Claimed {
        return Ok(());
    }
    let letters = print_runs::list_printable(&mut app.read().await?, id).await?;
    fail_letters(app, task, &letters, NOT_TAKEN).await?;
    record(app, &batch, BatchState::Failed).await
}

/// Marks letters `technical-failure`, and logs their references.
async fn fail_letters(
    app: &App,
    task: &TaskContext,
    letters: &[PrintableLetter],
    why: &str,
) -> Result<(), store::Error> {
    for portion in letters.chunks(LETTERS_PER_TRANSACTION) {
        let now = app.clock.now();
        let updates: Vec<StatusUpdate> = portion
            .iter()
            .map(|letter| {
                let failed = NotificationStatus::TechnicalFailure;
                StatusUpdate::failed(letter.id, failed, why)
            })
            .collect();
        let mut tx = app.write().await?;
        let applied = callbacks::apply_updates(app, &mut tx, &updates, now).await?;
        app.commit_and_notify(tx, applied.pools).await?;
        if applied.count == 0 {
            continue;
        }
        for _ in 0..applied.count {
            technical_failures::count(Channel::Letter);
        }
        let references: Vec<&str> = portion.iter().map(|letter| &*letter.reference).collect();
        error!(
            task = task.name(),
            "NotificationTechnicalFailureException: Updated {} letter notifications to technical-failure with references [{}]",
            applied.count,
            references.join(", ")
        );
    }
    Ok(())
}
