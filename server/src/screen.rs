//! What a person reads: tables, numbers, a progress bar.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// No cell of a table is wider, but those of the last column, where sentences stand.
const WIDEST: usize = 60;

/// Prints a line. Whoever reads may have gone (`| head`): then there is nobody to tell.
pub(crate) fn say(line: impl AsRef<str>) {
    let _ = writeln!(io::stdout(), "{}", line.as_ref());
}

/// Prints an object on a line of its own.
pub(crate) fn say_json(value: &Value) {
    say(value.to_string());
}

/// A table with its columns under one another, whatever script the cells are in.
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
    let widest = |column| {
        if column + 1 == columns {
            usize::MAX
        } else {
            WIDEST
        }
    };
    let cells = row.iter().enumerate();
    cells
        .map(|(column, cell)| printable(cell, widest(column)))
        .collect()
}

/// A value as one short line that cannot move the cursor: cells come from strangers.
fn printable(text: &str, widest: usize) -> String {
    let mut shown = String::new();
    let mut width = 0;
    for character in text.chars() {
        let character = match character {
            '\n' => '⏎',
            '\r' => continue,
            control if control.is_control() || is_direction(control) => '�',
            other => other,
        };
        width += character.width().unwrap_or(0);
        if width > widest {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

/// Characters that turn the direction of what follows, on the rest of the line too.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A member of an object as text for a table; empty if it is not there.
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

/// Objects as a table: a header and the member that goes under it.
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

/// `1 row`, `10,000 rows`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        thousands(number),
        if number == 1 { "" } else { "s" }
    )
}

/// A number with its thousands apart.
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

/// How many a second, rounded; as if it had taken a millisecond at least.
pub(crate) fn rate(number: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    number.saturating_mul(1000) / millis
}

/// A duration in seconds with one decimal.
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// How far something has come: a bar on a terminal, a line now and then elsewhere, nothing if nobody looks.
pub(crate) enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Into a file or a pipe: each stage once it is full.
    Lines {
        /// What was said last.
        last: Option<(&'static str, u64)>,
    },
    /// Not at all.
    Silent,
}

impl Progress {
    /// For a person, if there is one.
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
        bar.set_style(style.expect("the template is right").progress_chars("━╸─"));
        Self::Bar(bar)
    }

    /// So many of so many, in this stage.
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
                    say(format!(
                        "  {stage} {} of {}",
                        thousands(position),
                        thousands(length)
                    ));
                    *last = Some((stage, position));
                }
            }
        }
    }

    /// Takes the bar away.
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
    fn columns_stand_under_one_another_in_any_script() {
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
    fn a_cell_cannot_move_the_cursor_nor_turn_the_line() {
        assert_eq!(printable("a\u{1b}[2J\nb\u{202E}c", WIDEST), "a�[2J⏎b�c");
        assert_eq!(
            printable(&"x".repeat(70), WIDEST).chars().count(),
            WIDEST + 1
        );
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(
            (count(1, "row"), count(1_234_567, "row")),
            ("1 row".to_owned(), "1,234,567 rows".to_owned())
        );
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
    }
}
