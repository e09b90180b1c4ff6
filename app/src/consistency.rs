//! `pillarbox check`: compares what the database, the queue, the counters and the file storage say of the same things.
//!
//! A commit writes what belongs together, so nothing should be found. What is found is repaired as the audits repair it, if the
//! operator asks for that.

use std::time::{Duration, SystemTime};

use domain::{ServiceId, Timestamp};
use files::Key;
use futures::TryStreamExt as _;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    App, jobs,
    stored_files::StoredFile,
    upkeep::{storage_audit, stuck_notifications},
};

/// Rows read at a time.
const PAGE_SIZE: u32 = 500;
/// As many ids or paths are named of each kind; the others are counted.
const MAX_EXAMPLES: usize = 20;
/// A file is written before its row, or after it: one that is younger than this may be in between.
const SETTLED_AFTER: Duration = Duration::from_hours(1);
/// An abandoned file is removed when it is older than this.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// What a check found of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was compared.
    pub subject: &'static str,
    /// How many things are not as they should be.
    pub count: u64,
    /// Some of them: ids, or paths of files.
    pub examples: Vec<String>,
    /// What it means, and what to do.
    pub advice: &'static str,
}

/// Why a check could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database did not answer as it should.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file storage did not.
    #[error(transparent)]
    Files(#[from] files::Error),
}

/// Compares everything and returns what was looked at, with a count of 0 where all is well. Changes nothing, and may run beside
/// the platform.
pub async fn check(app: &App) -> Result<Vec<Finding>, CheckError> {
    let mut messages = Examples::default();
    messages.extend(stuck_notifications::list_without_task(app).await?);
    let mut stopped = Examples::default();
    stopped.extend(jobs::list_stuck(app).await?);
    let mut incomplete = Examples::default();
    incomplete.extend(jobs::list_incomplete(app).await?);
    let missing = list_missing_files(app).await?;
    let mut abandoned = Examples::default();
    for_each_abandoned_file(app, async |key| {
        abandoned.add(&key);
        Ok(())
    })
    .await?;
    let mut miscounted = Examples::default();
    for ((service, _), bytes) in storage_audit::list_differences(app).await? {
        miscounted.add(&format!("service {service}: {bytes:+} bytes"));
    }
    Ok(vec![
        messages.found(
            "messages without a task",
            "they wait and would be sent an hour after they were accepted at the earliest; --repair enqueues them",
        ),
        stopped.found(
            "jobs without a task",
            "they stopped before their last row; --repair enqueues them again",
        ),
        incomplete.found(
            "finished jobs that lack rows",
            "--repair searches for the rows and inserts those that are missing",
        ),
        missing.found(
            "files that are missing",
            "the database names them and the storage does not have them: restore them from a backup; what needs them fails \
             with a message that names the file",
        ),
        abandoned.found(
            "files without an owner",
            "nothing in the database names them, and they are more than a day old; look at them, then remove them with \
             --remove-files. Most of them all means that this is not the database of these files",
        ),
        miscounted.found(
            "counters of stored bytes",
            "they differ from what is stored; the audit of the night corrects them, and so does --repair",
        ),
    ])
}

/// Repairs what [`check`] finds, on the paths of the audits, and removes nothing. What is enqueued is done by the workers of the
/// platform.
pub async fn repair(app: &App) -> Result<(), CheckError> {
    stuck_notifications::replay_week(app).await?;
    jobs::resume_all_stuck(app).await?;
    jobs::search_missing_rows(app).await?;
    storage_audit::correct(app, storage_audit::list_differences(app).await?).await?;
    Ok(())
}

/// Removes the files that [`check`] calls files without an owner. Not a part of [`repair`]: beside the wrong database it would remove
/// every file.
pub async fn remove_abandoned_files(app: &App) -> Result<(), CheckError> {
    for_each_abandoned_file(app, async |key| app.files.remove(&key).await).await
}

/// Returns the files that rows name and that do not exist. A letter has its files only at some stages, so letters are left
/// out: what lacks its pages when it is handed over is reported by the letter alarms.
async fn list_missing_files(app: &App) -> Result<Examples, CheckError> {
    let mut missing = Examples::default();
    for kind in StoredFile::ALL {
        if kind == StoredFile::Letter {
            continue;
        }
        let mut after = Uuid::nil();
        loop {
            let page = kind.list(app, after, PAGE_SIZE).await?;
            let Some((_, last)) = page.last() else {
                break;
            };
            after = *last;
            for (service, id) in page {
                for key in kind.keys(service, id) {
                    if is_missing(app, kind, (service, id), &key).await? {
                        missing.add(&key);
                    }
                }
            }
        }
    }
    Ok(missing)
}

async fn is_missing(
    app: &App,
    kind: StoredFile,
    (service, id): (ServiceId, Uuid),
    key: &Key,
) -> Result<bool, CheckError> {
    // The row may be new, with its file still being written, or may have been removed since it was read.
    Ok(!app.files.exists(key).await?
        && !is_young(app, id)
        && kind.is_kept(app, service, id).await?)
}

/// Returns whether an id was made within the last hour. Ids of job rows have a day, which is enough: their files are written
/// first.
fn is_young(app: &App, id: Uuid) -> bool {
    let Some(made) = id.get_timestamp() else {
        return false;
    };
    let (seconds, _) = made.to_unix();
    let made = Timestamp::from_unix_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    made > app.clock.now().minus(SETTLED_AFTER)
}

/// Calls `each` with every file of a service that no row names and that was last written more than a day ago.
async fn for_each_abandoned_file(
    app: &App,
    mut each: impl AsyncFnMut(Key) -> Result<(), files::Error>,
) -> Result<(), CheckError> {
    let before = app.clock.now().minus(ABANDONED_AFTER);
    let before = SystemTime::UNIX_EPOCH + before.since(Timestamp::default());
    for kind in StoredFile::ALL {
        for folder in kind.folders() {
            let mut listed = app.files.stream_under(&Key::folder(folder));
            while let Some(file) = listed.try_next().await? {
                let Some((service, id)) = file.key.owner() else {
                    continue;
                };
                if file.modified < before && !kind.is_kept(app, service.into(), id).await? {
                    each(file.key).await?;
                }
            }
        }
    }
    Ok(())
}

/// Counts things and keeps the first few.
#[derive(Debug, Default)]
struct Examples {
    count: u64,
    first: Vec<String>,
}

impl Examples {
    fn add(&mut self, one: &impl ToString) {
        self.count += 1;
        if self.first.len() < MAX_EXAMPLES {
            self.first.push(one.to_string());
        }
    }

    fn extend(&mut self, all: impl IntoIterator<Item = impl ToString>) {
        for one in all {
            self.add(&one);
        }
    }

    fn found(self, subject: &'static str, advice: &'static str) -> Finding {
        Finding {
            subject,
            count: self.count,
            examples: self.first,
            advice,
        }
    }
}
