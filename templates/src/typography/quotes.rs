//! Finds the parts of a text whose quotes are curled: text between tags, outside code and scripts
//! (`docs/spec/templates.md` §6.2).

use std::{borrow::Cow, ops::Range};

use super::quote_rules::{curl, may_need_curling};
use text::is_any_space;

/// Elements whose content is left unchanged. A tag matches the first of these names that is a prefix of its name, so
/// `<abbr>` counts as `a`.
const SKIPPED_ELEMENTS: [&str; 9] = [
    "pre", "samp", "code", "tt", "kbd", "script", "style", "math", "a",
];

/// Replaces straight quotes by curly ones, depending on the characters around them; leaves tags and the content of
/// code unchanged.
///
/// A backslash before one of `` \ " ' . - ` `` turns both into a numeric reference, which protects a quote.
pub fn make_quotes_smart(text: &str) -> Cow<'_, str> {
    if !may_need_curling(text) {
        return Cow::Borrowed(text);
    }
    let mut smart = String::with_capacity(text.len() + 16);
    let mut skipping = Skipping::default();
    let mut previous = None;
    for token in Tokens::of(text) {
        match token {
            Token::Tag(tag) => {
                skipping.pass(tag);
                smart.push_str(tag);
            }
            Token::Text(text) => {
                if skipping.is_on || !may_need_curling(text) {
                    smart.push_str(text);
                } else {
                    curl(text, previous, &mut smart);
                }
                // Tags do not count: a quote after one is judged by the text before it.
                previous = text.chars().next_back();
            }
        }
    }
    Cow::Owned(smart)
}

/// Tracks whether the current position is inside an element whose content is left unchanged.
#[derive(Default)]
struct Skipping {
    open: Vec<&'static str>,
    is_on: bool,
}

impl Skipping {
    fn pass(&mut self, tag: &str) {
        let body = &tag[1..];
        if let Some(closing) = body.strip_prefix('/') {
            if let Some(name) = skipped_element(closing) {
                self.leave(name);
            }
        } else if let Some(name) = skipped_element(body) {
            self.open.push(name);
            self.is_on = true;
        }
    }

    fn leave(&mut self, name: &str) {
        // A closing tag that does not fit ends nothing, as in the reference.
        self.open.pop_if(|innermost| *innermost == name);
        self.is_on &= !self.open.is_empty();
    }
}

fn skipped_element(tag_body: &str) -> Option<&'static str> {
    SKIPPED_ELEMENTS.into_iter().find(|name| {
        let mut characters = tag_body.chars();
        name.chars().all(|expected| {
            characters
                .next()
                .is_some_and(|found| is_same_letter(found, expected))
        })
    })
}

/// Compares ignoring case, by which the long s, the Kelvin sign and the dotless i are letters too.
fn is_same_letter(found: char, expected: char) -> bool {
    found.eq_ignore_ascii_case(&expected)
        || matches!(
            (found, expected),
            ('ſ', 's') | ('\u{212A}', 'k') | ('ı' | 'İ', 'i')
        )
}

enum Token<'text> {
    Tag(&'text str),
    Text(&'text str),
}

/// Iterator over the tags of a text and the text between them.
struct Tokens<'text> {
    text: &'text str,
    at: usize,
    comment_ends: CommentEnds<'text>,
}

impl<'text> Tokens<'text> {
    fn of(text: &'text str) -> Self {
        Self {
            text,
            at: 0,
            comment_ends: CommentEnds {
                text,
                next: Some(0..0),
            },
        }
    }

    /// Returns the end of the comment or tag at `start`. Without one, there is no further tag.
    fn tag_end(&mut self, start: usize) -> Option<usize> {
        if self.text[start..].starts_with("<!--")
            && let Some(end) = self.comment_ends.after(start + "<!--".len())
        {
            return Some(end);
        }
        self.text[start..]
            .find('>')
            .map(|length| start + length + 1)
    }
}

impl<'text> Iterator for Tokens<'text> {
    type Item = Token<'text>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let start = self.at + rest.find('<').unwrap_or(rest.len());
        let end = if start < self.text.len() {
            self.tag_end(start)
        } else {
            None
        };
        let Some(end) = end else {
            self.at = self.text.len();
            return Some(Token::Text(rest));
        };
        if start > self.at {
            let text = &self.text[self.at..start];
            self.at = start;
            return Some(Token::Text(text));
        }
        self.at = end;
        let tag = &self.text[start..end];
        Some(if is_broken_comment(tag) {
            Token::Text(tag)
        } else {
            Token::Tag(tag)
        })
    }
}

/// Returns whether this is a comment with `--` inside, which counts as text.
fn is_broken_comment(tag: &str) -> bool {
    tag.strip_prefix("<!--").is_some_and(|inside| {
        inside
            .trim_end_matches('>')
            .trim_end_matches(is_any_space)
            .trim_end_matches('-')
            .contains("--")
    })
}

/// Ends of comments, searched from left to right, each once.
struct CommentEnds<'text> {
    text: &'text str,
    /// The next `--`, whitespace and `>` not passed yet; `None` if there are no more.
    next: Option<Range<usize>>,
}

impl CommentEnds<'_> {
    /// Returns the end of the first one at or after `place`, which must not decrease between calls.
    fn after(&mut self, place: usize) -> Option<usize> {
        while self.next.as_ref()?.start < place {
            let from = self.next.as_ref()?.start.max(place - 1) + 1;
            self.next = self.find(from);
        }
        self.next.as_ref().map(|end| end.end)
    }

    fn find(&self, mut from: usize) -> Option<Range<usize>> {
        loop {
            let start = from + self.text[from..].find("--")?;
            let after = self.text[start + 2..].trim_start_matches(is_any_space);
            if after.starts_with('>') {
                return Some(start..self.text.len() - after.len() + 1);
            }
            // By one hyphen: in `--->` the end begins at the second.
            from = start + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_skipped_elements_stay() {
        for (text, smart) in [
            ("<p class='x'>\"a\"</p>", "<p class='x'>“a”</p>"),
            (
                "<a href=\"x\">\"a\"</a> \"b\"",
                "<a href=\"x\">\"a\"</a> “b”",
            ),
            ("<abbr>'a'</ABBR>'b'", "<abbr>'a'</ABBR>‘b’"),
            (
                "<pre><code>'a'</pre>'b'</code></pre>'c'",
                "<pre><code>'a'</pre>'b'</code></pre>‘c’",
            ),
            ("</pre>'a'", "</pre>‘a’"),
            ("<p>'a' < 'b'", "<p>‘a’ < ‘b’"),
            ("<ſcript>'a'", "<ſcript>'a'"),
        ] {
            assert_eq!(make_quotes_smart(text), smart, "{text}");
        }
    }

    #[test]
    fn a_comment_is_a_tag_unless_it_is_broken() {
        for (text, smart) in [
            ("<!-- 'a' > 'b' --  >'c'", "<!-- 'a' > 'b' --  >‘c’"),
            ("<!-- 'a' -- 'b' -->'c'", "<!-- ‘a’ – ‘b’ -->‘c’"),
            ("<!-- 'a' > 'b'", "<!-- 'a' > ‘b’"),
            ("<!--> 'a' -->", "<!--> 'a' -->"),
        ] {
            let smart = smart.replace('–', "--");
            assert_eq!(make_quotes_smart(text), smart, "{text}");
        }
    }

    #[test]
    fn a_lone_quote_looks_at_the_text_before_the_tag() {
        assert_eq!(make_quotes_smart("a<b>'</b>"), "a<b>’</b>");
        assert_eq!(make_quotes_smart("a <b>\"</b>"), "a <b>“</b>");
        assert_eq!(make_quotes_smart("'<b>\"</b>"), "‘<b>”</b>");
    }

    #[test]
    fn many_unfinished_comments_take_no_longer_than_their_length() {
        let text = "<!--x>'".repeat(100_000);
        assert_eq!(make_quotes_smart(&text).len(), text.len() + 2 * 100_000);
    }
}
