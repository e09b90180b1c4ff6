//! Breaks text into lines: at spaces and between ideographs, and inside a word only if the word alone is longer than a line.

use std::{collections::BTreeSet, ops::Range};

use unicode_bidi::Level;
use unicode_normalization::char::is_combining_mark;

use crate::{
    bidi::{self, Direction},
    blocks::TextSpan,
    east_asian::may_break_between,
    fonts::{Run, replace_unprintable, split_by_font},
};

/// A line of text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    /// In the order in which they are read.
    pub(crate) runs: Vec<Run>,
}

impl Line {
    /// Returns the runs in the order in which they are read, each with the distance of its left end from that of the line,
    /// as a multiple of the font size.
    pub(crate) fn runs_with_places(&self) -> Vec<(&Run, f32)> {
        let levels: Vec<Level> = self.runs.iter().map(|run| run.level).collect();
        let mut placed: Vec<(&Run, f32)> = self.runs.iter().map(|run| (run, 0.0)).collect();
        let mut x = 0.0;
        for index in bidi::visual_order(&levels) {
            placed[index].1 = x;
            x += self.runs[index].width();
        }
        placed
    }

    /// Returns the text in the order in which it is read.
    pub(crate) fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }

    pub(crate) fn width(&self) -> f32 {
        self.runs.iter().map(Run::width).sum()
    }

    /// Returns the width without the spaces at the end, which may extend into the margin.
    pub(crate) fn visible_width(&self) -> f32 {
        visible_width(&self.runs)
    }
}

/// The result of [`break_lines`].
#[derive(Debug)]
pub(crate) struct BrokenText {
    pub(crate) lines: Vec<Line>,
    pub(crate) direction: Direction,
    /// Characters that were replaced because they cannot be printed.
    pub(crate) unprintable: BTreeSet<char>,
}

/// Breaks a text into lines of at most `max_width`, a multiple of the font size. With `bold`, every span is bold.
///
/// A text without letters, such as a number, has the direction `around` of what it stands in.
pub(crate) fn break_lines(
    spans: &[TextSpan],
    max_width: f32,
    bold: bool,
    around: Direction,
) -> BrokenText {
    let text = MeasuredText::new(spans, bold, around);
    let mut breaker = LineBreaker {
        max_width,
        base: text.direction.level(),
        lines: Vec::new(),
        line: Line::default(),
        line_width: 0.0,
        word: Vec::new(),
    };
    for (range, bold) in &text.weights {
        breaker.add_span(&text, range.clone(), *bold);
    }
    BrokenText {
        lines: breaker.finish(),
        direction: text.direction,
        unprintable: text.unprintable,
    }
}

/// The text of all spans with what is known of its parts.
struct MeasuredText {
    text: String,
    weights: Vec<(Range<usize>, bool)>,
    direction: Direction,
    /// One for each byte; `None` if all text goes from left to right.
    levels: Option<Vec<Level>>,
    unprintable: BTreeSet<char>,
}

impl MeasuredText {
    fn new(spans: &[TextSpan], bold: bool, around: Direction) -> Self {
        let mut text = String::new();
        let mut weights = Vec::with_capacity(spans.len());
        let mut unprintable = BTreeSet::new();
        for span in spans {
            let (printable, replaced) = replace_unprintable(&span.text);
            unprintable.extend(replaced);
            let start = text.len();
            text.push_str(&printable);
            weights.push((start..text.len(), bold || span.bold));
        }
        // Levels are found for the whole text: a bold word changes nothing about the direction of what is around it.
        let direction = bidi::direction_of(&text).unwrap_or(around);
        Self {
            levels: bidi::levels(&text, direction),
            text,
            weights,
            direction,
            unprintable,
        }
    }

    /// Returns the parts of a range that have one level each. Direction marks are left out: they have done their work.
    fn level_runs(&self, range: Range<usize>) -> Vec<(String, Level)> {
        let text = &self.text[range.clone()];
        let Some(levels) = &self.levels else {
            return vec![(text.to_owned(), Level::ltr())];
        };
        let mut runs: Vec<(String, Level)> = Vec::new();
        for (index, character) in text.char_indices() {
            let level = levels[range.start + index];
            match runs.last_mut() {
                _ if bidi::is_direction_mark(character) => {}
                Some((run, of_run)) if *of_run == level => run.push(character),
                _ => runs.push((character.to_string(), level)),
            }
        }
        runs
    }
}

struct LineBreaker {
    max_width: f32,
    /// The level of the paragraph.
    base: Level,
    lines: Vec<Line>,
    line: Line,
    line_width: f32,
    /// The current word with the spaces after it: several runs if its weight, font or direction changes.
    word: Vec<Run>,
}

impl LineBreaker {
    fn add_span(&mut self, text: &MeasuredText, span: Range<usize>, bold: bool) {
        let mut start = span.start;
        while start < span.end {
            let (length, ends) = next_piece(&text.text[start..span.end]);
            let piece = start..start + length;
            start = piece.end;
            let is_line_end = text.text[piece.clone()].ends_with('\n');
            let words = piece.start..piece.end - usize::from(is_line_end);
            for (part, level) in text.level_runs(words) {
                for (part, font) in split_by_font(&part, bold) {
                    let segments = shaping_segments(part);
                    self.word
                        .extend(segments.map(|segment| Run::shape(segment, font, level)));
                }
            }
            if ends {
                self.end_word();
            }
            if is_line_end {
                self.end_line();
            }
        }
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let visible = visible_width(&word);
        if self.line_width > 0.0 && self.line_width + visible > self.max_width {
            self.end_line();
        }
        for run in word {
            self.place_run(run);
        }
    }

    /// Places part of a word on the line, and what does not fit on the following lines.
    fn place_run(&mut self, run: Run) {
        let mut rest = Some(run);
        while let Some(run) = rest {
            let room = self.max_width - self.line_width;
            if visible_width(std::slice::from_ref(&run)) <= room {
                rest = None;
                self.append_run(run);
            } else if self.line_width > 0.0 && room < run.first_advance() {
                self.end_line();
                rest = Some(run);
            } else {
                let (kept, after) = run.split_to_fit(room);
                self.append_run(kept);
                if after.is_some() {
                    self.end_line();
                }
                rest = after;
            }
        }
    }

    /// Appends to the last run if font and direction are the same, so that a line has few runs.
    fn append_run(&mut self, run: Run) {
        self.line_width += run.width();
        match self.line.runs.last_mut() {
            Some(last) if last.font == run.font && last.level == run.level => last.append(run),
            _ => self.line.runs.push(run),
        }
    }

    fn end_line(&mut self) {
        self.line_width = 0.0;
        let mut line = std::mem::take(&mut self.line);
        move_last_space_to_the_end(&mut line, self.base);
        self.lines.push(line);
    }

    fn finish(mut self) -> Vec<Line> {
        self.end_word();
        if !self.line.runs.is_empty() {
            self.end_line();
        }
        self.lines
    }
}

/// Gives the space at the end of a line the level of the paragraph (rule L1), so that it stands at the end of the line even
/// after a word of the other direction, where it would indent that word.
fn move_last_space_to_the_end(line: &mut Line, base: Level) {
    let Some(last) = line.runs.last() else { return };
    let visible = last.text.trim_end_matches(' ').len();
    if last.level == base || visible == last.text.len() {
        return;
    }
    let space = Run::shape(&last.text[visible..], last.font, base);
    let (words, _) = last.split_at(visible);
    line.runs.pop();
    line.runs.extend(
        [words, space]
            .into_iter()
            .filter(|run| !run.text.is_empty()),
    );
}

/// Returns the length of the text up to where a line may be broken, and whether there is such a place before its end.
fn next_piece(text: &str) -> (usize, bool) {
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let end = index + character.len_utf8();
        let next = characters.peek().map(|(_, next)| *next);
        if matches!(character, ' ' | '\n')
            || next.is_some_and(|next| may_break_between(character, next))
        {
            return (end, true);
        }
    }
    (text.len(), false)
}

/// Splits a long word into segments that are shaped separately.
fn shaping_segments(word: &str) -> impl Iterator<Item = &str> {
    // The remainder of a segment is shaped again for every line that it covers, which would take quadratic time if a long
    // word were one segment.
    const SEGMENT_CHARS: usize = 1000;
    // A mark or the second half of a joined pair must be shaped with what stands before it. In a word of a thousand
    // characters, a letter of Arabic or of India that is not joined to the one before is the lesser evil.
    let continues = |c: char| is_combining_mark(c) || crate::glyph_cleanup::is_joiner(c);
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut later = rest.char_indices().skip(SEGMENT_CHARS);
        let end = later
            .find(|(_, c)| !continues(*c))
            .map_or(rest.len(), |(index, _)| index);
        let (segment, after) = rest.split_at(end);
        rest = after;
        (!segment.is_empty()).then_some(segment)
    })
}

/// Returns the width without the spaces at the end.
fn visible_width(word: &[Run]) -> f32 {
    let all: f32 = word.iter().map(Run::width).sum();
    let spaces = word.last().map_or(0.0, |run| {
        run.width_from(run.text.trim_end_matches(' ').len())
    });
    all - spaces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bidi::Direction::LeftToRight, glyph_cleanup::clean_line};

    fn broken(text: &str, width: f32) -> BrokenText {
        break_lines(&clean_line(text, false), width, false, LeftToRight)
    }

    fn lines(text: &str, width: f32) -> Vec<String> {
        broken(text, width).lines.iter().map(Line::text).collect()
    }

    /// The text of each glyph of the first line, from left to right.
    fn placed(text: &str) -> String {
        let broken = broken(text, f32::INFINITY);
        let mut shown = String::new();
        for run in from_left(&broken.lines[0]) {
            for glyph in &run.glyphs {
                shown += &run.text[glyph.text_range.clone()];
            }
        }
        shown
    }

    fn from_left(line: &Line) -> Vec<&Run> {
        let mut placed = line.runs_with_places();
        placed.sort_by(|one, other| one.1.total_cmp(&other.1));
        placed.into_iter().map(|(run, _)| run).collect()
    }

    #[test]
    fn lines_break_at_spaces_and_line_breaks() {
        assert_eq!(lines("aa bb cc", 3.0), ["aa bb ", "cc"]);
        assert_eq!(lines("aa\u{2028}\u{2028}bb", 9.0), ["aa", "", "bb"]);
        assert_eq!(lines("", 9.0), [""; 0]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_split() {
        assert_eq!(lines("x aaaaaaaaaa b", 3.0), ["x ", "aaaaa", "aaaaa ", "b"]);
        assert_eq!(lines("aaa", 0.1), ["a", "a", "a"]);
    }

    #[test]
    fn a_very_long_word_fills_its_lines() {
        let long = "a".repeat(2500);
        let split = lines(&long, 3.0);
        assert!(split.iter().all(|line| line == "aaaaa"), "{split:?}");
        assert_eq!(split.concat(), long);
        let marked = "x\u{301}".repeat(1500);
        assert_eq!(lines(&marked, 3.0).concat(), marked);
        assert_eq!(
            shaping_segments(&marked).map(str::len).sum::<usize>(),
            marked.len()
        );
        assert!(shaping_segments(&marked).all(|segment| segment.starts_with('x')));
    }

    #[test]
    fn a_word_that_changes_its_weight_is_not_broken() {
        let span = |text: &str, bold| TextSpan {
            text: text.to_owned(),
            bold,
        };
        let text = [span("aaaa (", false), span("bbbb", true), span(").", false)];
        let broken = break_lines(&text, 4.4, false, LeftToRight);
        assert_eq!(broken.lines.len(), 2);
        assert_eq!(broken.lines[1].runs.len(), 3);
    }

    #[test]
    fn hebrew_with_numbers_and_english_is_placed_by_the_bidirectional_algorithm() {
        for (read, expected) in [
            ("שלום 123", "123 םולש"),
            ("Dear שלום עולם, hello", "Dear םלוע םולש, hello"),
            // The number belongs to the name before it, and so do its brackets.
            ("שלום Ada Lovelace (12)", "Ada Lovelace (12) םולש"),
            // Brackets around Hebrew are drawn mirrored.
            ("(שלום)", ")םולש("),
            // Numbers keep their order with their signs and in groups; words beside them keep their places.
            ("המחיר £12.50, 10-12", "10-12 ,£12.50 ריחמה"),
            ("טלפון 01632 960 002.", ".01632 960 002 ןופלט"),
            ("call 01632 960 002 שלום", "call 01632 960 002 םולש"),
            ("שלום RV1 2AB 3 4", "RV1 2AB 3 4 םולש"),
            ("אל 81-22-7719", "81-22-7719 לא"),
            ("שלום.", ".םולש"),
            ("\u{200f}1.", ".1"),
            ("a\u{200e}b", "ab"),
        ] {
            assert_eq!(placed(read), expected, "{read:?}");
        }
    }

    #[test]
    fn arabic_digits_stand_in_their_own_order() {
        assert_eq!(placed("رقم ۱۲۳"), "۱۲۳ مقر");
        assert_eq!(placed("رقم 81-22-7719"), "81-22-7719 مقر");
        assert_eq!(
            placed("رقم £482.10 01632 960 002"),
            "£482.10 01632 960 002 مقر"
        );
        assert_eq!(broken("رقم", 9.0).direction, Direction::RightToLeft);
        assert_eq!(broken("Dear رقم", 9.0).direction, Direction::LeftToRight);
    }

    #[test]
    fn lines_are_broken_in_the_order_of_reading() {
        assert_eq!(lines("שלום עולם טוב", 3.0), ["שלום ", "עולם ", "טוב"]);
        assert_eq!(lines("שלום hello world", 5.5), ["שלום hello ", "world"]);
    }

    #[test]
    fn the_space_at_the_end_of_a_line_does_not_indent_it() {
        let broken = broken("שלום hello world", 5.5);
        let runs = from_left(&broken.lines[0]);
        let placed: Vec<&str> = runs.iter().map(|run| run.text.as_str()).collect();
        assert_eq!(placed, [" ", "hello", "שלום "]);
        assert_eq!(broken.lines[0].text(), "שלום hello ");
    }

    #[test]
    fn chinese_is_broken_between_characters_but_not_before_a_full_stop() {
        assert_eq!(lines("市议会市议会", 3.0), ["市议会", "市议会"]);
        assert_eq!(lines("市议会。市议", 3.0), ["市议", "会。市", "议"]);
        assert_eq!(lines("市（议会）", 2.0), ["市", "（议", "会）"]);
        assert_eq!(lines("A123市", 2.4), ["A123", "市"]);
    }
}
