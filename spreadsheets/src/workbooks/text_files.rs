//! Text that is not CSV in UTF-8 yet.

use std::borrow::Cow;

use super::{CsvWriter, ReadError};

/// What the bytes from 0x80 to 0x9F mean in Windows-1252. Those that mean nothing do not occur in text.
const WINDOWS_1252: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";

/// The text of a file in UTF-8, in UTF-16 with a byte order mark, or in Windows-1252. Nothing if it is not text.
///
/// Valid UTF-8 is text whatever it says, but for files that are all control characters at the front.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return decode_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return decode_utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (!begins_binary(bytes)).then_some(Cow::Borrowed(text)),
        Err(_) => decode_windows_1252(bytes).map(Cow::Owned),
    }
}

/// The file in UTF-8; as it is if it is that already.
pub(super) fn as_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ReadError> {
    match decode(bytes) {
        Some(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.as_bytes())),
        Some(Cow::Owned(text)) => Ok(Cow::Owned(text.into_bytes())),
        None => Err(not_text()),
    }
}

/// The same cells with commas between them. Quotes are as in CSV.
pub(super) fn tsv_to_csv(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let text = decode(bytes).ok_or_else(not_text)?;
    let mut csv = CsvWriter::new();
    let (mut row, mut column) = (0, 0);
    let mut rest = text.trim_start_matches('\u{FEFF}');
    while !rest.is_empty() {
        let Some((cell, after)) = take_cell(rest) else {
            let line = text.len() - rest.len();
            let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..line]).count();
            return Err(ReadError::on_line(line, "a quotation mark is left open."));
        };
        csv.cell(row, column, &cell)?;
        rest = after;
        if let Some(next) = rest.strip_prefix('\t') {
            (rest, column) = (next, column + 1);
        } else {
            rest = rest.strip_prefix('\r').unwrap_or(rest);
            rest = rest.strip_prefix('\n').unwrap_or(rest);
            (row, column) = (row + 1, 0);
        }
    }
    Ok(csv.finish())
}

/// Returns the first cell, and what follows it: a tab, a line end or nothing. None if a quotation mark is left open.
fn take_cell(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['\t', '\r', '\n']).unwrap_or(text.len());
        return Some((Cow::Borrowed(&text[..end]), &text[end..]));
    };
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        cell.push_str(part);
        if let Some(after) = after.strip_prefix('"') {
            cell.push('"');
            rest = after;
        } else {
            let end = after.find(['\t', '\r', '\n']).unwrap_or(after.len());
            return Some((Cow::Owned(cell + &after[..end]), &after[end..]));
        }
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'_, str>> {
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let text: Result<String, _> =
        char::decode_utf16(pairs.iter().map(|&pair| unit(pair))).collect();
    text.ok().map(Cow::Owned)
}

pub(super) fn decode_windows_1252(bytes: &[u8]) -> Option<String> {
    let decode_byte = |&byte: &u8| match byte {
        0x80..=0x9F => WINDOWS_1252
            .chars()
            .nth(usize::from(byte - 0x80))
            .filter(|&character| character != '\0'),
        b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0xA0.. => Some(char::from(byte)),
        _ => None,
    };
    bytes.iter().map(decode_byte).collect()
}

/// A NUL or the like may stray into text, but nothing else begins with them.
fn begins_binary(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(64)];
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 0x0E..=0x1B | 0x7F);
    beginning.iter().filter(is_control).count() * 4 > beginning.len()
}

fn not_text() -> ReadError {
    ReadError::whole_file(
        "The file is neither text nor a workbook. Send it as CSV, XLSX, ODS or XLS.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excel_saves_in_western_europe_is_understood() {
        assert_eq!(
            as_utf8(b"price\n\x80 5 or \xA34 caf\xE9").unwrap(),
            "price\n€ 5 or £4 café".as_bytes()
        );
        assert!(as_utf8(b"price\n\x81").is_err());
    }

    #[test]
    fn utf_16_is_understood_by_its_mark() {
        let text: Vec<u8> = "\u{FEFF}é\t1\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(tsv_to_csv(&text).unwrap(), "é,1".as_bytes());
        let text: Vec<u8> = "\u{FEFF}é,1"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(as_utf8(&text).unwrap(), "é,1".as_bytes());
        assert!(as_utf8(b"\xFF\xFEa").is_err());
    }

    #[test]
    fn utf_8_is_left_as_it_is() {
        assert!(matches!(
            as_utf8("a,\0é".as_bytes()).unwrap(),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_quotation_mark_that_is_left_open_is_refused_with_its_line() {
        let error = tsv_to_csv(b"a\tb\n1\t\"2\n3\t4\n").unwrap_err();
        assert_eq!(error.to_string(), "Line 2: a quotation mark is left open.");
    }

    #[test]
    fn tabs_become_commas_and_quotes_stay_where_they_are_needed() {
        let tsv = b"a\tb,c\t\"d\te\"\"\"\r\n\n\tf\t\"g\nh\"\n";
        assert_eq!(
            String::from_utf8(tsv_to_csv(tsv).unwrap()).unwrap(),
            "a,\"b,c\",\"d\te\"\"\"\n\n,f,\"g\nh\""
        );
    }
}
