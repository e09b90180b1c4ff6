//! Response files of print providers (`docs/spec/letters.md` §8). Each has two tasks that know nothing of each other: one
//! updates the statuses of its letters, the other counts sorted and unsorted ones. Both may run any number of times.

mod confirmation;
mod counts;
mod exception;
mod lines;
mod sources;
mod statuses;

use std::time::Instant;

use providers::letter::{ResponseFile, ResponseFileError};
use queue::{TaskContext, TaskOutcome};
use store::response_files::{self, ResponseTask};
use tracing::{error, warn};

use self::{lines::ResponseLines, sources::ReadError};
use crate::{
    App, local_days,
    tasks::{self, ResponseFileName},
};

pub use confirmation::confirm_subscription;
pub use exception::DvlaException;
pub use jiff::civil::Date as Day;
pub(crate) use sources::sweep;
pub use sources::{UploadError, announce, upload};
pub use store::{daily_sorted_letters::DailySortedLetter, response_files::StoredResponseFile};

/// How often a file that was announced and is not there is looked for.
const LOOKS: u32 = 5;

/// Why a task of a response file stopped.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Dvla(#[from] DvlaException),
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the lease was lost")]
    LeaseLost,
}

/// Updates the statuses of the letters of a response file.
pub(crate) async fn update_statuses(
    app: &App,
    task: &TaskContext,
    name: ResponseFileName,
) -> TaskOutcome {
    process(app, task, &name, ResponseTask::Statuses).await
}

/// Counts the letters of a response file.
pub(crate) async fn record_counts(
    app: &App,
    task: &TaskContext,
    name: ResponseFileName,
) -> TaskOutcome {
    process(app, task, &name, ResponseTask::Counts).await
}

async fn process(
    app: &App,
    task: &TaskContext,
    name: &ResponseFileName,
    which: ResponseTask,
) -> TaskOutcome {
    let started = Instant::now();
    let file = match sources::read(app, name).await {
        Ok(Some(file)) => file,
        Ok(None) => return missing(app, task, name).await,
        Err(ReadError::Source(fault @ ResponseFileError::TooLong)) => {
            log_failure(task, started, &format!("{}: {fault}", name.file), None);
            return TaskOutcome::Completed;
        }
        Err(fault) => return retry(app, task, &fault),
    };
    let outcome = match ResponseLines::parse(&file.contents) {
        Ok(lines) => apply(app, task, name, which, lines).await,
        Err(line) => Err(DvlaException::invalid_format(&name.file, line).into()),
    };
    let exception = match outcome {
        Ok(()) => None,
        Err(Fault::Dvla(exception)) => Some(exception),
        Err(fault) => return retry(app, task, &fault),
    };
    if let Err(fault) = finish(app, task, name, which, &file, exception.as_ref()).await {
        return retry(app, task, &fault);
    }
    // There are no retries: a person must look, and the file says the same at every attempt.
    if let Some(exception) = exception {
        log_failure(task, started, &exception.to_string(), exception.line());
    }
    TaskOutcome::Completed
}

async fn apply(
    app: &App,
    task: &TaskContext,
    name: &ResponseFileName,
    which: ResponseTask,
    lines: ResponseLines<'_>,
) -> Result<(), Fault> {
    match which {
        ResponseTask::Statuses => statuses::apply(app, task, &name.file, lines).await,
        ResponseTask::Counts => {
            let counts = counts::count(&name.file, lines)?;
            let mut tx = app.write().await?;
            counts::store(app, &mut tx, &counts).await?;
            tx.commit().await?;
            Ok(())
        }
    }
}

/// Records that a task has come to the end of a file, together with the end of the task.
async fn finish(
    app: &App,
    task: &TaskContext,
    name: &ResponseFileName,
    which: ResponseTask,
    file: &ResponseFile,
    exception: Option<&DvlaException>,
) -> Result<(), store::Error> {
    let problem = exception.map(DvlaException::summary);
    let now = app.clock.now();
    let mut tx = app.write().await?;
    response_files::finish(&mut tx, &name.file, which, &file.version, problem, now).await?;
    let state = response_files::find(&mut tx, &name.file).await?;
    task.complete(&mut tx).await?;
    tx.commit().await?;
    let is_processed = state.is_some_and(|state| state.is_processed(&file.version));
    if let Some(upload) = name.upload.filter(|_| is_processed) {
        sources::remove_upload(app, upload).await;
    }
    Ok(())
}

/// Returns the outcome for a file that is nowhere.
async fn missing(app: &App, task: &TaskContext, name: &ResponseFileName) -> TaskOutcome {
    match is_known(app, name).await {
        // Storages announce a file more than once, and by now it has been put aside.
        Ok(true) => return TaskOutcome::Completed,
        Ok(false) => {}
        Err(fault) => return retry(app, task, &fault),
    }
    if task.leased().attempt < LOOKS {
        return TaskOutcome::Retry(tasks::RESPONSE_FILE_LOOK);
    }
    // No error: announcements are not signed, and a stranger must not be able to call people out of their beds.
    warn!(
        "response file {} was announced and is not there: ask the print provider for it, unless the announcement was not \
         theirs",
        name.file
    );
    TaskOutcome::Completed
}

/// Returns whether both tasks of a file have come to its end before.
async fn is_known(app: &App, name: &ResponseFileName) -> Result<bool, store::Error> {
    let known = response_files::find(&mut app.read().await?, &name.file).await?;
    Ok(known.is_some_and(|file| file.statuses.at.is_some() && file.counts.at.is_some()))
}

fn retry(app: &App, task: &TaskContext, fault: &(dyn std::error::Error + 'static)) -> TaskOutcome {
    warn!(
        error = fault,
        "{} cannot go on, will try again",
        task.name()
    );
    tasks::retry(task, app.random(), &fault)
}

/// Logs the failure of a task in the line that alerts match (`docs/spec/workers.md` §1.3).
fn log_failure(task: &TaskContext, started: Instant, why: &str, line: Option<&str>) {
    error!(
        line,
        "Celery task {} (queue: {}) failed after {:.4}: {why}",
        task.name(),
        task.leased().pool,
        started.elapsed().as_secs_f64()
    );
}

/// Why a past response file is not counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// Something is wrong with it.
    #[error(transparent)]
    Dvla(#[from] DvlaException),
    /// It was counted under another key.
    #[error("it was counted as {0} already: name it so, or the day counts it twice")]
    CountedElsewhere(String),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] store::Error),
}

/// Counts a past response file again, and touches no status. Counts of a file with the same key are replaced.
pub async fn count_again(
    app: &App,
    key: &str,
    contents: &[u8],
) -> Result<DailySortedLetter, CountError> {
    let lines =
        ResponseLines::parse(contents).map_err(|line| DvlaException::invalid_format(key, line))?;
    let counts = counts::count(key, lines)?;
    if let Some(other) = counts::find_same_elsewhere(app, &counts).await? {
        return Err(CountError::CountedElsewhere(other));
    }
    let mut tx = app.write().await?;
    counts::store(app, &mut tx, &counts).await?;
    tx.commit().await?;
    Ok(counts)
}

/// Parses a local day as it is written in requests: `2026-03-02`.
pub fn parse_day(text: &str) -> Option<Day> {
    text.parse().ok()
}

/// Returns the local day that a file was counted for.
pub fn day_of(counts: &DailySortedLetter) -> Day {
    local_days::day_of_number(counts.billing_day)
}

/// Returns the daily counts of these local days, the last one included, by day and file.
pub async fn list_counts(
    app: &App,
    first: Day,
    last: Day,
) -> Result<Vec<DailySortedLetter>, store::Error> {
    let number = local_days::number_of;
    let mut session = app.read().await?;
    store::daily_sorted_letters::list(&mut session, number(first), number(last)).await
}

/// Returns up to `count` response files that were noticed or read, newest first.
pub async fn list(app: &App, count: u32) -> Result<Vec<StoredResponseFile>, store::Error> {
    response_files::list(&mut app.read().await?, domain::Timestamp::default(), count).await
}
