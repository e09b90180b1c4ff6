//! Statements and their arguments, in the form that each driver takes.

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

/// Statement: a literal, or text assembled from literals and parameter numbers, never from data.
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

/// Returns `$first, $first+1, …` for a list of `count` arguments.
pub(crate) fn parameters(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|number| format!("${number}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Argument of a statement; keeps its type even when null.
#[derive(Clone)]
pub(crate) enum Arg {
    Bool(Option<bool>),
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Id(Option<Uuid>),
    Time(Option<Timestamp>),
    /// Values of one type; PostgreSQL only.
    Array(ColumnType, Vec<Self>),
}

/// Removes NUL characters, which PostgreSQL does not accept in text. Doing so for both databases ensures that no row
/// accepted by one is refused by the other.
fn without_nul(mut text: String) -> String {
    // Most texts have none; the check is cheaper than building a copy.
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
    Option<bool> => |value| Self::Bool(value);
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
    Option<domain::UtcDay> => |value| Self::Int(value.map(domain::UtcDay::number));
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
    AttemptOutcome
    CallbackKind
    CallbackOutcome
    Channel
    JobStatus
    KeyType
    Lane
    MemberPermission
    NotificationStatus
    Permission
    Postage
    SuppressionReason
    UserState
);

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

pub(super) fn sqlite(args: Vec<Arg>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for arg in args {
        add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

pub(super) fn add_sqlite(arguments: &mut SqliteArguments, arg: Arg) -> Result<(), BoxDynError> {
    match arg {
        Arg::Bool(value) => arguments.add(value),
        Arg::Int(value) => arguments.add(value),
        Arg::Text(value) => arguments.add(value),
        Arg::Bytes(value) => arguments.add(value),
        Arg::Id(value) => arguments.add(value),
        Arg::Time(value) => arguments.add(value.map(Timestamp::unix_micros)),
        Arg::Array(..) => unreachable!("SQLite has no arrays"),
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
            Arg::Array(kind, values) => add_array(&mut arguments, kind, values.into_iter()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Collects the values of one column, which all have the column's type.
macro_rules! values_of {
    ($column:expr, $variant:ident) => {
        $column
            .map(|arg| match arg {
                Arg::$variant(value) => value,
                _ => unreachable!("a column's values have the column's type"),
            })
            .collect::<Vec<_>>()
    };
}

/// Adds the values of one column as an array.
pub(super) fn add_array(
    arguments: &mut PgArguments,
    column_type: ColumnType,
    column: impl Iterator<Item = Arg>,
) -> Result<(), BoxDynError> {
    match column_type {
        ColumnType::Bool => arguments.add(values_of!(column, Bool)),
        ColumnType::Int => arguments.add(values_of!(column, Int)),
        ColumnType::Text => arguments.add(values_of!(column, Text)),
        ColumnType::Bytes => arguments.add(values_of!(column, Bytes)),
        ColumnType::Id => arguments.add(values_of!(column, Id)),
        ColumnType::Time => {
            let moments = column.map(|arg| match arg {
                Arg::Time(value) => value.map(Moment),
                _ => unreachable!("a column's values have the column's type"),
            });
            arguments.add(moments.collect::<Vec<_>>())
        }
    }
}

/// Timestamp in PostgreSQL's encoding: microseconds since 2000-01-01 in UTC.
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
    fn nul_characters_are_removed_from_text() {
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
