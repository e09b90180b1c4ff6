//! From characters to fields: the table of states of `docs/spec/recipients.md` §8.2.

use super::{ReadError, Record};

/// The most characters that a field may have.
const LONGEST_FIELD: usize = 131_072;
/// The most fields that a record may have. More columns than any program has are refused with the header; this is for a line
/// of millions of separators, each of which takes many times its byte in memory.
const MOST_FIELDS: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BetweenRecords,
    BeforeField,
    InField,
    Quoted,
    QuoteInQuoted,
    AfterLineEnd,
}

/// What one look at the text brought.
enum Step {
    /// So many bytes were read and belong to the record at hand.
    Took(usize),
    /// So many bytes were read, and with them the record is complete.
    Completed(usize),
}

/// Reads records from a text that may be cut anywhere.
#[derive(Debug)]
pub(super) struct CsvParser {
    /// What separates fields: the comma in all that is published.
    separator: u8,
    state: State,
    record: Record,
    /// How much of the open field has had its characters counted, and how many there were.
    counted: (usize, usize),
    line: usize,
    /// The line on which the last quoted field began.
    quote_line: usize,
    /// The line of a quote that the end of the text closed.
    left_open: Option<usize>,
    /// The line of the first quote that was escaped with a backslash.
    backslash_line: Option<usize>,
}

impl CsvParser {
    /// Creates a parser for text with this separator between its fields. With any but the comma, a CR alone ends a
    /// line.
    pub(super) fn separated_by(separator: u8) -> Self {
        Self {
            separator,
            state: State::BetweenRecords,
            record: Record::default(),
            counted: (0, 0),
            line: 1,
            quote_line: 1,
            left_open: None,
            backslash_line: None,
        }
    }

    /// Takes note of lines that were left out of the text.
    pub(super) fn skip_lines(&mut self, lines: usize) {
        self.line += lines;
    }

    /// Returns the line that is being read, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Returns the line of a quotation mark that was left open to the end of the text.
    pub(super) fn left_open(&self) -> Option<usize> {
        self.left_open
    }

    /// Returns the line of the first quotation mark that was escaped with a backslash, which the dialect does not know.
    pub(super) fn backslash_line(&self) -> Option<usize> {
        self.backslash_line
    }

    /// Returns the record that was completed last. It is valid until more is read.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// Reads from `text` to the end of a record, or of the text if that comes first. Returns how many bytes that
    /// took and whether the record is complete.
    pub(super) fn read(&mut self, text: &str) -> Result<(usize, bool), ReadError> {
        let mut taken = 0;
        while taken < text.len() {
            match self.step(&text[taken..])? {
                Step::Took(bytes) => taken += bytes,
                Step::Completed(bytes) => return Ok((taken + bytes, true)),
            }
        }
        Ok((taken, false))
    }

    /// Ends the text, and with it any open quote. Returns whether that completed a record.
    pub(super) fn finish(&mut self) -> Result<bool, ReadError> {
        // The published dialect closes the quote here; the check says that it was left open.
        self.left_open = (self.state == State::Quoted).then_some(self.quote_line);
        let has_open_field = !matches!(self.state, State::BetweenRecords | State::AfterLineEnd);
        if has_open_field {
            self.end_field(State::AfterLineEnd)?;
        }
        let is_complete = self.state == State::AfterLineEnd;
        self.state = State::BetweenRecords;
        Ok(is_complete)
    }

    fn step(&mut self, text: &str) -> Result<Step, ReadError> {
        let byte = text.as_bytes()[0];
        match self.state {
            State::BetweenRecords => {
                self.record.clear();
                match byte {
                    b'\r' => Ok(self.go_on(State::AfterLineEnd)),
                    b'\n' => Ok(self.complete(1)),
                    _ => self.before_field(byte),
                }
            }
            State::BeforeField => self.before_field(byte),
            State::InField => self.in_field(text),
            State::Quoted => self.quoted(text),
            State::QuoteInQuoted => self.quote_in_quoted(byte),
            State::AfterLineEnd => match byte {
                b'\r' => Ok(Step::Took(1)),
                b'\n' => Ok(self.complete(1)),
                // The published dialect refuses text after a CR; in ours a CR alone ends the line
                // (`docs/spec/recipients.md` §8.2).
                _ if self.separator != b',' => Ok(self.complete(0)),
                _ => Err(self.return_inside_line()),
            },
        }
    }

    fn before_field(&mut self, byte: u8) -> Result<Step, ReadError> {
        match byte {
            // Only U+0020, and only before a field: other space is part of it.
            b' ' => Ok(self.go_on(State::BeforeField)),
            b'"' => {
                self.quote_line = self.line;
                Ok(self.go_on(State::Quoted))
            }
            b'\n' | b'\r' => self.end_field_at(byte),
            byte if byte == self.separator => self.end_field_at(byte),
            _ => Ok(self.look_again(State::InField)),
        }
    }

    fn in_field(&mut self, text: &str) -> Result<Step, ReadError> {
        // Not the quotation mark, which is an ordinary character inside a field.
        let end = memchr::memchr3(self.separator, b'\n', b'\r', text.as_bytes());
        let more = &text[..end.unwrap_or(text.len())];
        self.record.add(more);
        match end {
            None => self.check_length().map(|()| Step::Took(more.len())),
            Some(end) => Ok(match self.end_field_at(text.as_bytes()[end])? {
                Step::Took(bytes) => Step::Took(end + bytes),
                Step::Completed(bytes) => Step::Completed(end + bytes),
            }),
        }
    }

    fn quoted(&mut self, text: &str) -> Result<Step, ReadError> {
        let quote = memchr::memchr(b'"', text.as_bytes());
        let more = &text[..quote.unwrap_or(text.len())];
        self.record.add(more);
        self.check_length()?;
        // Line ends in quotes end no record, but an editor counts them.
        self.line += memchr::memchr_iter(b'\n', more.as_bytes()).count();
        if quote.is_some() {
            self.state = State::QuoteInQuoted;
        }
        Ok(Step::Took(more.len() + usize::from(quote.is_some())))
    }

    fn quote_in_quoted(&mut self, byte: u8) -> Result<Step, ReadError> {
        match byte {
            b'"' => {
                self.record.add("\"");
                Ok(self.go_on(State::Quoted))
            }
            b'\n' | b'\r' => self.end_field_at(byte),
            byte if byte == self.separator => self.end_field_at(byte),
            _ => {
                // Text goes on after the quote, so the backslash was meant to keep it open.
                if self.record.open_field().ends_with('\\') {
                    self.backslash_line.get_or_insert(self.line);
                }
                Ok(self.look_again(State::InField))
            }
        }
    }

    /// Ends the open field at the separator or line end that follows it.
    fn end_field_at(&mut self, byte: u8) -> Result<Step, ReadError> {
        match byte {
            byte if byte == self.separator => self.end_field(State::BeforeField)?,
            b'\r' => self.end_field(State::AfterLineEnd)?,
            _ => {
                self.end_field(State::BetweenRecords)?;
                return Ok(self.complete(1));
            }
        }
        Ok(Step::Took(1))
    }

    fn end_field(&mut self, next: State) -> Result<(), ReadError> {
        self.check_length()?;
        // Workbooks that became CSV have such text only in quotes, where it stands for itself.
        if self.state == State::InField && self.record.open_field().contains("\\\"") {
            self.backslash_line.get_or_insert(self.line);
        }
        self.record.end_field();
        if self.record.len() > MOST_FIELDS {
            let problem =
                "the row has more than 65,536 cells. Is the right character between the cells?";
            return Err(ReadError::on_line(self.line, problem));
        }
        self.counted = (0, 0);
        self.state = next;
        Ok(())
    }

    fn go_on(&mut self, next: State) -> Step {
        self.state = next;
        Step::Took(1)
    }

    fn look_again(&mut self, next: State) -> Step {
        self.state = next;
        Step::Took(0)
    }

    fn complete(&mut self, bytes: usize) -> Step {
        self.line += 1;
        self.state = State::BetweenRecords;
        Step::Completed(bytes)
    }

    /// Characters are counted only where there are bytes enough for too many, and each only once.
    fn check_length(&mut self) -> Result<(), ReadError> {
        let field = self.record.open_field();
        if field.len() <= LONGEST_FIELD {
            return Ok(());
        }
        let (bytes, characters) = self.counted;
        self.counted = (field.len(), characters + field[bytes..].chars().count());
        if self.counted.1 > LONGEST_FIELD {
            let problem = "a cell has more than 131,072 characters. Is a quotation mark left open?";
            return Err(ReadError::on_line(self.line, problem));
        }
        Ok(())
    }

    fn return_inside_line(&self) -> ReadError {
        let problem =
            "there is a carriage return inside the line. Save the file again as “CSV UTF-8”.";
        ReadError::on_line(self.line, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Vec<Vec<String>>, ReadError> {
        let mut parser = CsvParser::separated_by(b',');
        let (mut records, mut rest) = (Vec::new(), text);
        let fields = |parser: &CsvParser| parser.record().fields().map(str::to_owned).collect();
        while !rest.is_empty() {
            let (taken, is_complete) = parser.read(rest)?;
            if is_complete {
                records.push(fields(&parser));
            }
            rest = &rest[taken..];
        }
        if parser.finish()? {
            records.push(fields(&parser));
        }
        Ok(records)
    }

    fn records(text: &str) -> Vec<Vec<String>> {
        read_all(text).expect("a readable text")
    }

    #[test]
    fn commas_part_fields_and_line_feeds_part_records() {
        assert_eq!(
            records("a,b\nc,,d\r\n,"),
            [vec!["a", "b"], vec!["c", "", "d"], vec!["", ""]]
        );
    }

    #[test]
    fn a_blank_line_is_a_record_without_fields_and_a_line_of_spaces_has_one() {
        assert_eq!(
            records("a\n\n\r\n  \nb"),
            [vec!["a"], vec![], vec![], vec![""], vec!["b"]]
        );
    }

    #[test]
    fn quotes_hold_commas_and_line_ends_and_an_open_one_ends_with_the_text() {
        assert_eq!(records("\"a,\"\"b\"\"\nc\",d"), [["a,\"b\"\nc", "d"]]);
        assert_eq!(records("a,\"b\nc"), [["a", "b\nc"]]);
    }

    #[test]
    fn what_follows_a_closed_quote_belongs_to_the_field() {
        assert_eq!(records("\"a\"x\"y,z\" , \"q\" "), [["ax\"y", "z\" ", "q "]]);
    }

    #[test]
    fn only_spaces_before_a_field_are_passed_over() {
        assert_eq!(records("  a b , \tc"), [["a b ", "\tc"]]);
    }

    #[test]
    fn quotes_escaped_with_a_backslash_are_noticed() {
        let line = |text: &str| {
            let mut parser = CsvParser::separated_by(b',');
            let mut rest = text;
            while !rest.is_empty() {
                rest = &rest[parser.read(rest).unwrap().0..];
            }
            parser.finish().unwrap();
            parser.backslash_line()
        };
        assert_eq!(line("a\n\"Bob \\\"B\\\" Smith\",x"), Some(2));
        assert_eq!(line("a\n\n6\\\" pipe,x"), Some(3));
        assert_eq!(line("\"C:\\\",\"a\\\"\"b\",c\\d"), None);
    }

    #[test]
    fn text_after_a_carriage_return_is_refused_with_its_line() {
        assert_eq!(records("a\r\r\nb\r"), [["a"], ["b"]]);
        assert_eq!(read_all("a\n\"b\nc\"\nd\re\n").unwrap_err().line(), Some(4));
    }

    #[test]
    fn a_record_may_have_as_many_fields_as_the_limit_and_no_more() {
        assert_eq!(records(&",".repeat(MOST_FIELDS - 1))[0].len(), MOST_FIELDS);
        let error = read_all(&format!("a,b\n{}", ",".repeat(MOST_FIELDS))).unwrap_err();
        assert_eq!(error.line(), Some(2));
    }

    #[test]
    fn a_field_may_have_as_many_characters_as_the_limit_and_no_more() {
        let longest = "é".repeat(LONGEST_FIELD);
        assert_eq!(records(&longest)[0][0].len(), 2 * LONGEST_FIELD);
        assert!(read_all(&format!("\"{longest}é")).is_err());
        assert!(read_all(&"\"\"".repeat(LONGEST_FIELD)).is_ok());
    }
}
