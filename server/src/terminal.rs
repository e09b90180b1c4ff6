//! Output to a terminal: lines, tables, numbers, a progress bar.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Maximum width of a table cell, except in the last column, which holds sentences.
const MAX_CELL_WIDTH: usize = 60;

/// Prints a line to standard output.
pub(crate) fn print_line(line: impl AsRef<str>) {
    // The reader may have closed the pipe (`| head`); that is no error.
    let _ = writeln!(io::stdout(), "{}", line.as_ref());
}

/// Prints a JSON value on one line.
pub(crate) fn print_json(value: &Value) {
    print_line(value.to_string());
}

/// Formats a table with aligned columns, for cells of any script.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| printable_row(row, headers.len()))
        .collect();
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.width());
        cells.chain([headers[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let mut text = line(headers.iter().copied(), &widths);
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row.iter().map(String::as_str), &widths));
    }
    text
}

fn line<'cell>(cells: impl Iterator<Item = &'cell str>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        let _ = write!(
            line,
            "{cell}{}",
            " ".repeat(width.saturating_sub(cell.width()) + 2)
        );
    }
    line.trim_end().to_owned()
}

fn printable_row(row: &[String], columns: usize) -> Vec<String> {
    let max_width = |column| {
        if column + 1 == columns {
            usize::MAX
        } else {
            MAX_CELL_WIDTH
        }
    };
    let cells = row.iter().enumerate();
    cells
        .map(|(column, cell)| printable(cell, max_width(column)))
        .collect()
}

/// Returns `text` as one short line without control characters: cells hold untrusted data that could move the cursor.
fn printable(text: &str, max_width: usize) -> String {
    let mut shown = String::new();
    let mut width = 0;
    for character in text.chars() {
        let character = match character {
            // Line breaks stay visible: they are often the error in a cell.
            '\n' => '⏎',
            '\r' => continue,
            control if control.is_control() || is_bidi_control(control) => '�',
            other => other,
        };
        width += character.width().unwrap_or(0);
        if width > max_width {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

/// Returns whether a character changes the writing direction, which would garble the rest of the line.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns a member of an object as text for a table; empty if it is missing.
pub(crate) fn text_of(value: &Value, member: &str) -> String {
    match &value[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// Formats objects as a table. `columns` are pairs of a header and the member under it.
pub(crate) fn table_of(columns: &[(&str, &str)], items: &[Value]) -> String {
    let headers: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
    let row = |item: &Value| {
        columns
            .iter()
            .map(|(_, member)| text_of(item, member))
            .collect()
    };
    table(&headers, &items.iter().map(row).collect::<Vec<_>>())
}

/// Formats a count with its noun: `1 row`, `10,000 rows`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        thousands(number),
        if number == 1 { "" } else { "s" }
    )
}

/// Formats a number with thousands separators.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns how many per second, rounded down. Durations below a millisecond count as one.
pub(crate) fn rate(number: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    number.saturating_mul(1000) / millis
}

/// Formats a duration in seconds with one decimal.
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Progress output: a bar on a terminal, a line at the end of each stage elsewhere, nothing with `--json`.
pub(crate) enum Progress {
    /// Standard error is a terminal.
    Bar(ProgressBar),
    /// Standard error is a file or a pipe: prints each stage when it is complete.
    Lines {
        /// Stage and position printed last.
        last: Option<(&'static str, u64)>,
    },
    Silent,
}

impl Progress {
    /// Creates the progress output that fits standard error, or none unless `is_wanted`.
    pub(crate) fn new(is_wanted: bool) -> Self {
        if !is_wanted {
            return Self::Silent;
        }
        if !io::stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "  {msg:>12} {bar:36} {human_pos:>9} of {human_len}  {elapsed}",
        );
        bar.set_style(style.expect("the template is valid").progress_chars("━╸─"));
        Self::Bar(bar)
    }

    /// Shows that `position` of `length` are done in this stage.
    pub(crate) fn show(&mut self, stage: &'static str, position: u64, length: u64) {
        match self {
            Self::Silent => {}
            Self::Bar(bar) => {
                bar.set_message(stage);
                bar.set_length(length);
                bar.set_position(position);
            }
            Self::Lines { last } => {
                if position == length && *last != Some((stage, position)) {
                    print_line(format!(
                        "  {stage} {} of {}",
                        thousands(position),
                        thousands(length)
                    ));
                    *last = Some((stage, position));
                }
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_in_any_script() {
        let rows = [
            vec!["2".to_owned(), "林さん".to_owned(), "x".to_owned()],
            vec!["10".to_owned(), "Zoë".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            table(&["Row", "Name", ""], &rows),
            "Row  Name\n2    林さん  x\n10   Zoë     y"
        );
    }

    #[test]
    fn a_cell_cannot_move_the_cursor_or_change_the_direction() {
        assert_eq!(
            printable("a\u{1b}[2J\nb\u{202E}c", MAX_CELL_WIDTH),
            "a�[2J⏎b�c"
        );
        assert_eq!(
            printable(&"x".repeat(70), MAX_CELL_WIDTH).chars().count(),
            MAX_CELL_WIDTH + 1
        );
    }

    #[test]
    fn numbers_have_separators_and_nouns() {
        assert_eq!(
            (count(1, "row"), count(1_234_567, "row")),
            ("1 row".to_owned(), "1,234,567 rows".to_owned())
        );
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
    }
}
