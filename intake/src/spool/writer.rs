//! The one connection that writes: everything that waits shares a commit.

use bytes::Bytes;
use domain::Channel;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{connect, database_failed};
use crate::{LogError, queue_name};

/// Changes that may wait for a commit.
const QUEUE_CAPACITY: usize = 256;
/// Changes that share a commit.
const MAX_COMMIT_CHANGES: usize = 64;

/// A change of the file.
#[derive(Debug)]
pub(super) enum Change {
    Append {
        queue: Channel,
        group: Bytes,
    },
    Remove {
        numbers: Vec<i64>,
    },
    SetAside {
        queue: Channel,
        number: i64,
        rest: Bytes,
        reason: String,
    },
    ReplayAside {
        queue: Channel,
    },
}

struct Waiting {
    change: Change,
    answer: oneshot::Sender<Result<u64, LogError>>,
}

/// A queue of changes in front of the connection.
#[derive(Debug)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    pub(super) fn start(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        tokio::spawn(run(receiver, options, connection));
        Self(sender)
    }

    /// Makes a change; when this returns, it is durable. Returns how many rows it changed last.
    pub(super) async fn write(&self, change: Change) -> Result<u64, LogError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.try_send(Waiting { change, answer });
        sent.map_err(|_| LogError::new("too many groups wait to be written"))?;
        answered
            .await
            .unwrap_or_else(|_| Err(LogError::new("its writer has stopped")))
    }
}

async fn run(
    mut receiver: mpsc::Receiver<Waiting>,
    options: SqliteConnectOptions,
    connection: SqliteConnection,
) {
    let mut connection = Some(connection);
    let mut waiting = Vec::with_capacity(MAX_COMMIT_CHANGES);
    while receiver.recv_many(&mut waiting, MAX_COMMIT_CHANGES).await > 0 {
        let (changes, answers): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|one| (one.change, one.answer))
            .unzip();
        match commit(&mut connection, &options, &changes).await {
            Ok(counts) => {
                for (answer, count) in answers.into_iter().zip(counts) {
                    // A caller that has gone away does not see it; its group is appended all the same.
                    let _ = answer.send(Ok(count));
                }
            }
            Err(failure) => {
                error!(
                    error = &failure as &dyn std::error::Error,
                    "cannot write {} changes of the intake spool; look at its disk",
                    answers.len()
                );
                // What a connection remembers after a failed commit is not worth relying on.
                connection = None;
                for answer in answers {
                    let _ = answer.send(Err(failure.clone()));
                }
            }
        }
    }
}

async fn commit(
    connection: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
    changes: &[Change],
) -> Result<Vec<u64>, LogError> {
    let connection = match connection {
        Some(open) => open,
        None => connection.insert(connect(options).await?),
    };
    // At once a writer: a transaction that begins as a reader can fail when it first writes.
    let mut tx = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(database_failed)?;
    let mut counts = Vec::with_capacity(changes.len());
    for change in changes {
        counts.push(apply(&mut tx, change).await.map_err(database_failed)?);
    }
    tx.commit().await.map_err(database_failed)?;
    Ok(counts)
}

async fn apply(connection: &mut SqliteConnection, change: &Change) -> Result<u64, sqlx::Error> {
    let result = match change {
        Change::Append { queue, group } => {
            sqlx::query("INSERT INTO groups (queue, body) VALUES (?, ?)")
                .bind(queue_name(*queue))
                .bind(&group[..])
                .execute(connection)
                .await?
        }
        Change::Remove { numbers } => {
            for number in numbers {
                remove(&mut *connection, *number).await?;
            }
            return Ok(numbers.len() as u64);
        }
        Change::SetAside {
            queue,
            number,
            rest,
            reason,
        } => {
            remove(&mut *connection, *number).await?;
            sqlx::query("INSERT INTO aside (queue, body, reason) VALUES (?, ?, ?)")
                .bind(queue_name(*queue))
                .bind(&rest[..])
                .bind(reason)
                .execute(connection)
                .await?
        }
        Change::ReplayAside { queue } => {
            sqlx::query(
                "INSERT INTO groups (queue, body) SELECT queue, body FROM aside WHERE queue = ? ORDER BY number",
            )
            .bind(queue_name(*queue))
            .execute(&mut *connection)
            .await?;
            sqlx::query("DELETE FROM aside WHERE queue = ?")
                .bind(queue_name(*queue))
                .execute(connection)
                .await?
        }
    };
    Ok(result.rows_affected())
}

async fn remove(connection: &mut SqliteConnection, number: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM groups WHERE number = ?")
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}
