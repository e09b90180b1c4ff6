//! Addresses in personalisation (`docs/spec/recipients.md` §6.2 and §6.3).

use serde_json::{Map, Number, Value};

use super::PostalAddress;
use text::{self, python_repr};

const LINES_BEFORE_THE_LAST: usize = 6;

/// Joins the address lines 1 to 6 and line 7 or, if there is no line 7, the postcode.
pub(super) fn text_of(values: &Map<String, Value>) -> String {
    const POSTCODE: usize = 7;
    let mut lines: [Option<&Value>; 8] = [None; 8];
    for (name, value) in values {
        let place = match text::column_key(name).as_str() {
            "addressline1" => 0,
            "addressline2" => 1,
            "addressline3" => 2,
            "addressline4" => 3,
            "addressline5" => 4,
            "addressline6" => 5,
            "addressline7" => 6,
            "postcode" => POSTCODE,
            _ => continue,
        };
        // If several names denote the same line, the last one wins.
        lines[place] = Some(value);
    }
    // Older templates have a postcode in place of the seventh line.
    let last = lines[LINES_BEFORE_THE_LAST].or(lines[POSTCODE]);
    let lines = lines[..LINES_BEFORE_THE_LAST].iter().copied().chain([last]);
    lines
        .map(|line| line.map(line_of).unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Converts a value to a line. Null and false values are empty.
fn line_of(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Number(number) if is_zero(number) => String::new(),
        Value::Array(members) if members.is_empty() => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        // Lists and objects are not expected here; Python's notation shows the sender what was given.
        other => python_repr(other),
    }
}

fn is_zero(number: &Number) -> bool {
    number.as_f64() == Some(0.0)
}

/// Converts an address to personalisation; `None` for an address without lines.
pub(super) fn of(address: &PostalAddress) -> Option<Map<String, Value>> {
    let last = address.normalised_lines().last()?;
    let before = address.lines_before_the_last();
    let mut values = Map::new();
    for place in 0..LINES_BEFORE_THE_LAST {
        let line = before.get(place).cloned().unwrap_or_default();
        values.insert(format!("address_line_{}", place + 1), line.into());
    }
    values.insert("postcode".to_owned(), last.clone().into());
    values.insert("address_line_7".to_owned(), last.clone().into());
    match (address.is_bfpo_address(), address.postcode()) {
        // The last line is the BFPO number, so the postcode is the line before it.
        (true, Some(postcode)) => {
            values.insert("postcode".to_owned(), postcode.into());
            values.insert("address_line_6".to_owned(), postcode.into());
        }
        (true, None) => {
            values.insert("postcode".to_owned(), "".into());
        }
        (false, _) => {}
    }
    Some(values)
}
