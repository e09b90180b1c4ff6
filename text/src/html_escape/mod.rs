//! Escaping HTML, and decoding character references (`docs/spec/templates.md` §4).

mod references;

use std::borrow::Cow;

pub use references::{decode_lenient, decode_strict};

/// References that stay as typed, each with its temporary replacement. The replacements are part of the contract: a
/// text that contains one gets the reference instead.
const PROTECTED: [(&str, &str); 2] = [("&nbsp;", "👾🐦🥴"), ("&amp;", "➕🐦🥴")];

/// Escapes `&`, `<` and `>` for element content; quotes stay. `&nbsp;` and `&amp;` stay as they are.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '🥴']) {
        return Cow::Borrowed(text);
    }
    let mut aside = text.to_owned();
    for (reference, mark) in PROTECTED {
        aside = replace_all(aside, reference, mark);
    }
    // Decoded first, so that a text that is escaped already is not escaped twice: `&lt;` and `<` both give `&lt;`.
    let mut escaped = escape_plainly(&decode_strict(&aside));
    for (reference, mark) in PROTECTED {
        escaped = replace_all(escaped, mark, reference);
    }
    Cow::Owned(escaped)
}

/// Returns false if [`escape`] certainly leaves the text unchanged. Cheap.
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
