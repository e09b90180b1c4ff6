use std::collections::VecDeque;

use super::{
    ReadError, Record,
    csv_parser::CsvParser,
    trimming::{Front, KeptBack, Segment},
};

/// Reads records from CSV that comes in chunks, cut anywhere (`docs/spec/recipients.md` §8.2).
///
/// [`push`](Self::push) a chunk, then take every record that [`next_record`](Self::next_record) has; after the last
/// chunk call [`finish`](Self::finish) and take the rest. The first record is the header. Memory is bounded by a chunk,
/// the longest record, and the differing lines of one run of blank lines.
#[derive(Debug)]
pub struct Records {
    front: Front,
    /// The first bytes of a character whose others are in the next chunk.
    cut_character: Vec<u8>,
    kept_back: KeptBack,
    ready: VecDeque<Segment>,
    /// How much of the first ready segment has been read.
    read: usize,
    parser: CsvParser,
    lines_passed_over: usize,
    end: End,
    failure: Option<ReadError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotInSight,
    Announced,
    Reached,
}

impl Default for Records {
    fn default() -> Self {
        Self::new()
    }
}

impl Records {
    /// Creates a reader of CSV.
    pub fn new() -> Self {
        Self::separated_by(b',')
    }

    pub(super) fn separated_by(separator: u8) -> Self {
        Self {
            front: Front::KnownSpace,
            cut_character: Vec::new(),
            kept_back: KeptBack::default(),
            ready: VecDeque::new(),
            read: 0,
            parser: CsvParser::separated_by(separator),
            lines_passed_over: 0,
            end: End::NotInSight,
            failure: None,
        }
    }

    /// Adds the next part of the file. Fails where it is not UTF-8; records before that can still be taken.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ReadError> {
        let rest = self.complete_character(chunk)?;
        let Some(beginning) = rest.utf8_chunks().next() else {
            return Ok(());
        };
        self.push_text(beginning.valid());
        let broken = beginning.invalid();
        // Without `error_len`, more bytes could complete the character; only at the end of a chunk can they still
        // come.
        let is_cut_off = beginning.valid().len() + broken.len() == rest.len()
            && std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none());
        if is_cut_off {
            self.cut_character.extend_from_slice(broken);
        } else if !broken.is_empty() {
            return Err(self.not_utf8());
        }
        Ok(())
    }

    /// Marks the end of the file.
    pub fn finish(&mut self) -> Result<(), ReadError> {
        if !self.cut_character.is_empty() {
            return Err(self.not_utf8());
        }
        if self.end == End::NotInSight {
            self.end = End::Announced;
            self.ready.extend(self.kept_back.release_at_end());
        }
        Ok(())
    }

    /// Counts lines at the front of the file that were left out.
    pub(super) fn skip_lines(&mut self, lines: usize) {
        self.parser.skip_lines(lines);
    }

    /// Returns the next record, or `None` if it is not complete yet or there is none. After an error it returns the
    /// same error again.
    pub fn next_record(&mut self) -> Result<Option<&Record>, ReadError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        match self.read_on() {
            Ok(true) => Ok(Some(self.parser.record())),
            Ok(false) => Ok(None),
            Err(failure) => Err(self.failure.insert(failure).clone()),
        }
    }

    /// Returns the next record with [`lines_before_header`](Self::lines_before_header).
    pub(super) fn next_numbered(&mut self) -> Result<Option<(&Record, usize)>, ReadError> {
        let lines = self.lines_passed_over;
        Ok(self.next_record()?.map(|record| (record, lines)))
    }

    /// Returns what is wrong with the quotation marks of the file, once all records were taken: a cell may hold other
    /// recipients' data.
    pub(super) fn quote_problems(&self) -> impl Iterator<Item = String> + use<> {
        let left_open = self.parser.left_open();
        let left_open =
            left_open.map(|line| format!("a quotation mark is left open in line {line}"));
        let escaped = self.parser.backslash_line().map(|line| {
            format!(
                "a quotation mark in line {line} is escaped with a backslash: write \"\" in the place of \\\""
            )
        });
        left_open.into_iter().chain(escaped)
    }

    /// Returns how many blank lines stand before the header; a person counts them when looking for a row.
    pub fn lines_before_header(&self) -> usize {
        self.lines_passed_over
    }

    /// Reads to the end of the next record. Returns whether there is one.
    fn read_on(&mut self) -> Result<bool, ReadError> {
        while let Some(segment) = self.ready.front_mut() {
            let (taken, is_complete) = self.parser.read(&segment.text[self.read..])?;
            self.read += taken;
            if self.read == segment.text.len() {
                self.read = 0;
                // A run of equal blank lines is one segment, which is read as often as it occurs.
                segment.times -= 1;
                if segment.times == 0 {
                    self.ready.pop_front();
                }
            }
            if is_complete {
                return Ok(true);
            }
        }
        if self.end == End::Announced {
            self.end = End::Reached;
            return self.parser.finish();
        }
        Ok(false)
    }

    fn push_text(&mut self, text: &str) {
        let inside = self.front.strip(text);
        let line_ends =
            memchr::memchr_iter(b'\n', &text.as_bytes()[..text.len() - inside.len()]).count();
        self.lines_passed_over += line_ends;
        self.parser.skip_lines(line_ends);

        let (certain, blank) = KeptBack::split(inside);
        if !certain.is_empty() {
            self.ready.extend(self.kept_back.release());
            self.ready.push_back(Segment::once(certain));
        }
        self.kept_back.push(blank);
    }

    /// Completes a character that was cut between chunks. Returns what of the chunk is left after it.
    fn complete_character<'chunk>(
        &mut self,
        chunk: &'chunk [u8],
    ) -> Result<&'chunk [u8], ReadError> {
        let mut rest = chunk;
        while let (Some(&first), [next, after @ ..]) = (self.cut_character.first(), rest) {
            self.cut_character.push(*next);
            rest = after;
            if self.cut_character.len() < utf8_length(first) {
                continue;
            }
            let character = std::mem::take(&mut self.cut_character);
            match std::str::from_utf8(&character) {
                Ok(character) => self.push_text(character),
                Err(_) => return Err(self.not_utf8()),
            }
        }
        Ok(rest)
    }

    fn not_utf8(&self) -> ReadError {
        let ready: usize = self.ready.iter().map(Segment::line_ends).sum();
        let read = self
            .ready
            .front()
            .map_or(0, |segment| segment.line_ends_before(self.read));
        // The parser is behind: the lines that wait for it stand before the fault as well.
        let line = self.parser.line() + ready - read + self.kept_back.line_ends();
        let problem =
            "there are characters that are not UTF-8. Save the file again as “CSV UTF-8”.";
        ReadError::on_line(line, problem)
    }
}

/// Returns how many bytes a character has that begins with this one.
fn utf8_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        // No other byte begins a character that can be cut.
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<Vec<String>>, ReadError> {
        let mut records = Records::new();
        let mut all = Vec::new();
        let mut take = |records: &mut Records| -> Result<(), ReadError> {
            while let Some(record) = records.next_record()? {
                all.push(record.fields().map(str::to_owned).collect());
            }
            Ok(())
        };
        for chunk in chunks {
            records.push(chunk)?;
            take(&mut records)?;
        }
        records.finish()?;
        take(&mut records)?;
        Ok(all)
    }

    #[test]
    fn nothing_but_space_and_commas_has_no_records() {
        for text in ["", "\u{FEFF}", " \n,,\n\u{200B},", "\u{1C}\u{85}"] {
            assert_eq!(
                read(&[text.as_bytes()]).unwrap(),
                Vec::<Vec<String>>::new(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn blank_lines_are_records_unless_they_end_the_file() {
        let blanks = ",,\r\n".repeat(3);
        let text = format!("a,b\n1,2\n{blanks}3,4,\n{blanks}");
        let all = read(&[text.as_bytes()]).unwrap();
        assert_eq!(
            all,
            [
                vec!["a", "b"],
                vec!["1", "2"],
                vec!["", "", ""],
                vec!["", "", ""],
                vec!["", "", ""],
                vec!["3", "4"]
            ]
        );
    }

    #[test]
    fn a_million_blank_lines_are_kept_as_one() {
        let mut records = Records::new();
        records.push(b"a\n").unwrap();
        for _ in 0..1000 {
            records.push(",\n".repeat(1000).as_bytes()).unwrap();
        }
        assert_eq!(records.ready.len(), 1);
        records.push(b"b").unwrap();
        assert_eq!(records.ready.len(), 4);
        let mut count = 0;
        while records.next_record().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 1_000_001);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_line() {
        for chunks in [
            &[&b"\na\nb\nc\xE9d"[..]][..],
            &[b"\na\nb", b"\nc\xE9", b"d"],
            &[b"\na\n", b"b\n\xE9"],
        ] {
            assert_eq!(read(chunks).unwrap_err().line(), Some(4), "{chunks:?}");
        }
    }

    #[test]
    fn a_reader_that_failed_stays_so() {
        let mut records = Records::new();
        records.push(b"a\rb\nc\nd").unwrap();
        let failure = records.next_record().unwrap_err();
        assert_eq!(records.next_record().unwrap_err(), failure);
    }

    proptest! {
        #[test]
        fn where_the_file_is_cut_makes_no_difference(
            text in "[a,\"\n\r \t\u{200B}\u{1C}\u{85}\u{A0}é😀]{0,40}",
            cuts in proptest::collection::vec(0_usize..80, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&chunks), read(&[bytes]));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&[&bytes]);
        }
    }
}
