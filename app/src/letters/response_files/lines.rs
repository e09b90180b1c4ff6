//! Lines of a response file (`docs/spec/letters.md` §8.2).

/// The status of a letter that was printed and posted. Any other means that it was not.
const SENT: &str = "Sent";

/// The number of fields that a line has.
const FIELDS: usize = 4;

/// A response file whose lines all have the right form.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseLines<'a>(&'a str);

/// What a response file says of one letter. Fields are as they stand there, not trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResponseLine<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) reference: &'a str,
    pub(super) status: &'a str,
    pub(super) page_count: &'a str,
    pub(super) cost_threshold: &'a str,
}

/// The first line that does not have the right form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidLine {
    #[error("line {number} has {fields} of {FIELDS} fields")]
    Fields { number: usize, fields: usize },
    #[error("line {number} is not UTF-8")]
    NotText { number: usize },
}

impl<'a> ResponseLines<'a> {
    /// Checks the form of a whole file, because one line that does not fit makes all of it invalid.
    pub(super) fn parse(contents: &'a [u8]) -> Result<Self, InvalidLine> {
        let text = str::from_utf8(contents).map_err(|error| {
            let before = str::from_utf8(&contents[..error.valid_up_to()]).unwrap_or_default();
            // With a character in place of what is no text, the last line is the one that it stands in.
            let number = split(&format!("{before}?")).count();
            InvalidLine::NotText { number }
        })?;
        for (index, line) in split(text).enumerate() {
            let fields = line.split('|').count();
            if fields != FIELDS {
                let number = index + 1;
                return Err(InvalidLine::Fields { number, fields });
            }
        }
        Ok(Self(text))
    }

    /// Returns the lines in order.
    pub(super) fn iter(self) -> impl Iterator<Item = ResponseLine<'a>> {
        split(self.0).enumerate().filter_map(|(index, line)| {
            let mut fields = line.split('|');
            Some(ResponseLine {
                number: index + 1,
                reference: fields.next()?,
                status: fields.next()?,
                page_count: fields.next()?,
                cost_threshold: fields.next()?,
            })
        })
    }
}

impl ResponseLine<'_> {
    /// Returns whether the letter was printed and posted.
    pub(super) fn is_sent(&self) -> bool {
        self.status == SENT
    }

    /// Returns the page count, or `None` if it is not a number.
    pub(super) fn pages(&self) -> Option<i64> {
        // Spaces around it and leading zeros are allowed.
        self.page_count.trim().parse().ok()
    }
}

/// Splits a text at LF, CRLF and CR. The last line may lack its end; an empty text has no lines.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = &rest[..end];
        let after = &rest[end..];
        let after = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        rest = after.unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(text: &str) -> Result<Vec<&str>, InvalidLine> {
        let lines = ResponseLines::parse(text.as_bytes())?;
        Ok(lines.iter().map(|line| line.reference).collect())
    }

    #[test]
    fn a_line_ends_as_on_any_system() {
        let (a, b) = ("A|Sent|1|Sorted", "B|Sent|1|Sorted");
        for text in [
            format!("{a}\n{b}"),
            format!("{a}\r\n{b}\r\n"),
            format!("{a}\r{b}\r"),
            format!("{a}\r\n{b}\n"),
        ] {
            assert_eq!(references(&text), Ok(vec!["A", "B"]), "{text:?}");
        }
        assert_eq!(references(""), Ok(vec![]));
    }

    #[test]
    fn the_first_line_that_does_not_fit_is_named() {
        let invalid = |number, fields| Err(InvalidLine::Fields { number, fields });
        let good = "A|Sent|1|Sorted";
        for (text, expected) in [
            ("\n".to_owned(), invalid(1, 1)),
            (format!("{good}\n\n{good}"), invalid(2, 1)),
            (format!("{good}\n\r{good}"), invalid(2, 1)),
            (format!("{good}\n{good}|"), invalid(2, 5)),
            ("A,Sent,1,Sorted".to_owned(), invalid(1, 1)),
        ] {
            assert_eq!(references(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_invalid_from_the_line_on_where_it_is_not() {
        for (before, number) in [("", 1), ("A", 1), ("A|B|C|D\n", 2), ("A|B|C|D\r\nA", 2)] {
            let contents = [before.as_bytes(), b"\xff"].concat();
            let error = ResponseLines::parse(&contents).unwrap_err();
            assert_eq!(error, InvalidLine::NotText { number }, "{before:?}");
        }
    }

    #[test]
    fn only_the_page_count_may_have_spaces_and_zeros() {
        let text = "A|Sent| 02 |Sorted\nB|Sent|x|Sorted\n C|sent||Sorted";
        let lines = ResponseLines::parse(text.as_bytes()).unwrap();
        let read = lines
            .iter()
            .map(|line| (line.reference, line.is_sent(), line.pages()));
        assert_eq!(
            read.collect::<Vec<_>>(),
            [("A", true, Some(2)), ("B", true, None), (" C", false, None)]
        );
    }
}
