//! What is wrong with a spreadsheet, shown.

use serde_json::{Value, json};

use super::sheet::{Checked, Sheet};
use crate::{
    commands::Place,
    screen::{count, say, say_json, table_of},
};

/// The cells that are wrong, where a spreadsheet program shows them.
pub(in crate::commands) fn errors_table(errors: &[Value]) -> String {
    let columns = [
        ("Row", "spreadsheet_row_number"),
        ("Column", "column_header"),
        ("Value", "value"),
        ("What is wrong", "message"),
    ];
    table_of(&columns, errors)
}

/// Everything that the check said: what is wrong first, the sum of it last.
pub(super) fn print(place: &Place, sheet: &Sheet, checked: &Checked) {
    if place.json {
        checked.errors.iter().for_each(say_json);
        return say_json(&json!({
            "valid": checked.valid, "rows": checked.rows, "error_counts": checked.error_counts,
            "problems": checked.problems,
        }));
    }
    if !checked.errors.is_empty() {
        say(format!("{}\n", errors_table(&checked.errors)));
    }
    for problem in &checked.problems {
        say(problem);
    }
    say(verdict(sheet, checked));
}

fn verdict(sheet: &Sheet, checked: &Checked) -> String {
    let (name, template) = (sheet.source.name(), sheet.template_name());
    let rows = count(checked.rows, "row");
    match checked.rows_with_errors() {
        _ if checked.valid => {
            format!("{name}: {rows}, nothing wrong; can be sent with `{template}`")
        }
        0 => format!("{name}: {rows}; cannot be sent with `{template}`"),
        1 => format!("{name}: {rows}, 1 of them with errors; cannot be sent with `{template}`"),
        wrong => {
            format!("{name}: {rows}, {wrong} of them with errors; cannot be sent with `{template}`")
        }
    }
}
