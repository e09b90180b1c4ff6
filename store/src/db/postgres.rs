//! Connections to PostgreSQL that vanish silently: a network that drops packets gives no error, and a statement would wait
//! for its answer until the kernel gives up, which takes many minutes. Everything here has a time limit, and a connection
//! that exceeds one is never used again.

use std::{str::FromStr as _, time::Duration};

use sqlx::{Executor as _, PgConnection, postgres::PgConnectOptions};

use super::{application_name::application_name, lease::Backend, pool::Pool, redacted};
use crate::Error;

/// Limit of an ordinary statement. Together with [`ACQUIRE_LIMIT`] it decides how soon after an outage everything works
/// again; the longest of our ordinary statements, a group commit, takes a hundredth of it.
const STATEMENT_LIMIT: Duration = Duration::from_secs(8);
/// Limit of statements whose time depends on the size of the database. A minute above the server's own limit, so that the
/// server ends the statement if it can.
const LONG_STATEMENT_LIMIT: Duration = Duration::from_mins(21);
/// A connection that was used more recently is not validated, because a round trip for every use would cost more.
const IDLE_BEFORE_VALIDATION: Option<Duration> = Some(Duration::from_secs(1));
/// Limit of waiting for a connection, opening it included.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(8);

/// Settings of each session on the server.
const SESSION_SETTINGS: [(&str, &str); 8] = [
    ("timezone", "UTC"),
    // Twenty minutes end a query that a lost process left behind; no query of ours takes that long.
    ("statement_timeout", "1200000"),
    // A transaction whose process has vanished holds its locks until the server notices. Ours never wait for anything but
    // the database, so ten seconds without a statement mean that the client is gone, or hangs and can try again. Until then whoever
    // needs the locked rows fails.
    ("idle_in_transaction_session_timeout", "10000"),
    // The server looks for a vanished client after five seconds, and gives it up after fifteen.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "15000"),
    // And looks for it while a statement runs.
    ("client_connection_check_interval", "5000"),
];

/// Opens a pool of at most `connections` connections.
pub(super) async fn connect(address: &str, connections: u32) -> Result<Pool<PgConnection>, Error> {
    let options = PgConnectOptions::from_str(address)
        .map_err(|_| Error::Address(redacted(address)))?
        .application_name(&application_name(connections))
        .options(SESSION_SETTINGS)
        .statement_cache_capacity(200);
    let pool = Pool::new(options, connections, ACQUIRE_LIMIT, IDLE_BEFORE_VALIDATION);
    // Opened at once, so that a wrong address is reported when the program starts.
    pool.acquire().await?.release();
    Ok(pool)
}

impl Backend for PgConnection {
    const BEGIN: &'static str = "BEGIN";
    const LIMITS: Option<(Duration, Duration)> = Some((STATEMENT_LIMIT, LONG_STATEMENT_LIMIT));

    /// A warning there, and no error.
    fn had_no_transaction(_: &sqlx::Error) -> bool {
        false
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.execute(statement).await?;
        Ok(())
    }
}
