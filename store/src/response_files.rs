//! Response files of print providers: which have been noticed, and how far their two tasks have come
//! (`docs/spec/letters.md` §8).

use domain::Timestamp;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// The task of a response file that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseTask {
    /// The one that updates the statuses of letters.
    Statuses,
    /// The one that counts sorted and unsorted letters.
    Counts,
}

/// A response file that was noticed or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponseFile {
    /// Whole key of the file.
    pub file_name: String,
    /// The version that was noticed; `None` once it has been put aside.
    pub version: Option<String>,
    /// When it was noticed.
    pub noticed_at: Timestamp,
    /// How far the statuses are.
    pub statuses: ResponseProgress,
    /// How far the counts are.
    pub counts: ResponseProgress,
}

/// How far one task of a response file has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseProgress {
    /// The version that the task last came to the end of.
    pub version: Option<String>,
    /// When it did.
    pub at: Option<Timestamp>,
    /// What was wrong with that version.
    pub problem: Option<String>,
}

impl StoredResponseFile {
    /// Returns whether both tasks have come to the end of this version.
    pub fn is_processed(&self, version: &str) -> bool {
        [&self.statuses, &self.counts]
            .iter()
            .all(|progress| progress.version.as_deref() == Some(version))
    }
}

const COLUMNS: &str = "file_name, version, noticed_at, statuses_version, statuses_at, statuses_problem, counts_version, \
                       counts_at, counts_problem";

/// Returns a response file by its key.
pub async fn find(
    session: &mut Session,
    file_name: &str,
) -> Result<Option<StoredResponseFile>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM response_files WHERE file_name = $1"),
            args![file_name],
        )
        .await?;
    row.as_ref().map(parse).transpose()
}

/// Returns up to `count` response files that were noticed since `since`, newest first.
pub async fn list(
    session: &mut Session,
    since: Timestamp,
    count: u32,
) -> Result<Vec<StoredResponseFile>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM response_files WHERE noticed_at >= $1 ORDER BY noticed_at DESC, file_name LIMIT $2"
            ),
            args![since, count],
        )
        .await?
        .iter()
        .map(parse)
        .collect()
}

/// Records that a version of a file was noticed. Returns false if it was noticed before, by another process perhaps.
pub async fn notice(
    tx: &mut Tx,
    file_name: &str,
    version: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "INSERT INTO response_files (file_name, version, noticed_at) VALUES ($1, $2, $3) \
             ON CONFLICT (file_name) DO UPDATE SET version = excluded.version, noticed_at = excluded.noticed_at \
             WHERE response_files.version IS NULL OR response_files.version <> excluded.version",
            args![file_name, version, now],
        )
        .await?;
    Ok(changed == 1)
}

/// Records that a task has come to the end of a version of a file, and what was wrong with it.
pub async fn finish(
    tx: &mut Tx,
    file_name: &str,
    task: ResponseTask,
    version: &str,
    problem: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let columns = match task {
        ResponseTask::Statuses => "statuses",
        ResponseTask::Counts => "counts",
    };
    let sql = format!(
        // A file that was announced, and never noticed, has no row yet.
        "INSERT INTO response_files (file_name, noticed_at, {columns}_version, {columns}_at, {columns}_problem) \
         VALUES ($1, $4, $2, $4, $3) ON CONFLICT (file_name) DO UPDATE SET {columns}_version = excluded.{columns}_version, \
         {columns}_at = excluded.{columns}_at, {columns}_problem = excluded.{columns}_problem"
    );
    tx.execute(sql, args![file_name, version, problem, now])
        .await?;
    Ok(())
}

/// Records that a file has been put aside, so that a file of the same name is a new one.
pub async fn set_put_aside(tx: &mut Tx, file_name: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE response_files SET version = NULL, statuses_version = NULL, counts_version = NULL WHERE file_name = $1",
        args![file_name],
    )
    .await?;
    Ok(())
}

/// Deletes what is known of the files that were noticed before `before`. Those that wait stay.
pub async fn delete_before(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM response_files WHERE noticed_at < $1 AND version IS NULL",
        args![before],
    )
    .await
}

fn parse(row: &Row) -> Result<StoredResponseFile, Error> {
    Ok(StoredResponseFile {
        file_name: row.get("file_name")?,
        version: row.get("version")?,
        noticed_at: row.get("noticed_at")?,
        statuses: ResponseProgress {
            version: row.get("statuses_version")?,
            at: row.get("statuses_at")?,
            problem: row.get("statuses_problem")?,
        },
        counts: ResponseProgress {
            version: row.get("counts_version")?,
            at: row.get("counts_at")?,
            problem: row.get("counts_problem")?,
        },
    })
}
