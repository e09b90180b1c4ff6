//! A connection in use, with or without a transaction.

use std::{fmt, io, time::Duration};

use futures::FutureExt as _;
use sqlx::Connection;
use tokio::time::timeout;

use super::pool::{Pool, Pooled, ROUND_TRIP_LIMIT};
use crate::Error;

/// What differs between the connections of the two databases.
pub(super) trait Backend: Connection + Send + 'static {
    /// The statement that begins a transaction.
    const BEGIN: &'static str;
    /// How long an ordinary statement may take, and one whose time depends on the size of the database.
    const LIMITS: Option<(Duration, Duration)>;

    /// Returns whether a rollback failed because there was nothing to roll back.
    fn had_no_transaction(error: &sqlx::Error) -> bool;

    /// Runs a statement without arguments and rows.
    fn run(
        &mut self,
        statement: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// A connection in use. Replaces the driver's transaction, which returns a connection to the pool by a round trip without a
/// time limit: a few that never end, and the pool is empty for good.
pub(super) struct Lease<C: Backend> {
    /// `None` once it was dropped.
    pooled: Option<Pooled<C>>,
    in_transaction: bool,
    last: LastStatement,
    limit: Option<Duration>,
}

/// What became of the last statement of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastStatement {
    Answered,
    /// The server may have ended the session with its error.
    Failed,
    /// If its future is dropped, the answer is still to come.
    Running,
    /// It, or one before it, got no answer: the connection must not return to the pool.
    Lost,
}

impl<C: Backend> Lease<C> {
    pub(super) async fn acquire(pool: &Pool<C>) -> Result<Self, Error> {
        Ok(Self {
            pooled: Some(pool.acquire().await?),
            in_transaction: false,
            last: LastStatement::Answered,
            limit: C::LIMITS.map(|(ordinary, _)| ordinary),
        })
    }

    pub(super) async fn begin(pool: &Pool<C>) -> Result<Self, Error> {
        let mut lease = Self::acquire(pool).await?;
        // Before it is certain: a future that is dropped meanwhile may leave one open.
        lease.in_transaction = true;
        lease.run(C::BEGIN).await?;
        Ok(lease)
    }

    pub(super) fn connection(&mut self) -> &mut C {
        let pooled = self.pooled.as_mut().expect("only dropping takes it");
        &mut pooled.connection
    }

    pub(super) fn allow_long_statements(&mut self) {
        self.limit = C::LIMITS.map(|(_, long)| long);
    }

    /// Returns the connection for a statement, and how long the statement may take. [`Self::finish`] gets its result.
    pub(super) fn start(&mut self) -> (&mut C, Option<Duration>) {
        self.set_last(LastStatement::Running);
        let limit = self.limit;
        (self.connection(), limit)
    }

    /// Passes on the result of a statement, and remembers when the connection can no longer be used.
    pub(super) fn finish<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.set_last(match &result {
            Ok(_) => LastStatement::Answered,
            Err(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => {
                LastStatement::Lost
            }
            Err(_) => LastStatement::Failed,
        });
        result
    }

    /// Records that the last statement has rows that were not read.
    pub(super) fn leave_unread(&mut self) {
        self.set_last(LastStatement::Running);
    }

    fn set_last(&mut self, last: LastStatement) {
        if self.last != LastStatement::Lost {
            self.last = last;
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.end("COMMIT").await
    }

    pub(super) async fn roll_back(mut self) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), Error> {
        self.run(statement).await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Error> {
        let (connection, limit) = self.start();
        let result = within(limit, connection.run(statement)).await;
        self.finish(result)?;
        Ok(())
    }
}

/// Runs a statement within its time limit, if it has one.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Some(limit) = limit else {
        return statement.await;
    };
    timeout(limit, statement).await.unwrap_or_else(|_| {
        let error = io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time");
        Err(error.into())
    })
}

impl<C: Backend> Drop for Lease<C> {
    fn drop(&mut self) {
        let Some(pooled) = self.pooled.take() else {
            return;
        };
        if self.last == LastStatement::Lost {
            // Closes the socket. The pool may open another connection at once.
            return;
        }
        if !self.in_transaction && self.last == LastStatement::Answered {
            pooled.release();
            return;
        }
        // Without a runtime it is closed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let was_running = self.last == LastStatement::Running;
            let mut cleaning = Box::pin(clean(pooled, self.in_transaction, was_running));
            // The rollback is sent now: others wait for the lock, and the runtime may have much to do, or end.
            if cleaning.as_mut().now_or_never().is_none() {
                runtime.spawn(cleaning);
            }
        }
    }
}

/// Returns a connection to the pool once it waits for a statement again, or closes it if the server does not answer.
async fn clean<C: Backend>(mut pooled: Pooled<C>, in_transaction: bool, was_running: bool) {
    let connection = &mut pooled.connection;
    let cleaned = async {
        if in_transaction {
            match connection.run("ROLLBACK").await {
                // Its commit was under way. Where one has failed, by a full disk for example, SQLite has rolled back by
                // itself, and the connection is closed (`docs/decisions/after-a-failed-fsync.md`).
                Err(error) if was_running && C::had_no_transaction(&error) => Ok(()),
                rolled_back => rolled_back,
            }
        } else {
            connection.ping().await
        }
    };
    if matches!(timeout(ROUND_TRIP_LIMIT, cleaned).await, Ok(Ok(()))) {
        pooled.release();
    }
}

impl<C: Backend> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("in_transaction", &self.in_transaction)
            .finish_non_exhaustive()
    }
}
