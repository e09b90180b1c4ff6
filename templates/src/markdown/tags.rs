//! HTML tags inside Markdown (`docs/spec/templates.md` §7.4, NAME and ATTRS).

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
};

use super::search_cache::SearchCache;
use text::{characters::is_word, is_any_space};

/// Inline elements, which never begin a block.
const INLINE_NAMES: [&str; 33] = [
    "a", "em", "strong", "small", "s", "cite", "q", "dfn", "abbr", "data", "time", "code", "var",
    "samp", "kbd", "sub", "sup", "i", "b", "u", "mark", "ruby", "rt", "rp", "bdi", "bdo", "span",
    "br", "wbr", "ins", "del", "img", "font",
];

/// Distance between the positions of a tag whose parse results are cached.
const STRIDE_BYTES: usize = 64;

/// Returns where the tag name that begins at `at`, after `<`, ends. Autolinks such as `<http://x>` are no tags.
pub(super) fn name_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let length = rest
        .find(|character| !is_word(character))
        .unwrap_or(rest.len());
    let after = &rest[length..];
    let is_tag = length > 0 && !after.starts_with(":/") && !is_before_at_sign(after);
    is_tag.then_some(at + length)
}

/// Like [`name_end`], but only for elements that can begin a block.
pub(super) fn block_name_end(text: &str, at: usize) -> Option<usize> {
    name_end(text, at).filter(|&end| !INLINE_NAMES.contains(&&text[at..end]))
}

/// Returns whether `@` follows after characters that are neither word characters nor whitespace.
fn is_before_at_sign(text: &str) -> bool {
    let stop = |character| character == '@' || is_word(character) || is_any_space(character);
    text.chars().find(|&character| stop(character)) == Some('@')
}

/// The end of an opening tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TagEnd {
    /// Position after `>`.
    pub(super) end: usize,
    pub(super) before: BeforeEnd,
}

/// What precedes the `>` of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeforeEnd {
    /// The name or an attribute.
    Attribute,
    /// Whitespace.
    Whitespace,
    /// A slash: the element is empty.
    Slash,
}

/// Parses the attributes of tags in one text.
///
/// In the specification's grammar an attribute name is one letter, so `class` counts as five, and an unquoted value
/// may end anywhere. All possible readings are followed at once as one of ten states. The position of `>` does not
/// depend on the reading, because quotes can only surround values.
#[derive(Debug)]
pub(super) struct Attributes<'text> {
    text: &'text str,
    quotes: [SearchCache; 2],
    /// Results of parsing on from a position in a state, cached for one position per [`STRIDE_BYTES`].
    known: RefCell<HashMap<(usize, State), Option<TagEnd>>>,
    /// Characters that were read, for the test of the cost.
    #[cfg(test)]
    steps: std::cell::Cell<usize>,
}

/// Everything that may have been read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// The name, or an attribute with a quoted value.
    Whole,
    /// Whitespace that no `=` may follow.
    Whitespace,
    /// The letter of an attribute.
    Letter,
    /// Whitespace after an attribute's letter.
    LetterWhitespace,
    /// `=` and optional whitespace.
    Equals,
    /// Part of an unquoted value.
    Value,
    /// Part of an unquoted value, or the letter of another attribute.
    ValueOrLetter,
    /// Part of a value, or the `=` of another attribute.
    ValueOrEquals,
    /// Whitespace after a value, or after the `=` of another attribute.
    WhitespaceOrEquals,
    /// The slash before `>`.
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
            quotes: [SearchCache::new(text.len()), SearchCache::new(text.len())],
            known: RefCell::default(),
            #[cfg(test)]
            steps: std::cell::Cell::default(),
        }
    }

    /// Returns the end of the tag whose name ends at `name_end`, or `None` if it is no tag.
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
            #[cfg(test)]
            self.steps.set(self.steps.get() + 1);
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
        // Every position recorded on the way has this outcome, so a later tag that reaches one of them stops there.
        let ways = passed.into_iter().map(|way| (way, outcome));
        self.known.borrow_mut().extend(ways);
        outcome
    }

    fn closing_quote(&self, at: usize, quote: char) -> Option<usize> {
        let cache = &self.quotes[usize::from(quote == '"')];
        cache.next(at, self.text.len(), |from, to| {
            self.text[from..to].find(quote).map(|place| from + place)
        })
    }
}

/// The closing tags of a text by name, in order, filtered by what follows them.
#[derive(Debug)]
pub(super) struct ClosingTags<'text, Sequel> {
    text: &'text str,
    by_name: OnceCell<HashMap<&'text str, Vec<ClosingTag<Sequel>>>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ClosingTag<Sequel> {
    start: usize,
    /// Position after `>`.
    pub(super) end: usize,
    /// What the caller's function returned for the text after the tag.
    pub(super) sequel: Sequel,
}

impl<'text, Sequel: Copy> ClosingTags<'text, Sequel> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            by_name: OnceCell::new(),
        }
    }

    /// Returns the first closing tag of this name at or after `at`, considering only those for which `sequel` returns
    /// a value.
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
    fn tags_without_an_end_are_read_few_times() {
        const TAGS: usize = 10_000;
        let text = "<a b=".repeat(TAGS) + "x\"";
        let attributes = Attributes::new(&text);
        // From the last to the first, as inline text asks for them.
        for start in (0..TAGS).rev() {
            assert_eq!(attributes.tag_end(start * 5 + 2), None);
        }
        let steps = attributes.steps.get();
        assert!(steps <= 3 * STRIDE_BYTES * TAGS, "{steps} steps");
    }
}
