//! Output of responses: a table for people, one JSON object per line for programs.

use serde_json::Value;

use super::CommandContext;
use crate::terminal::{print_json, print_line, table_of, text_of};

/// Prints a list. `columns` are pairs of a header and a member; `empty` is the line for an empty list.
pub(super) fn print_list(
    context: &CommandContext,
    data: &Value,
    columns: &[(&str, &str)],
    empty: &str,
) {
    let items = data.as_array().map(Vec::as_slice).unwrap_or_default();
    if context.json {
        items.iter().for_each(print_json);
    } else if items.is_empty() {
        print_line(empty);
    } else {
        print_line(table_of(columns, items));
    }
}

/// Prints one object: a line with what was done and its id.
pub(super) fn print_done(context: &CommandContext, data: &Value, done: &str) {
    if context.json {
        print_json(data);
    } else {
        print_line(format!("{done} {}", text_of(data, "id")).trim_end());
    }
}
