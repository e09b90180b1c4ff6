//! HTML tags inside Markdown (`docs/spec/templates.md` §7.4, NAME and ATTRS).

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
};

use super::ahead::Ahead;
use text::{characters::is_word, is_any_space};

/// Elements that stand in running text: they begin no block.
const INLINE_NAMES: [&str; 33] = [
    "a", "em", "strong", "small", "s", "cite", "q", "dfn", "abbr", "data", "time", "code", "var",
    "samp", "kbd", "sub", "sup", "i", "b", "u", "mark", "ruby", "rt", "rp", "bdi", "bdo", "span",
    "br", "wbr", "ins", "del", "img", "font",
];

/// A step of so many bytes through a tag is remembered.
const STRIDE_BYTES: usize = 64;

/// Where the name of a tag ends that begins here, behind its `<`, if one does.
pub(super) fn name_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let length = rest
        .find(|character| !is_word(character))
        .unwrap_or(rest.len());
    let after = &rest[length..];
    let is_tag = length > 0 && !after.starts_with(":/") && !is_before_at_sign(after);
    is_tag.then_some(at + length)
}

/// The same for an element that can begin a block.
pub(super) fn block_name_end(text: &str, at: usize) -> Option<usize> {
    name_end(text, at).filter(|&end| !INLINE_NAMES.contains(&&text[at..end]))
}

/// Whether an `@` follows behind what is neither word nor whitespace.
fn is_before_at_sign(text: &str) -> bool {
    let stop = |character| character == '@' || is_word(character) || is_any_space(character);
    text.chars().find(|&character| stop(character)) == Some('@')
}

/// The end of an opening tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TagEnd {
    /// The place after `>`.
    pub(super) end: usize,
    pub(super) before: BeforeEnd,
}

/// What stands before the `>` of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeforeEnd {
    /// Its name or an attribute.
    Attribute,
    /// Whitespace.
    Whitespace,
    /// A slash: the element has no content.
    Slash,
}

/// Reads the attributes of tags in one text.
///
/// By the rules a name of an attribute is one letter, so that `class` is five of them, and a value without quotes may end
/// anywhere. All the ways to read a tag are followed at once, as one of ten states. Where its `>` is never depends on the
/// way, as quotes can only stand around values.
#[derive(Debug)]
pub(super) struct Attributes<'text> {
    text: &'text str,
    quotes: [Ahead; 2],
    /// Where the tag ends if it is read on from this place in this state, for some places on the way of what was read.
    known: RefCell<HashMap<(usize, State), Option<TagEnd>>>,
}

/// All that may just have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// The name, or an attribute with a quoted value.
    Whole,
    /// Whitespace, to which no `=` belongs.
    Whitespace,
    /// The letter of an attribute.
    Letter,
    /// Whitespace after such a letter.
    LetterWhitespace,
    /// `=`, perhaps with whitespace after it.
    Equals,
    /// A part of a value without quotes.
    Value,
    /// That, or the letter of a further attribute.
    ValueOrLetter,
    /// A part of a value, or the `=` of a further attribute.
    ValueOrEquals,
    /// Whitespace after a value, or after the `=` of a further attribute.
    WhitespaceOrEquals,
    /// The slash at the end.
    Slash,
}

enum Step {
    To(State),
    Quoted,
    End(BeforeEnd),
    Dead,
}

impl State {
    fn step(self, character: char) -> Step {
        use State::{
            Equals, Letter, LetterWhitespace, Slash, Value, ValueOrEquals, ValueOrLetter,
            Whitespace, WhitespaceOrEquals, Whole,
        };
        let holds_value = matches!(
            self,
            Equals | Value | ValueOrLetter | ValueOrEquals | WhitespaceOrEquals
        );
        match character {
            '>' => self.end(),
            _ if self == Slash => Step::Dead,
            '"' | '\'' if matches!(self, Equals | ValueOrEquals | WhitespaceOrEquals) => {
                Step::Quoted
            }
            '"' | '\'' => Step::Dead,
            '=' => match self {
                Letter | LetterWhitespace => Step::To(Equals),
                ValueOrLetter => Step::To(ValueOrEquals),
                _ if holds_value => Step::To(Value),
                _ => Step::Dead,
            },
            'a'..='z' | 'A'..='Z' | '-' => Step::To(match self {
                Equals => Value,
                _ if holds_value => ValueOrLetter,
                _ => Letter,
            }),
            '/' if !holds_value => Step::To(Slash),
            _ if is_any_space(character) => Step::To(match self {
                Letter | LetterWhitespace | ValueOrLetter => LetterWhitespace,
                Equals => Equals,
                ValueOrEquals | WhitespaceOrEquals => WhitespaceOrEquals,
                Whole | Whitespace | Value | Slash => Whitespace,
            }),
            _ if holds_value => Step::To(Value),
            _ => Step::Dead,
        }
    }

    fn end(self) -> Step {
        match self {
            Self::Equals => Step::Dead,
            Self::Slash => Step::End(BeforeEnd::Slash),
            Self::Whitespace | Self::LetterWhitespace | Self::WhitespaceOrEquals => {
                Step::End(BeforeEnd::Whitespace)
            }
            _ => Step::End(BeforeEnd::Attribute),
        }
    }
}

impl<'text> Attributes<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            quotes: [Ahead::new(text.len()), Ahead::new(text.len())],
            known: RefCell::default(),
        }
    }

    /// Where the tag ends whose name ends here, if it is one.
    pub(super) fn tag_end(&self, name_end: usize) -> Option<TagEnd> {
        let (mut at, mut state) = (name_end, State::Whole);
        let mut passed = Vec::new();
        let mut next_stride = (at / STRIDE_BYTES + 1) * STRIDE_BYTES;
        let outcome = loop {
            if at >= next_stride {
                if let Some(&known) = self.known.borrow().get(&(at, state)) {
                    break known;
                }
                passed.push((at, state));
                next_stride = (at / STRIDE_BYTES + 1) * STRIDE_BYTES;
            }
            let Some(character) = self.text[at..].chars().next() else {
                break None;
            };
            at += character.len_utf8();
            match state.step(character) {
                Step::To(next) => state = next,
                Step::Quoted => {
                    let Some(quote) = self.closing_quote(at, character) else {
                        break None;
                    };
                    (at, state) = (quote + 1, State::Whole);
                }
                Step::End(before) => break Some(TagEnd { end: at, before }),
                Step::Dead => break None,
            }
        };
        let ways = passed.into_iter().map(|way| (way, outcome));
        self.known.borrow_mut().extend(ways);
        outcome
    }

    fn closing_quote(&self, at: usize, quote: char) -> Option<usize> {
        let ahead = &self.quotes[usize::from(quote == '"')];
        ahead.next(at, self.text.len(), |from, to| {
            self.text[from..to].find(quote).map(|place| from + place)
        })
    }
}

/// The closing tags of a text by name, in order, each as far as it serves.
#[derive(Debug)]
pub(super) struct ClosingTags<'text, Sequel> {
    text: &'text str,
    by_name: OnceCell<HashMap<&'text str, Vec<ClosingTag<Sequel>>>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ClosingTag<Sequel> {
    start: usize,
    /// After its `>`.
    pub(super) end: usize,
    /// What is known of what comes after it.
    pub(super) sequel: Sequel,
}

impl<'text, Sequel: Copy> ClosingTags<'text, Sequel> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            by_name: OnceCell::new(),
        }
    }

    /// The first closing tag of this name at or after a place, of those for whose end `sequel` has an answer.
    pub(super) fn next(
        &self,
        name: &str,
        at: usize,
        sequel: impl Fn(usize) -> Option<Sequel>,
    ) -> Option<ClosingTag<Sequel>> {
        let by_name = self.by_name.get_or_init(|| self.find_all(sequel));
        let tags = by_name.get(name)?;
        tags.get(tags.partition_point(|tag| tag.start < at))
            .copied()
    }

    fn find_all(
        &self,
        sequel: impl Fn(usize) -> Option<Sequel>,
    ) -> HashMap<&'text str, Vec<ClosingTag<Sequel>>> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (start, _) in self.text.match_indices("</") {
            let rest = &self.text[start + 2..];
            let length = rest
                .find(|character| !is_word(character))
                .unwrap_or(rest.len());
            let end = start + 2 + length + 1;
            if rest[length..].starts_with('>')
                && let Some(sequel) = sequel(end)
            {
                found
                    .entry(&rest[..length])
                    .or_default()
                    .push(ClosingTag { start, end, sequel });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<(usize, BeforeEnd)> {
        let name = name_end(text, 1)?;
        let tag = Attributes::new(text).tag_end(name)?;
        Some((tag.end, tag.before))
    }

    #[test]
    fn a_name_is_no_part_of_an_address() {
        for (text, expected) in [
            ("<b>", Some(2)),
            ("<http://x>", None),
            ("<x:y>", Some(2)),
            ("<me.@x>", None),
            ("<me.you@x>", Some(3)),
            ("<é½ x>", Some(5)),
            ("<>", None),
        ] {
            assert_eq!(name_end(text, 1), expected, "{text}");
        }
        assert_eq!(block_name_end("span", 0), None);
        assert_eq!(block_name_end("spans", 0), Some(5));
    }

    #[test]
    fn a_tag_ends_at_the_first_angle_outside_quotes() {
        use BeforeEnd::{Attribute, Slash, Whitespace};
        for (text, expected) in [
            ("<a>", Some((3, Attribute))),
            ("<a/>", Some((4, Slash))),
            ("<a  >", Some((5, Whitespace))),
            ("<a class = \"x>y\" id='z'>..>", Some((24, Attribute))),
            ("<a href=x/y>", Some((12, Attribute))),
            ("<a href=x/>", Some((11, Attribute))),
            ("<a h=b=c \"d\">", None),
            ("<a h=bc=\"d>\">", Some((13, Attribute))),
            ("<a h1=x>", None),
            ("<a h=>", None),
            ("<a =b>", None),
            ("<a b=\"c>", None),
            ("<a / >", None),
            ("<a b = c = >", None),
            ("<a b=xc= >", Some((10, Whitespace))),
            ("<a b=xc= 'd>' >", Some((15, Whitespace))),
            ("<a", None),
        ] {
            assert_eq!(end(text), expected, "{text}");
        }
    }

    #[test]
    fn tags_without_an_end_take_time_in_proportion() {
        let text = "<a b=".repeat(100_000) + "x\"";
        let attributes = Attributes::new(&text);
        for start in 0..100_000 {
            assert_eq!(attributes.tag_end(start * 5 + 2), None);
        }
    }
}
