//! Lists (`docs/spec/templates.md` §7.2).

use std::borrow::Cow;

use super::{Block, Found, Source};
use crate::markdown::lines::{line_end, skip_line_feeds, skip_spaces, trailing_whitespace};
use text::characters::is_digit;

/// The lines of a list.
#[derive(Debug, Clone, Copy)]
pub(in crate::markdown) struct List<'text> {
    pub(in crate::markdown) text: &'text str,
    pub(in crate::markdown) is_ordered: bool,
}

/// A list item.
#[derive(Debug)]
pub(in crate::markdown) struct Item<'text> {
    /// Text without the bullet and without the item's indent.
    pub(in crate::markdown) text: Cow<'text, str>,
    /// Whether the item's texts are not wrapped in paragraphs.
    pub(in crate::markdown) is_tight: bool,
}

impl<'text> Source<'text> {
    pub(super) fn list(&self, at: usize) -> Found<'text> {
        let bullet = skip_spaces(self.text, at);
        let after_bullet = bullet_end(self.text, bullet)?;
        // The first character belongs to the list whatever it is.
        let first = self.text[after_bullet..].chars().next()?;
        let indent = &self.text[at..bullet];
        let end = self.list_end(after_bullet + first.len_utf8(), indent);
        let list = List {
            text: &self.text[at..end],
            is_ordered: self.byte(after_bullet - 1) == Some(b'.'),
        };
        Some((Block::List(list), end))
    }

    fn list_end(&self, from: usize, indent: &str) -> usize {
        let mut at = from;
        loop {
            let line_feeds = line_end(self.text, at);
            if line_feeds == self.text.len() || line_feeds > self.trailing_whitespace.max(from) {
                return self.text.len();
            }
            let next = skip_line_feeds(self.text, line_feeds);
            if self.ends_list(next, next - line_feeds, indent) {
                return next;
            }
            at = next;
        }
    }

    /// Returns whether a list ends before the line that begins at `at`, after this many line feeds.
    fn ends_list(&self, at: usize, line_feeds: usize, indent: &str) -> bool {
        if self.begins_rule(at, indent)
            || self.link_definition(at).is_some()
            || self.footnote_text(at).is_some()
        {
            return true;
        }
        match line_feeds {
            1 => false,
            // One empty line is within a list if the next line is indented or is another item.
            2 => self.byte(at) != Some(b' ') && !self.begins_spaced_item(at, indent),
            _ => true,
        }
    }

    fn begins_rule(&self, at: usize, indent: &str) -> bool {
        let after_indent = self.text[at..]
            .starts_with(indent)
            .then(|| at + indent.len());
        after_indent
            .into_iter()
            .chain([at])
            .any(|start| self.unindented_rule(start).is_some())
    }

    fn begins_spaced_item(&self, at: usize, indent: &str) -> bool {
        self.text[at..].starts_with(indent)
            && bullet_end(self.text, at + indent.len())
                .is_some_and(|end| self.byte(end) == Some(b' '))
    }
}

/// Returns the position after a bullet: `•`, `*`, `-`, or digits and a dot.
fn bullet_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    // No space is required after it: `*emphasis*` at the start of a block is a list.
    if matches!(first, '•' | '*' | '-') {
        return Some(at + first.len_utf8());
    }
    number_end(text, at)
}

/// Returns the position after digits and a dot.
pub(super) fn number_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let length = rest.find(|character| !is_digit(character))?;
    (length > 0 && rest[length..].starts_with('.')).then_some(at + length + 1)
}

impl<'text> List<'text> {
    /// Iterates over the items.
    pub(in crate::markdown) fn items(self) -> impl Iterator<Item = Item<'text>> {
        let indent = &self.text[..skip_spaces(self.text, 0)];
        let mut start = 0;
        let mut last_ended_with_gap = false;
        std::iter::from_fn(move || {
            if start >= self.text.len() {
                return None;
            }
            let (end, next) = item_end(self.text, start, indent);
            let text = outdented(&self.text[start..end]);
            let is_last = next == self.text.len();
            start = next;
            let ends_with_gap = !is_last && text.ends_with('\n');
            let is_loose = last_ended_with_gap || has_gap(&text) || ends_with_gap;
            if !is_last && !text.is_empty() {
                last_ended_with_gap = ends_with_gap;
            }
            Some(Item {
                text,
                is_tight: !is_loose,
            })
        })
    }
}

/// Returns where an item ends and the next one begins: at the next line with the list's indent and a bullet. The line
/// feed before that line belongs to neither.
fn item_end(list: &str, start: usize, indent: &str) -> (usize, usize) {
    let mut at = start;
    loop {
        let end = line_end(list, at);
        if end == list.len() {
            return (end, end);
        }
        at = end + 1;
        if list[at..].starts_with(indent) && bullet_end(list, at + indent.len()).is_some() {
            return (end, at);
        }
    }
}

/// Removes the bullet and, where lines are indented, up to the same indent from each line.
fn outdented(item: &str) -> Cow<'_, str> {
    let bullet = skip_spaces(item, 0);
    let start = bullet_end(item, bullet).unwrap_or(bullet);
    let most = item[..start].chars().count();
    let item = &item[start..];
    // Most items have one line: nothing is copied.
    if !item.contains("\n ") {
        return Cow::Borrowed(item);
    }
    let mut outdented = String::with_capacity(item.len());
    for line in item.split_inclusive('\n') {
        let spaces = skip_spaces(line, 0).min(most);
        outdented.push_str(&line[spaces..]);
    }
    Cow::Owned(outdented)
}

/// Returns whether the item has an empty line with text after it.
fn has_gap(item: &str) -> bool {
    item[..trailing_whitespace(item)].contains("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<(&str, Vec<(String, bool)>)> {
        let (Block::List(list), _) = Source::new(text).list(0)? else {
            return None;
        };
        let items = list
            .items()
            .map(|item| (item.text.into_owned(), item.is_tight));
        Some((list.text, items.collect()))
    }

    fn items(text: &str) -> Vec<(String, bool)> {
        list(text).expect("a list").1
    }

    #[test]
    fn a_list_ends_where_something_else_begins() {
        for (text, end) in [
            ("* a\n* b", "* a\n* b"),
            ("* a\nlazy\n\nb", "* a\nlazy\n\n"),
            ("* a\n\n* b\n\n*c", "* a\n\n* b\n\n"),
            ("* a\n\n b", "* a\n\n b"),
            ("* a\n\n\n* b", "* a\n\n\n"),
            ("* a\n---\nb", "* a\n"),
            ("  * a\n  ***\nb", "  * a\n"),
            ("* a\n[x]: y\nb", "* a\n"),
            ("* a\n[^x]: y", "* a\n"),
            ("1.a\n2.b", "1.a\n2.b"),
            ("*\n\nb", "*\n\nb"),
        ] {
            assert_eq!(list(text).expect("a list").0, end, "{text:?}");
        }
        assert!(list("*").is_none());
        assert!(list("1 a").is_none());
    }

    #[test]
    fn items_are_loose_with_a_gap_in_or_after_them() {
        let (tight, loose) = (true, false);
        let owned = |items: &[(&str, bool)]| -> Vec<(String, bool)> {
            items
                .iter()
                .map(|&(text, is_tight)| (text.to_owned(), is_tight))
                .collect()
        };
        for (text, expected) in [
            ("* a\n* b", &[(" a", tight), (" b", tight)][..]),
            (
                "* a\n\n* b\n* c",
                &[(" a\n", loose), (" b", loose), (" c", tight)],
            ),
            ("*a\n  b\n *c\n*d", &[("a\n b\n*c", tight), ("d", tight)]),
            ("* a\n\n  b", &[("a\n\n b", loose)]),
            ("  - a\n- b\n  - c", &[(" a\n- b", tight), (" c", tight)]),
        ] {
            assert_eq!(items(text), owned(expected), "{text:?}");
        }
    }
}
