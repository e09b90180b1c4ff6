//! Parses the body of `POST /v2/notifications/bulk`, which can be large: rows are converted to CSV, which the platform checks
//! and stores, while they are parsed, so that they are never in memory as values.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor},
};
use serde_json::{Map, Value, error::Category, value::RawValue};
use text::{keep_numbers, number_as_text};

use crate::{
    json::{self, JsonError},
    problem::Problem,
};

/// The parsed body.
pub(super) struct BulkBody {
    /// The keys other than `rows` and `csv`.
    pub(super) members: Map<String, Value>,
    /// The rows as CSV, with a header.
    pub(super) csv: Bytes,
}

impl BulkBody {
    /// Parses a body. Errors name the line and column.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        // As in other bodies: `docs/spec/public-api.md` §5.1.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let parts: Parts = serde_json::from_slice(body).map_err(|error| {
            let text = error.to_string();
            match error.classify() {
                // Errors of the visitors below, which say what was expected and where. The others mean that it is no
                // JSON, as does a part that is parsed by itself and is none.
                Category::Data if !text.starts_with(&JsonError::Invalid.to_string()) => {
                    Problem::validation(vec![text])
                }
                _ => Problem::invalid_json(),
            }
        })?;
        let invalid = |text: &str| Problem::validation(vec![text.to_owned()]);
        let csv = match (parts.rows, parts.csv) {
            (Some(rows), None) => rows,
            (None, Some(csv)) => csv,
            (None, None) => return Err(invalid("rows or csv is a required property")),
            (Some(_), Some(_)) => return Err(invalid("rows and csv must not both be given")),
        };
        Ok(Self {
            members: parts.members,
            csv: csv.into(),
        })
    }
}

#[derive(Default)]
struct Parts {
    members: Map<String, Value>,
    rows: Option<Vec<u8>>,
    csv: Option<Vec<u8>>,
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Parts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with name, template_id, and rows or csv")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
                let mut parts = Parts::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "rows" => parts.rows = Some(map.next_value::<Rows>()?.0),
                        "csv" => parts.csv = Some(map.next_value::<String>()?.into_bytes()),
                        _ => {
                            // Rows may be many, and become CSV; anything else must fit into memory as it is.
                            let value: Box<RawValue> = map.next_value()?;
                            let value = parse_member(value.get());
                            parts.members.insert(key, value.map_err(A::Error::custom)?);
                        }
                    }
                }
                Ok(parts)
            }
        }

        from.deserialize_map(Object)
    }
}

/// Parses a value with all digits of its numbers, as in the bodies of other requests.
fn parse_member(json: &str) -> Result<Value, JsonError> {
    json::check_value_count(json.as_bytes())?;
    let json = keep_numbers(json.as_bytes()).map_err(|_| JsonError::Invalid)?;
    json::parse_value(&json)
}

/// Rows, converted to CSV.
struct Rows(Vec<u8>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Lines;

        impl<'de> Visitor<'de> for Lines {
            type Value = Rows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows, an array of arrays of which the first names the columns")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rows, A::Error> {
                let mut csv = Vec::new();
                while rows.next_element_seed(Line(&mut csv))?.is_some() {
                    csv.push(b'\n');
                }
                Ok(Rows(csv))
            }
        }

        from.deserialize_seq(Lines)
    }
}

/// Appends a row to the CSV.
struct Line<'a>(&'a mut Vec<u8>);

impl<'de> serde::de::DeserializeSeed<'de> for Line<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Line<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row, an array of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        let mut is_first = true;
        while let Some(cell) = cells.next_element::<&RawValue>()? {
            let text = cell_text(cell.get())?;
            if !std::mem::take(&mut is_first) {
                self.0.push(b',');
            }
            // Quoted always: a cell may hold commas, newlines, and spaces that count.
            self.0.push(b'"');
            for piece in text.split_inclusive('"') {
                self.0.extend_from_slice(piece.as_bytes());
                // A quotation mark inside a quoted cell is doubled (RFC 4180).
                if piece.ends_with('"') {
                    self.0.push(b'"');
                }
            }
            self.0.push(b'"');
        }
        Ok(())
    }
}

/// Returns the text of a cell: a text, a number with all its digits, or nothing.
///
/// It is read from the JSON itself. What represents long numbers in other requests costs hundreds of nanoseconds and
/// dozens of bytes each, and a body has room for ten million.
fn cell_text<E: serde::de::Error>(json: &str) -> Result<Cow<'_, str>, E> {
    let expected = &"a cell, which is text, a number or null";
    match json.as_bytes() {
        // A text without escapes is not copied before it is CSV; most cells of 100,000 rows are such.
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => Ok(json[1..json.len() - 1].into()),
        [b'"', ..] => serde_json::from_str(json)
            .map(Cow::Owned)
            // A half of a surrogate pair, which the parser passes over where it does not need the text.
            .map_err(|_| E::custom(JsonError::Invalid)),
        b"null" => Ok("".into()),
        b"true" => Err(E::invalid_type(Unexpected::Bool(true), expected)),
        b"false" => Err(E::invalid_type(Unexpected::Bool(false), expected)),
        [b'[', ..] => Err(E::invalid_type(Unexpected::Seq, expected)),
        [b'{', ..] => Err(E::invalid_type(Unexpected::Map, expected)),
        _ => number_as_text(json).map_err(|_| E::custom(JsonError::Invalid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(body: &str) -> String {
        let read = BulkBody::read(body.as_bytes()).unwrap_or_else(|_| panic!("{body}"));
        String::from_utf8(read.csv.to_vec()).unwrap()
    }

    fn fault(body: &str) -> String {
        let problem = BulkBody::read(body.as_bytes()).err().unwrap();
        problem.entries()[0].message.clone()
    }

    #[test]
    fn rows_become_csv_with_every_cell_quoted() {
        let body =
            r#"{"name": "x", "rows": [["phone number", "na\"me"], [7, null], [1.5, "a,\nb"], []]}"#;
        assert_eq!(
            csv(body),
            "\"phone number\",\"na\"\"me\"\n\"7\",\"\"\n\"1.5\",\"a,\nb\"\n\n"
        );
        let large = r#"{"rows": [["a"], [123456789012345678901234567890, -0, 1e400]]}"#;
        assert_eq!(
            csv(large),
            "\"a\"\n\"123456789012345678901234567890\",\"0\",\"inf\"\n"
        );
        let escaped =
            r#"{"rows": [["\u0061\n\"", "\ud83d\ude00"], [-1.50e1, 18446744073709551615]]}"#;
        assert_eq!(
            csv(escaped),
            "\"a\n\"\"\",\"\u{1F600}\"\n\"-15.0\",\"18446744073709551615\"\n"
        );
        assert_eq!(csv("\u{feff}{\"csv\": \"a,b\\n1,2\"}"), "a,b\n1,2");
    }

    #[test]
    fn errors_name_their_place() {
        for (body, message) in [
            ("{", "Invalid JSON supplied in POST data"),
            (
                r#"{"rows": [["\ud800"]]}"#,
                "Invalid JSON supplied in POST data",
            ),
            (
                r#"{"name": "\ud800", "rows": []}"#,
                "Invalid JSON supplied in POST data",
            ),
            (
                r#"{"rows": [["a"], [true]]}"#,
                "invalid type: boolean `true`, expected a cell, which is text, a number or null",
            ),
            ("{}", "rows or csv is a required property"),
            (
                r#"{"rows": [], "csv": ""}"#,
                "rows and csv must not both be given",
            ),
            (
                "[1]",
                "invalid type: sequence, expected an object with name, template_id, and rows or csv",
            ),
            (
                r#"{"rows": [["a"], [{}]]}"#,
                "invalid type: map, expected a cell, which is text, a number or null at line 1 column 21",
            ),
            (
                r#"{"rows": [["a"], 7]}"#,
                "invalid type: integer `7`, expected a row, an array of cells",
            ),
            (
                r#"{"csv": 7}"#,
                "invalid type: integer `7`, expected a string",
            ),
        ] {
            let said = fault(body);
            assert!(said.starts_with(message), "{body}: {said}");
        }
    }
}
