//! Text of any encoding, with any of four separators between its cells, as CSV in UTF-8
//! (`docs/decisions/spreadsheet-encodings.md`). It comes in chunks and leaves in chunks.

mod decoder;
mod encodings;
mod legacy;
mod plausibility;
mod reseparator;
mod separators;

pub use encodings::TextEncoding;
pub use separators::Separator;

use super::{Notes, ReadError, Template};
use decoder::Decoder;
use reseparator::Reseparator;

/// Turns the text of a file into CSV in UTF-8.
///
/// Text that is CSV in UTF-8 already passes as it is, but for NUL characters.
#[derive(Debug)]
pub struct TextReader {
    decoder: Decoder,
    separator: Separator,
    reseparator: Option<Reseparator>,
    /// The line that names the separator is no row, and has not been passed over yet.
    skips_line: bool,
    skipped_lines: usize,
}

impl TextReader {
    /// Creates a reader for the file that begins like this. The beginning only decides how the file is read; it must
    /// be
    /// pushed like the rest.
    ///
    /// `usual` separates the cells, unless the file names another separator, or the header fits the template with
    /// another one alone.
    pub fn new(
        beginning: &[u8],
        usual: Separator,
        encoding: Option<TextEncoding>,
        template: Option<&Template>,
    ) -> Self {
        let text = decoder::decode_beginning(beginning, encoding);
        let named = separators::named_in_first_line(&text);
        let separator = match (named, template) {
            (Some(separator), _) => separator,
            (None, Some(template)) => separators::choose(&text, usual, template),
            (None, None) => usual,
        };
        Self {
            decoder: Decoder::new(beginning, encoding),
            separator,
            reseparator: (separator != Separator::Comma).then(|| Reseparator::new(separator)),
            skips_line: named.is_some(),
            skipped_lines: usize::from(named.is_some()),
        }
    }

    /// Returns how many lines at the front of the file are no records.
    pub fn skipped_lines(&self) -> usize {
        self.skipped_lines
    }

    /// Returns the CSV of the next part of the file, cut anywhere, as far as it is known yet.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
        let text = self.decoder.push(bytes)?;
        self.separate(text)
    }

    /// Ends the file. Returns the rest of the CSV, and what the sender should know.
    pub fn finish(mut self) -> Result<(Vec<u8>, Notes), ReadError> {
        let (text, mut warnings) = self.decoder.finish()?;
        let mut csv = self.separate(text)?;
        let mut notes = Notes::default();
        if let Some(reseparator) = self.reseparator {
            csv.extend(reseparator.finish(self.skipped_lines)?);
            warnings.extend(self.separator.warning());
            // The published rules are about commas; in the other dialects a surplus cell is surely a mistake.
            notes.refuses_long_rows = true;
        }
        notes.warnings = warnings;
        Ok((csv, notes))
    }

    fn separate(&mut self, text: String) -> Result<Vec<u8>, ReadError> {
        let text = if self.skips_line {
            let Some((_, rest)) = text.split_once('\n') else {
                // The line goes on in the next piece, and no part of it is a row.
                return Ok(Vec::new());
            };
            self.skips_line = false;
            rest.to_owned()
        } else {
            text
        };
        match &mut self.reseparator {
            None => Ok(text.into_bytes()),
            Some(reseparator) => reseparator.push(&text),
        }
    }
}

/// Returns whether a text looks like UTF-8 that was read as Windows-1252 and saved so.
pub(super) fn is_garbled(text: &str) -> bool {
    let (bytes, _, is_lossy) = encoding_rs::WINDOWS_1252.encode(text);
    !is_lossy && legacy::has_utf8(&bytes)
}

/// Returns the beginning of a file as text; nothing if it is no text in any encoding.
pub(super) fn beginning_of_text(bytes: &[u8]) -> Option<String> {
    encodings::is_text(bytes).then(|| decoder::decode_beginning(bytes, None))
}

/// Returns the whole text as CSV in UTF-8.
pub(super) fn read_whole(
    bytes: &[u8],
    separator: Separator,
) -> Result<(Vec<u8>, Notes), ReadError> {
    let mut reader = TextReader::new(bytes, separator, None, None);
    let mut csv = reader.push(bytes)?;
    let (rest, notes) = reader.finish()?;
    csv.extend(rest);
    Ok((csv, notes))
}

#[cfg(test)]
mod tests;
