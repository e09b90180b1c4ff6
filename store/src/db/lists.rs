//! Lists of any length in statements. Their texts are few, so that each is prepared and planned once for many lists:
//! PostgreSQL gets an array for each column, SQLite a list that is padded to a power of two.

use std::fmt::Write as _;

use super::{Arg, ColumnType, Kind};

impl Kind {
    /// Returns the condition that a column has one of these values, which it adds to the arguments.
    pub(crate) fn one_of<A: Into<Arg>>(
        self,
        column: &str,
        column_type: ColumnType,
        values: impl IntoIterator<Item = A>,
        args: &mut Vec<Arg>,
    ) -> String {
        let first = args.len() + 1;
        let values: Vec<Arg> = values.into_iter().map(Into::into).collect();
        match self {
            Self::Postgres => {
                args.push(Arg::Array(column_type, values));
                format!("{column} = ANY(${first}::{}[])", column_type.in_postgres())
            }
            Self::Sqlite => {
                add_padded(values, 1, args);
                let mut list = format!("{column} IN (");
                write_parameters(&mut list, first, args.len() + 1 - first);
                list.push(')');
                list
            }
        }
    }

    /// Returns a query for these rows, one at least, whose values it adds to the arguments. On SQLite a row may come twice:
    /// the query is for updates and conditions, to which that makes no difference.
    pub(crate) fn rows<const N: usize>(
        self,
        columns: [ColumnType; N],
        rows: impl IntoIterator<Item = [Arg; N]>,
        args: &mut Vec<Arg>,
    ) -> String {
        let first = args.len() + 1;
        match self {
            Self::Postgres => {
                let mut values: [Vec<Arg>; N] = std::array::from_fn(|_| Vec::new());
                for row in rows {
                    for (column, value) in values.iter_mut().zip(row) {
                        column.push(value);
                    }
                }
                let mut arrays = Vec::with_capacity(N);
                for (column, values) in columns.into_iter().zip(values) {
                    args.push(Arg::Array(column, values));
                    arrays.push(format!("${}::{}[]", args.len(), column.in_postgres()));
                }
                format!("SELECT * FROM UNNEST({})", arrays.join(", "))
            }
            Self::Sqlite => {
                add_padded(rows.into_iter().flatten().collect(), N, args);
                let mut query = String::from("VALUES ");
                for start in (first..=args.len()).step_by(N) {
                    query.push_str(if start == first { "(" } else { ", (" });
                    write_parameters(&mut query, start, N);
                    query.push(')');
                }
                query
            }
        }
    }
}

/// Adds values in rows of `width`, and the last row again until the number of rows is a power of two.
fn add_padded(mut values: Vec<Arg>, width: usize, args: &mut Vec<Arg>) {
    let length = values.len();
    let wanted = (length / width).next_power_of_two() * width;
    if length > 0 {
        let last: Vec<Arg> = values[length - width..].to_vec();
        values.extend(last.into_iter().cycle().take(wanted - length));
    }
    args.extend(values);
}

/// Writes `$first, $first+1, …`.
fn write_parameters(sql: &mut String, first: usize, count: usize) {
    for number in first..first + count {
        let comma = if number == first { "" } else { ", " };
        let _ = write!(sql, "{comma}${number}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::args;

    #[test]
    fn sqlite_gets_lists_of_few_different_lengths() {
        let one_of = |values: &[i64]| {
            let mut args = args!["first"];
            let sql = Kind::Sqlite.one_of("a", ColumnType::Int, values.to_vec(), &mut args);
            (sql, args.len() - 1)
        };
        assert_eq!(one_of(&[1]), ("a IN ($2)".to_owned(), 1));
        assert_eq!(one_of(&[1, 2, 3]), ("a IN ($2, $3, $4, $5)".to_owned(), 4));
        let mut args = Vec::new();
        let row = |number: i64| [Arg::from(number), Arg::from("text")];
        let columns = [ColumnType::Int, ColumnType::Text];
        let sql = Kind::Sqlite.rows(columns, [row(1), row(2), row(3)], &mut args);
        assert_eq!(sql, "VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8)");
        assert!(matches!(args[6], Arg::Int(Some(3))), "the last one again");
    }

    #[test]
    fn postgresql_gets_one_array_for_each_column() {
        let mut args = args!["first"];
        let sql = Kind::Postgres.one_of("a", ColumnType::Int, [1_i64, 2, 3], &mut args);
        assert_eq!((sql.as_str(), args.len()), ("a = ANY($2::bigint[])", 2));
        let row = |number: i64| [Arg::from(number), Arg::from("text")];
        let columns = [ColumnType::Int, ColumnType::Text];
        let sql = Kind::Postgres.rows(columns, [row(1), row(2)], &mut args);
        assert_eq!(sql, "SELECT * FROM UNNEST($3::bigint[], $4::text[])");
        assert_eq!(args.len(), 4);
    }
}
