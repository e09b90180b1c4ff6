//! HTML: what may stand in it as text, and what a character reference stands for (`docs/spec/templates.md` §4).

mod references;

use std::borrow::Cow;

pub use references::{decode_lenient, decode_strict};

/// What stays as it was typed, each with the mark that stands in its place meanwhile. The marks are part of the rule:
/// a text that holds one itself comes out with the reference instead.
const SET_ASIDE: [(&str, &str); 2] = [("&nbsp;", "👾🐦🥴"), ("&amp;", "➕🐦🥴")];

/// A text as it may stand between HTML tags: `&`, `<` and `>` are escaped, quotes stay.
///
/// References that were already there are decoded first, so `&lt;` and `<` both give `&lt;` and `&copy;` gives `©`.
/// Only `&nbsp;` and `&amp;` stay as they are.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '🥴']) {
        return Cow::Borrowed(text);
    }
    let mut aside = text.to_owned();
    for (reference, mark) in SET_ASIDE {
        aside = replace_all(aside, reference, mark);
    }
    let mut escaped = escape_plainly(&decode_strict(&aside));
    for (reference, mark) in SET_ASIDE {
        escaped = replace_all(escaped, mark, reference);
    }
    Cow::Owned(escaped)
}

/// Whether [`escape`] could change this text at all. Cheap, and sometimes true for a text that stays as it is.
pub fn may_need_escaping(text: &str) -> bool {
    text.contains(['&', '<', '>', '🥴'])
}

fn escape_plainly(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(place) = rest.find(['&', '<', '>']) {
        escaped.push_str(&rest[..place]);
        escaped.push_str(match rest.as_bytes()[place] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            _ => "&gt;",
        });
        rest = &rest[place + 1..];
    }
    escaped.push_str(rest);
    escaped
}

fn replace_all(text: String, from: &str, to: &str) -> String {
    if text.contains(from) {
        text.replace(from, to)
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_already_escaped_is_not_escaped_again() {
        let cases = [
            ("a < b > c & \"d\" 'e'", "a &lt; b &gt; c &amp; \"d\" 'e'"),
            ("&lt;b&gt;", "&lt;b&gt;"),
            ("&copy; &copy", "© &amp;copy"),
            ("&amp;lt;", "&amp;lt;"),
            ("&#38;lt;", "&amp;lt;"),
            ("&nbsp;&nbsp", "&nbsp;&amp;nbsp"),
            ("nothing", "nothing"),
            ("", ""),
        ];
        for (text, escaped) in cases {
            assert_eq!(escape(text), escaped, "{text}");
        }
    }

    #[test]
    fn the_marks_themselves_become_what_they_stand_for() {
        assert_eq!(escape("👾🐦🥴 ➕🐦🥴 🥴"), "&nbsp; &amp; 🥴");
        assert_eq!(escape("&#x1F47E;🐦🥴"), "&nbsp;");
    }
}
