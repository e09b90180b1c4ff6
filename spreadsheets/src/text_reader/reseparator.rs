use super::Separator;
use crate::{ReadError, csv_field::push_field, csv_parser::CsvParser};

/// Writes the records of a text with another separator as CSV, line for line.
#[derive(Debug)]
pub(super) struct Reseparator {
    parser: CsvParser,
    has_begun: bool,
}

impl Reseparator {
    pub(super) fn new(separator: Separator) -> Self {
        Self {
            parser: CsvParser::separated_by(separator.byte()),
            has_begun: false,
        }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<Vec<u8>, ReadError> {
        let mut csv = Vec::with_capacity(text.len());
        let mut rest = text;
        if !rest.is_empty() && !std::mem::replace(&mut self.has_begun, true) {
            // `Records` strips a byte order mark from CSV, and this text does not pass through it.
            rest = rest.trim_start_matches('\u{FEFF}');
        }
        while !rest.is_empty() {
            let (taken, is_complete) = self.parser.read(rest)?;
            rest = &rest[taken..];
            if is_complete {
                self.write_record(&mut csv);
                csv.push(b'\n');
            }
        }
        Ok(csv)
    }

    /// Ends the text, of which so many lines were left out at the front.
    pub(super) fn finish(mut self, skipped_lines: usize) -> Result<Vec<u8>, ReadError> {
        let mut csv = Vec::new();
        if self.parser.finish()? {
            self.write_record(&mut csv);
        }
        let on_line = |line: usize, problem| Err(ReadError::on_line(line + skipped_lines, problem));
        // Nothing is published about these dialects, so what the check of CSV reports is refused at once.
        if let Some(line) = self.parser.left_open() {
            return on_line(line, "a quotation mark is left open.");
        }
        if let Some(line) = self.parser.backslash_line() {
            return on_line(
                line,
                "a quotation mark is escaped with a backslash: write \"\" in the place of \\\".",
            );
        }
        Ok(csv)
    }

    fn write_record(&self, csv: &mut Vec<u8>) {
        for (position, field) in self.parser.record().fields().enumerate() {
            if position > 0 {
                csv.push(b',');
            }
            push_field(csv, field);
        }
    }
}
