//! Output of a check report.

use serde_json::{Value, json};

use super::spreadsheet::{CheckReport, Spreadsheet};
use crate::{
    commands::CommandContext,
    terminal::{count, print_json, print_line, table_of},
};

/// Formats the errors as a table, with row numbers as a spreadsheet program shows them.
pub(in crate::commands) fn errors_table(errors: &[Value]) -> String {
    let columns = [
        ("Row", "spreadsheet_row_number"),
        ("Column", "column_header"),
        ("Value", "value"),
        ("Error", "message"),
    ];
    table_of(&columns, errors)
}

/// Prints all errors, then a summary.
pub(super) fn print(context: &CommandContext, spreadsheet: &Spreadsheet, checked: &CheckReport) {
    if context.json {
        checked.errors.iter().for_each(print_json);
        return print_json(&json!({
            "valid": checked.valid, "rows": checked.rows, "error_counts": checked.error_counts,
            "problems": checked.problems, "warnings": checked.warnings,
            "missing_column_headers": checked.missing_column_headers,
            "duplicate_recipient_column_headers": checked.duplicate_recipient_column_headers,
        }));
    }
    if !checked.errors.is_empty() {
        print_line(format!("{}\n", errors_table(&checked.errors)));
    }
    for problem in &checked.problems {
        print_line(problem);
    }
    for warning in &checked.warnings {
        print_line(format!("warning: {warning}"));
    }
    print_line(summary(spreadsheet, checked));
}

/// Prints the warnings of a spreadsheet that is sent, apart from the output that programs read.
pub(super) fn print_warnings(checked: &CheckReport) {
    for warning in &checked.warnings {
        eprintln!("pillarbox: warning: {warning}");
    }
}

fn summary(spreadsheet: &Spreadsheet, checked: &CheckReport) -> String {
    let (name, template) = (spreadsheet.source.name(), spreadsheet.template_name());
    let rows = count(checked.rows, "row");
    match checked.rows_with_errors() {
        _ if checked.valid => {
            format!("{name}: {rows}, no errors; can be sent with `{template}`")
        }
        0 => format!("{name}: {rows}; cannot be sent with `{template}`"),
        1 => format!("{name}: {rows}, 1 of them with errors; cannot be sent with `{template}`"),
        invalid => {
            format!(
                "{name}: {rows}, {invalid} of them with errors; cannot be sent with `{template}`"
            )
        }
    }
}
