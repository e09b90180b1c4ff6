//! Statements and their arguments, as each driver takes them.

use domain::Timestamp;
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Encode, Postgres, SqlSafeStr as _, SqlStr, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArguments, PgHasArrayType, PgTypeInfo, types::Oid},
    sqlite::SqliteArguments,
};
use uuid::Uuid;

use super::ColumnType;
use crate::Error;

/// A statement: a literal, or one that was put together from literals and numbers of parameters. Never from data.
#[derive(Debug)]
pub(crate) struct Sql(pub(super) SqlStr);

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

/// PostgreSQL keeps no NUL in a text. Whatever door it came through – a spreadsheet, a query, a form – one that got as far
/// as here is dropped, on either database, so that no row that goes in on one is refused by the other.
fn without_nul(mut text: String) -> String {
    if text.as_bytes().contains(&0) {
        text.retain(|character| character != '\0');
    }
    text
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
    &str => |value| Self::Text(Some(without_nul(value.to_owned())));
    String => |value| Self::Text(Some(without_nul(value)));
    Option<String> => |value| Self::Text(value.map(without_nul));
    Option<&str> => |value| Self::Text(value.map(str::to_owned).map(without_nul));
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

for_every_id!(args_from_ids);

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

pub(super) fn sqlite(args: &[Arg]) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for arg in args {
        add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

pub(super) fn add_sqlite(arguments: &mut SqliteArguments, arg: &Arg) -> Result<(), BoxDynError> {
    match arg {
        Arg::Bool(value) => arguments.add(*value),
        Arg::Int(value) => arguments.add(*value),
        Arg::Text(value) => arguments.add(value.clone()),
        Arg::Bytes(value) => arguments.add(value.clone()),
        Arg::Id(value) => arguments.add(*value),
        Arg::Time(value) => arguments.add(value.map(Timestamp::unix_micros)),
    }
}

pub(super) fn postgres(args: Vec<Arg>) -> Result<PgArguments, Error> {
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

pub(super) fn add_array(
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
pub(super) struct Moment(pub(super) Timestamp);

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
        buffer.extend_from_slice(
            &self
                .0
                .unix_micros()
                .saturating_sub(MICROS_FROM_1970_TO_2000)
                .to_be_bytes(),
        );
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(Timestamp::from_unix_micros(
            micros.saturating_add(MICROS_FROM_1970_TO_2000),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_that_goes_into_a_database_has_a_nul() {
        for (arg, kept) in [
            (Arg::from("a\0b"), "ab"),
            (Arg::from("\0".to_owned()), ""),
            (Arg::from(Some("a\0")), "a"),
            (Arg::from(Some("plain".to_owned())), "plain"),
        ] {
            assert!(
                matches!(arg, Arg::Text(Some(text)) if text == kept),
                "{kept}"
            );
        }
    }
}
