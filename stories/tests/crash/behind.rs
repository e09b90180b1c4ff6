//! The database, read without the platform: the final counts do not rely on what the platform reports.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::platform::Platform;

/// Records every committed send in a table of its own.
const ON_SQLITE: &[&str] = &[
    "CREATE TABLE told (id BLOB NOT NULL)",
    "CREATE TRIGGER tell AFTER UPDATE OF status ON notifications WHEN NEW.status = 'delivered' \
     BEGIN INSERT INTO told VALUES (NEW.id); END",
];
const ON_POSTGRES: &[&str] = &[
    "CREATE TABLE told (id uuid NOT NULL)",
    "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN INSERT INTO told VALUES (NEW.id); RETURN NULL; END $$",
    "CREATE TRIGGER tell AFTER UPDATE OF status ON notifications FOR EACH ROW WHEN (NEW.status = 'delivered') \
     EXECUTE FUNCTION tell()",
];

/// A connection to the database that the platform does not use.
pub(crate) struct Behind {
    address: String,
}

impl Behind {
    /// Starts to record every committed send.
    pub(crate) async fn of(platform: &Platform) -> Self {
        let address = platform.database_address();
        let statements = if address.starts_with("sqlite") {
            ON_SQLITE
        } else {
            ON_POSTGRES
        };
        let behind = Self { address };
        for statement in statements {
            behind.execute(statement).await;
        }
        behind
    }

    async fn execute(&self, sql: &'static str) {
        if self.address.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&self.address).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// Returns the number that a query selects.
    async fn number(&self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        if self.address.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&self.address).await.unwrap();
            query.fetch_one(&mut connection).await.unwrap()
        } else {
            let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            query.fetch_one(&mut connection).await.unwrap()
        }
    }

    /// Returns whether the job has written all its rows and no task is left.
    pub(crate) async fn is_over(&self) -> bool {
        const OPEN: &str = "SELECT (SELECT count(*) FROM jobs WHERE status NOT LIKE 'finished%') \
                            + (SELECT count(*) FROM tasks WHERE pool <> 'periodic-tasks')";
        self.number(OPEN).await == 0
    }

    /// Counts what is stored.
    pub(crate) async fn counts(&self) -> Counts {
        Counts {
            jobs_with_a_problem: self
                .number("SELECT count(*) FROM jobs WHERE problem IS NOT NULL")
                .await,
            rows: self
                .number("SELECT count(*) FROM notifications WHERE job_id IS NOT NULL")
                .await,
            different_rows: self
                .number("SELECT count(DISTINCT job_row_number) FROM notifications")
                .await,
            delivered: self
                .number("SELECT count(*) FROM notifications WHERE status = 'delivered'")
                .await,
            committed: self.number("SELECT count(*) FROM told").await,
            committed_messages: self.number("SELECT count(DISTINCT id) FROM told").await,
            dead_letters: self.number("SELECT count(*) FROM dead_letters").await,
        }
    }
}

/// The final contents of the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) jobs_with_a_problem: i64,
    pub(crate) rows: i64,
    pub(crate) different_rows: i64,
    pub(crate) delivered: i64,
    /// Number of committed sends.
    pub(crate) committed: i64,
    /// Number of messages with a committed send.
    pub(crate) committed_messages: i64,
    pub(crate) dead_letters: i64,
}

impl Counts {
    /// Asserts that every row exists once, was sent by one commit, and that there are no dead letters.
    pub(crate) const fn of_a_whole_job(rows: i64) -> Self {
        Self {
            jobs_with_a_problem: 0,
            rows,
            different_rows: rows,
            delivered: rows,
            committed: rows,
            committed_messages: rows,
            dead_letters: 0,
        }
    }
}
