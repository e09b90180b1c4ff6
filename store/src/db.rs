//! The one file that names a driver. Everything above it speaks of a [`Session`] (a connection to read from), a
//! [`Tx`] (a transaction to write in), arguments and rows, and one SQL text serves both databases.
//!
//! Both take `$1`-style parameters. An argument knows its type even when it is null, because PostgreSQL asks.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use domain::Timestamp;
use sqlx::{
    Arguments, AssertSqlSafe, Connection as _, Decode, Encode, Postgres, Row as _, SqlSafeStr,
    SqlStr, Sqlite, Transaction, Type,
    encode::IsNull,
    error::BoxDynError,
    pool::PoolConnection,
    postgres::{PgArguments, PgHasArrayType, PgPool, PgPoolOptions, PgRow, PgTypeInfo, types::Oid},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
        SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use uuid::Uuid;

use crate::Error;

/// The open database, of either kind. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// Many readers and one writer: `SQLite` has one writer at a time, and waiting in our own line beats its polling.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// Which of the two databases it is; `dialect.rs` names what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The embedded one.
    Sqlite,
    /// The one that scales out.
    Postgres,
}

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

impl Db {
    pub(crate) async fn connect(address: &str, connections: u32) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            return Self::open_file(Path::new(path.trim_start_matches("//"))).await;
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Self::connect_server(address, connections).await;
        }
        Err(Error::Address(redacted(address)))
    }

    async fn open_file(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(200)
            .pragma("cache_size", "-32000")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "memory");
        let writer = pool(1)
            .before_acquire(|connection, _| Box::pin(async { Ok(!is_stuck(connection)) }))
            .connect_with(options.clone())
            .await?;
        let readers = pool(READERS)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self::Sqlite { readers, writer })
    }

    async fn connect_server(address: &str, connections: u32) -> Result<Self, Error> {
        let options = sqlx::postgres::PgConnectOptions::from_str(address)
            .map_err(|_| Error::Address(redacted(address)))?
            .application_name("pillarbox")
            .options([("statement_timeout", "1200000"), ("timezone", "UTC")])
            .statement_cache_capacity(200);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, Error> {
        Ok(Session(match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        }))
    }

    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx(Session(match self {
            Self::Sqlite { writer, .. } => {
                Connection::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Self::Postgres(pool) => Connection::PostgresTx(pool.begin().await?),
        })))
    }

    pub(crate) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), Error> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrator.run(writer).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        };
        outcome.map_err(|error| match error {
            sqlx::migrate::MigrateError::VersionMissing(found) => Error::TooNew {
                found,
                known: migrator.iter().map(|one| one.version).max().unwrap_or(0),
            },
            sqlx::migrate::MigrateError::Execute(cause) => cause.into(),
            other => Error::Migration(other),
        })
    }

    /// Empties `SQLite`'s log into the database; whether nobody was in the way. PostgreSQL sees to its own.
    pub(crate) async fn empty_log(&self) -> Result<bool, Error> {
        let Self::Sqlite { writer, .. } = self else {
            return Ok(true);
        };
        let mut session = Session(Connection::Sqlite(writer.acquire().await?));
        let row = session
            .fetch_optional("PRAGMA wal_checkpoint(TRUNCATE)", vec![])
            .await?;
        let busy: i64 = row.map_or(Ok(1), |row| row.get("busy"))?;
        Ok(busy == 0)
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A full disk ends a transaction without anybody asking, and so does a commit that cannot be made durable; then the
/// driver's own rollback fails, and the connection believes for ever that it is in a transaction. It is closed, and
/// another takes its place (docs/decisions/after-a-failed-fsync.md).
fn is_stuck(connection: &SqliteConnection) -> bool {
    connection.is_in_transaction()
}

fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .acquire_timeout(BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// The address without what may be a password.
fn redacted(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", &address[..scheme], &address[at..])
        }
        _ => address.to_owned(),
    }
}

#[derive(Debug)]
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection to ask. Every query function takes one; a [`Tx`] serves as one.
#[derive(Debug)]
pub struct Session(Connection);

/// A transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx(Session);

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

impl Tx {
    /// From now on what this process removes or replaces is overwritten in the database's file. PostgreSQL does so when
    /// it vacuums.
    pub async fn overwrite_what_goes(&mut self) -> Result<(), Error> {
        if self.kind() == Kind::Sqlite {
            self.fetch_all("PRAGMA secure_delete = ON", vec![]).await?;
        }
        Ok(())
    }

    /// Makes all that was done durable: once this returns, no crash undoes it.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::SqliteTx(tx) => tx.commit().await?,
            Connection::PostgresTx(tx) => tx.commit().await?,
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                unreachable!("a Tx is made by begin")
            }
        }
        Ok(())
    }

    /// Undoes all that was done; dropping does the same a little later.
    pub async fn roll_back(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::SqliteTx(tx) => tx.rollback().await?,
            Connection::PostgresTx(tx) => tx.rollback().await?,
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                unreachable!("a Tx is made by begin")
            }
        }
        Ok(())
    }
}

impl Session {
    /// Which database this is, for the few places where the accent matters.
    pub(crate) const fn kind(&self) -> Kind {
        match &self.0 {
            Connection::Sqlite(_) | Connection::SqliteTx(_) => Kind::Sqlite,
            Connection::Postgres(_) | Connection::PostgresTx(_) => Kind::Postgres,
        }
    }

    /// Runs a statement; the number of rows that it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<u64, Error> {
        let sql = sql.into().0;
        Ok(match &mut self.0 {
            Connection::Sqlite(c) => sqlx::query_with(sql, sqlite(&args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::SqliteTx(c) => sqlx::query_with(sql, sqlite(&args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::Postgres(c) => sqlx::query_with(sql, postgres(args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::PostgresTx(c) => sqlx::query_with(sql, postgres(args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
        })
    }

    /// Every row that a query finds.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, Error> {
        let sql = sql.into().0;
        Ok(match &mut self.0 {
            Connection::Sqlite(c) => Row::all_sqlite(
                sqlx::query_with(sql, sqlite(&args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::SqliteTx(c) => Row::all_sqlite(
                sqlx::query_with(sql, sqlite(&args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::Postgres(c) => Row::all_postgres(
                sqlx::query_with(sql, postgres(args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::PostgresTx(c) => Row::all_postgres(
                sqlx::query_with(sql, postgres(args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
        })
    }

    /// The first row that a query finds, if any.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    /// Puts many rows into a table at once, passing over those whose key is there; how many were put.
    /// PostgreSQL is given one array a column, `SQLite` many rows a statement: each is its fastest way.
    pub(crate) async fn insert_rows<'a>(
        &mut self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        match self.kind() {
            Kind::Postgres => self.insert_columns(table, rows).await,
            Kind::Sqlite => self.insert_values(table, rows).await,
        }
    }

    async fn insert_values<'a>(
        &mut self,
        table: &Table,
        mut rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        let mut inserted = 0;
        while rows.len() > 0 {
            let power = rows.len().ilog2().min(MOST_ROWS_AT_ONCE);
            let mut arguments = SqliteArguments::default();
            for arg in rows.by_ref().take(1 << power).flatten() {
                add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
            }
            let query = sqlx::query_with(AssertSqlSafe(table.values_statement(power)), arguments);
            inserted += match &mut self.0 {
                Connection::SqliteTx(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Sqlite(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Postgres(_) | Connection::PostgresTx(_) => {
                    unreachable!("PostgreSQL takes arrays")
                }
            };
        }
        Ok(inserted)
    }

    async fn insert_columns<'a>(
        &mut self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        if rows.len() == 0 {
            return Ok(0);
        }
        let mut columns: Vec<Vec<&Arg>> = table
            .columns
            .iter()
            .map(|_| Vec::with_capacity(rows.len()))
            .collect();
        for row in rows {
            for (column, arg) in columns.iter_mut().zip(row) {
                column.push(arg);
            }
        }
        let mut arguments = PgArguments::default();
        for ((_, kind), column) in table.columns.iter().zip(columns) {
            add_array(&mut arguments, *kind, &column).map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(table.unnest_statement()), arguments);
        Ok(match &mut self.0 {
            Connection::PostgresTx(c) => query.execute(&mut **c).await?.rows_affected(),
            Connection::Postgres(c) => query.execute(&mut **c).await?.rows_affected(),
            Connection::Sqlite(_) | Connection::SqliteTx(_) => {
                unreachable!("only PostgreSQL takes arrays")
            }
        })
    }
}

/// Rows are put by powers of two, at most this one: few statements to prepare, each used again and again.
const MOST_ROWS_AT_ONCE: u32 = 7;

/// A table to put rows into: its name, its columns and their types. Its statements are put together once.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    columns: &'static [(&'static str, ColumnType)],
    values: [OnceLock<Arc<str>>; MOST_ROWS_AT_ONCE as usize + 1],
    unnest: OnceLock<Arc<str>>,
}

/// The type of a column, as far as arguments go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ColumnType {
    Bool,
    Int,
    Text,
    Bytes,
    Id,
    Time,
}

impl ColumnType {
    const fn in_postgres(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Id => "uuid",
            Self::Time => "timestamptz",
        }
    }
}

impl Table {
    pub(crate) const fn new(
        name: &'static str,
        columns: &'static [(&'static str, ColumnType)],
    ) -> Self {
        Self {
            name,
            columns,
            values: [const { OnceLock::new() }; 8],
            unnest: OnceLock::new(),
        }
    }

    fn column_names(&self) -> String {
        self.columns
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The statement for `1 << power` rows.
    fn values_statement(&self, power: u32) -> Arc<str> {
        let made = self.values[power as usize].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
            let values = vec![row.as_str(); 1 << power].join(", ");
            let (name, columns) = (self.name, self.column_names());
            format!("INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT DO NOTHING").into()
        });
        made.clone()
    }

    fn unnest_statement(&self) -> Arc<str> {
        let made = self.unnest.get_or_init(|| {
            let array = |(index, (_, kind)): (usize, &(&str, ColumnType))| {
                format!("${}::{}[]", index + 1, kind.in_postgres())
            };
            let arrays: Vec<String> = self.columns.iter().enumerate().map(array).collect();
            let (name, columns, arrays) = (self.name, self.column_names(), arrays.join(", "));
            format!("INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({arrays}) ON CONFLICT DO NOTHING").into()
        });
        made.clone()
    }
}

/// A statement: a literal, or one that was put together from literals and numbers of parameters. Never from data.
#[derive(Debug)]
pub(crate) struct Sql(SqlStr);

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self(text.into_sql_str())
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self(AssertSqlSafe(text).into_sql_str())
    }
}

/// `$first, $first+1, …`: parameters for a list of `count`.
pub(crate) fn parameters(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|number| format!("${number}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// An argument of a statement, with its type even when null.
#[derive(Clone)]
pub(crate) enum Arg {
    Bool(Option<bool>),
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Id(Option<Uuid>),
    Time(Option<Timestamp>),
}

impl Arg {
    /// How much memory it takes beside its own size.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Text(Some(text)) => text.len(),
            Self::Bytes(Some(bytes)) => bytes.len(),
            _ => 0,
        }
    }
}

macro_rules! args_from {
    ($($from:ty => |$value:ident| $arg:expr;)+) => {
        $(impl From<$from> for Arg {
            fn from($value: $from) -> Self {
                $arg
            }
        })+
    };
}

args_from! {
    bool => |value| Self::Bool(Some(value));
    i64 => |value| Self::Int(Some(value));
    Option<i64> => |value| Self::Int(value);
    u32 => |value| Self::Int(Some(i64::from(value)));
    Option<u32> => |value| Self::Int(value.map(i64::from));
    &str => |value| Self::Text(Some(value.to_owned()));
    String => |value| Self::Text(Some(value));
    Option<String> => |value| Self::Text(value);
    Option<&str> => |value| Self::Text(value.map(str::to_owned));
    Vec<u8> => |value| Self::Bytes(Some(value));
    Uuid => |value| Self::Id(Some(value));
    Option<Uuid> => |value| Self::Id(value);
    Timestamp => |value| Self::Time(Some(value));
    Option<Timestamp> => |value| Self::Time(value);
    domain::UtcDay => |value| Self::Int(Some(value.number()));
}

macro_rules! args_from_ids {
    ($($id:ident)+) => {
        $(impl From<domain::$id> for Arg {
            fn from(id: domain::$id) -> Self {
                Self::Id(Some(id.as_uuid()))
            }
        }
        impl From<Option<domain::$id>> for Arg {
            fn from(id: Option<domain::$id>) -> Self {
                Self::Id(id.map(domain::$id::as_uuid))
            }
        })+
    };
}

args_from_ids!(
    ApiKeyId
    CallbackId
    ContactListId
    DocumentId
    FolderId
    InboundNumberId
    InboundSmsId
    JobId
    LetterContactId
    NotificationId
    OrganisationId
    ReplyToId
    RetentionId
    ServiceId
    SmsSenderId
    TaskId
    TemplateFileId
    TemplateId
    UnsubscribeRequestId
    UserId
);

macro_rules! args_from_words {
    ($($word:ident)+) => {
        $(impl From<domain::$word> for Arg {
            fn from(word: domain::$word) -> Self {
                Self::Text(Some(word.as_str().to_owned()))
            }
        })+
    };
}

args_from_words!(
    Allowance
    CallbackKind
    Channel
    JobStatus
    KeyType
    Lane
    MemberPermission
    NotificationStatus
    Permission
    Postage
    UserState
);

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

fn sqlite(args: &[Arg]) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for arg in args {
        add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn add_sqlite(arguments: &mut SqliteArguments, arg: &Arg) -> Result<(), BoxDynError> {
    match arg {
        Arg::Bool(value) => arguments.add(*value),
        Arg::Int(value) => arguments.add(*value),
        Arg::Text(value) => arguments.add(value.clone()),
        Arg::Bytes(value) => arguments.add(value.clone()),
        Arg::Id(value) => arguments.add(*value),
        Arg::Time(value) => arguments.add(value.map(Timestamp::unix_micros)),
    }
}

fn postgres(args: Vec<Arg>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Bool(value) => arguments.add(value),
            Arg::Int(value) => arguments.add(value),
            Arg::Text(value) => arguments.add(value),
            Arg::Bytes(value) => arguments.add(value),
            Arg::Id(value) => arguments.add(value),
            Arg::Time(value) => arguments.add(value.map(Moment)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

const MISMATCH: &str = "a row holds its table's types in its table's order";

/// The values of one column, which are all of the column's type.
macro_rules! column_of {
    ($column:expr, $variant:ident, $value:ident => $read:expr) => {
        $column
            .iter()
            .map(|arg| match arg {
                Arg::$variant($value) => $read,
                _ => unreachable!("{MISMATCH}"),
            })
            .collect::<Vec<_>>()
    };
}

fn add_array(
    arguments: &mut PgArguments,
    kind: ColumnType,
    column: &[&Arg],
) -> Result<(), BoxDynError> {
    match kind {
        ColumnType::Bool => arguments.add(column_of!(column, Bool, value => *value)),
        ColumnType::Int => arguments.add(column_of!(column, Int, value => *value)),
        ColumnType::Text => arguments.add(column_of!(column, Text, value => value.as_deref())),
        ColumnType::Bytes => arguments.add(column_of!(column, Bytes, value => value.as_deref())),
        ColumnType::Id => arguments.add(column_of!(column, Id, value => *value)),
        ColumnType::Time => arguments.add(column_of!(column, Time, value => value.map(Moment))),
    }
}

/// A timestamp as PostgreSQL keeps it: microseconds since 2000 in UTC.
struct Moment(Timestamp);

const MICROS_FROM_1970_TO_2000: i64 = 946_684_800_000_000;
const TIMESTAMPTZ: Oid = Oid(1184);
const ARRAY_OF_TIMESTAMPTZ: Oid = Oid(1185);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(ARRAY_OF_TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&(self.0.unix_micros() - MICROS_FROM_1970_TO_2000).to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(Timestamp::from_unix_micros(
            micros + MICROS_FROM_1970_TO_2000,
        )))
    }
}

/// A row that was found.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn all_sqlite(rows: Vec<SqliteRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Sqlite).collect()
    }

    fn all_postgres(rows: Vec<PgRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Postgres).collect()
    }

    /// The value of a column.
    pub(crate) fn get<T: Stored>(&self, column: &'static str) -> Result<T, Error> {
        T::from_row(self, column).map_err(Error::from)
    }

    /// The value of a column that holds a word of a closed set.
    pub(crate) fn word<T>(&self, table: &'static str, column: &'static str) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text: String = self.get(column)?;
        text.parse().map_err(|error: T::Err| Error::Corrupt {
            table,
            column,
            what: error.to_string(),
        })
    }

    /// The value of a column that holds such a word or nothing.
    pub(crate) fn optional_word<T>(
        &self,
        table: &'static str,
        column: &'static str,
    ) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.get::<Option<String>>(column)? {
            Some(_) => self.word(table, column).map(Some),
            None => Ok(None),
        }
    }

    /// A column that counts: never negative, never beyond `u32`.
    pub(crate) fn count(&self, table: &'static str, column: &'static str) -> Result<u32, Error> {
        let number: i64 = self.get(column)?;
        u32::try_from(number).map_err(|_| Error::Corrupt {
            table,
            column,
            what: format!("{number} is no count"),
        })
    }
}

/// What a column can be read as.
pub(crate) trait Stored: Sized {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error>;
}

macro_rules! stored {
    ($($type:ty),+) => {
        $(impl Stored for $type {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                match row {
                    Row::Sqlite(row) => row.try_get(column),
                    Row::Postgres(row) => row.try_get(column),
                }
            }
        })+
    };
}

stored!(
    bool,
    i64,
    Option<i64>,
    String,
    Option<String>,
    Vec<u8>,
    Uuid,
    Option<Uuid>
);

impl Stored for Timestamp {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row.try_get(column).map(Self::from_unix_micros),
            Row::Postgres(row) => row.try_get::<Moment, _>(column).map(|moment| moment.0),
        }
    }
}

impl Stored for Option<Timestamp> {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row
                .try_get::<Option<i64>, _>(column)
                .map(|micros| micros.map(Timestamp::from_unix_micros)),
            Row::Postgres(row) => row
                .try_get::<Option<Moment>, _>(column)
                .map(|moment| moment.map(|moment| moment.0)),
        }
    }
}

macro_rules! stored_ids {
    ($($id:ident)+) => {
        $(impl Stored for domain::$id {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                Uuid::from_row(row, column).map(Self::from)
            }
        }
        impl Stored for Option<domain::$id> {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                Ok(Option::<Uuid>::from_row(row, column)?.map(domain::$id::from))
            }
        })+
    };
}

stored_ids!(
    ApiKeyId
    CallbackId
    ContactListId
    DocumentId
    FolderId
    InboundNumberId
    InboundSmsId
    JobId
    LetterContactId
    NotificationId
    OrganisationId
    ReplyToId
    RetentionId
    ServiceId
    SmsSenderId
    TaskId
    TemplateFileId
    TemplateId
    UnsubscribeRequestId
    UserId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writing_goes_on_once_a_full_disk_has_room_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("full.db");
        let db = Db::open_file(&path).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.execute("CREATE TABLE filler (bytes BLOB)", vec![])
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        tx.fetch_all("PRAGMA max_page_count = 20", vec![])
            .await
            .unwrap();
        let mut outcome = Ok(0);
        while outcome.is_ok() {
            outcome = tx
                .execute(
                    "INSERT INTO filler VALUES ($1)",
                    vec![Arg::Bytes(Some(vec![7; 4000]))],
                )
                .await;
        }
        assert!(outcome.unwrap_err().is_passing(), "a full disk passes");
        drop(tx);

        // The limit went with the connection that met it.
        let mut tx = db.begin().await.unwrap();
        tx.execute(
            "INSERT INTO filler VALUES ($1)",
            vec![Arg::Bytes(Some(vec![7; 400_000]))],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let rows = db
            .read()
            .await
            .unwrap()
            .fetch_all("SELECT bytes FROM filler", vec![])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "and nothing of what failed is there");
    }
}
