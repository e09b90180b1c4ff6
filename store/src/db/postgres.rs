//! Connections to PostgreSQL that vanish silently: a network that drops packets gives no error, and a statement would wait
//! for its answer until the kernel gives up, which takes many minutes. Everything here has a time limit, and a connection
//! that exceeds one is never used again.

use std::{io, str::FromStr as _, time::Duration};

use sqlx::{
    Executor as _, PgConnection, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use tokio::time::{error::Elapsed, timeout};

use super::{application_name::application_name, redacted};
use crate::Error;

/// Limit of an ordinary statement. Together with [`ACQUIRE_LIMIT`] it decides how soon after an outage everything works
/// again; the longest of our ordinary statements, a group commit, takes a hundredth of it.
const STATEMENT_LIMIT: Duration = Duration::from_secs(8);
/// Limit of statements whose time depends on the size of the database. A minute above the server's own limit, so that the
/// server ends the statement if it can.
const LONG_STATEMENT_LIMIT: Duration = Duration::from_mins(21);
/// Limit of waiting for a connection, opening it included.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(8);
/// Limit of a round trip that does no work: validating a connection, and returning it to the pool.
const ROUND_TRIP_LIMIT: Duration = Duration::from_secs(2);
/// A connection that was used more recently is not validated, because a round trip for every use would cost more.
const IDLE_BEFORE_VALIDATION: Duration = Duration::from_secs(1);

/// Settings of each session on the server.
const SESSION_SETTINGS: [(&str, &str); 8] = [
    ("timezone", "UTC"),
    // Twenty minutes end a query that a lost process left behind; no query of ours takes that long.
    ("statement_timeout", "1200000"),
    // A transaction whose process has vanished holds its locks until the server notices. Ours never wait for anything but
    // the database, so a minute without a statement means that the client is gone.
    ("idle_in_transaction_session_timeout", "60000"),
    // The server looks for a vanished client after five seconds, and gives it up after fifteen.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "15000"),
    // And looks for it while a statement runs.
    ("client_connection_check_interval", "5000"),
];

/// Opens a pool of at most `connections` connections.
pub(super) async fn connect(address: &str, connections: u32) -> Result<PgPool, Error> {
    let options = PgConnectOptions::from_str(address)
        .map_err(|_| Error::Address(redacted(address)))?
        .application_name(&application_name(connections))
        .options(SESSION_SETTINGS)
        .statement_cache_capacity(200);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        // The pool's own test has no time limit.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > IDLE_BEFORE_VALIDATION {
                    // After an error the pool closes the connection without waiting for it and opens another.
                    let ping = sqlx::Connection::ping(connection);
                    timeout(ROUND_TRIP_LIMIT, ping).await.map_err(no_answer)??;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}

fn no_answer(_: Elapsed) -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time").into()
}

/// A connection that is in use, with or without a transaction. Replaces the driver's transaction, which returns a
/// connection to the pool by a round trip without a time limit: a few that never end, and the pool is empty for good.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` once it was dropped.
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
    /// Set when a statement got no answer: the connection must not return to the pool.
    is_broken: bool,
    pub(super) statement_limit: Duration,
}

impl Lease {
    pub(super) async fn acquire(pool: &PgPool) -> Result<Self, Error> {
        Ok(Self {
            connection: Some(pool.acquire().await?),
            in_transaction: false,
            is_broken: false,
            statement_limit: STATEMENT_LIMIT,
        })
    }

    pub(super) async fn begin(pool: &PgPool) -> Result<Self, Error> {
        let mut lease = Self::acquire(pool).await?;
        lease.run("BEGIN").await?;
        lease.in_transaction = true;
        Ok(lease)
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only dropping takes it")
    }

    pub(super) const fn allow_long_statements(&mut self) {
        self.statement_limit = LONG_STATEMENT_LIMIT;
    }

    /// Passes on the result of a statement, and remembers when the connection can no longer be used.
    pub(super) fn check<T>(
        &mut self,
        result: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, sqlx::Error> {
        let result = result.map_err(no_answer).flatten();
        if let Err(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) = &result {
            self.is_broken = true;
        }
        result
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
        let limit = self.statement_limit;
        let result = timeout(limit, self.connection().execute(statement)).await;
        self.check(result)?;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.is_broken => {
                runtime.spawn(return_connection(connection, self.in_transaction));
            }
            // Closes the socket. The pool may open another connection at once.
            _ => drop(connection.detach()),
        }
    }
}

/// Returns a connection to the pool, or closes it if the server does not answer.
async fn return_connection(mut connection: PoolConnection<Postgres>, in_transaction: bool) {
    if in_transaction {
        let rolled_back = timeout(ROUND_TRIP_LIMIT, connection.execute("ROLLBACK")).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            drop(connection.detach());
            return;
        }
    }
    // The pool tests the connection once more. When the time is up, the future is dropped and the connection with it.
    let returned = connection.return_to_pool();
    let _ = timeout(ROUND_TRIP_LIMIT, returned).await;
}
