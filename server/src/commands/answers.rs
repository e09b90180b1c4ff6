//! Printing what the platform answered: a table for people, an object a line for programs.

use serde_json::Value;

use super::Place;
use crate::screen::{say, say_json, table_of, text_of};

/// A list of things, with the header and member of each column.
pub(super) fn print_list(place: &Place, data: &Value, columns: &[(&str, &str)], nothing: &str) {
    let items = data.as_array().map(Vec::as_slice).unwrap_or_default();
    if place.json {
        items.iter().for_each(say_json);
    } else if items.is_empty() {
        say(nothing);
    } else {
        say(table_of(columns, items));
    }
}

/// One thing: a line that says what was done, with its id.
pub(super) fn print_done(place: &Place, data: &Value, what: &str) {
    if place.json {
        say_json(data);
    } else {
        say(format!("{what} {}", text_of(data, "id")).trim_end());
    }
}
