//! Syntax of placeholders (`docs/spec/templates.md` §2.1).

use std::ops::Range;

use text::{is_fixed_space, is_zero_width};

/// A parsed placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder<'text> {
    /// Name, not trimmed; may be empty.
    pub name: &'text str,
    /// Text after `??`, shown if the value is true.
    pub conditional_text: Option<&'text str>,
}

impl<'text> Placeholder<'text> {
    /// Parses a body, with or without its parentheses.
    pub fn parse(text: &'text str) -> Self {
        Self::from_body(text.trim_start_matches('(').trim_end_matches(')'))
    }

    /// Parses the text between the parentheses.
    fn from_body(body: &'text str) -> Self {
        match body.split_once("??") {
            Some((name, text)) => Self {
                name,
                conditional_text: Some(text),
            },
            None => Self {
                name: body,
                conditional_text: None,
            },
        }
    }
}

/// Iterates over the placeholders of a text with their ranges, parentheses included.
pub(super) fn find_all(text: &str) -> impl Iterator<Item = (Range<usize>, Placeholder<'_>)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let body = next_body(text, from)?;
        from = body.end + 2;
        Some((
            body.start - 2..body.end + 2,
            Placeholder::from_body(&text[body]),
        ))
    })
}

/// Returns the range of the next body: at least one character, none of them a parenthesis, between `((` and `))`.
fn next_body(text: &str, mut from: usize) -> Option<Range<usize>> {
    loop {
        let opening = from + text[from..].find("((")?;
        // In a run of opening parentheses only the last two can begin a placeholder.
        let start = text[opening..]
            .find(|character| character != '(')
            .map(|row| opening + row)?;
        let end = start + text[start..].find(['(', ')'])?;
        if end > start && text[end..].starts_with("))") {
            return Some(start..end);
        }
        // Nothing before `end` can begin one, so every character is read once.
        from = end;
    }
}

/// Replaces no-break spaces in the names of placeholders by spaces, and removes zero-width characters.
pub fn with_plain_names(text: &str) -> String {
    let mut plain = text.to_owned();
    let found: Vec<_> = find_all(text).collect();
    // From the last to the first, so that the ranges before stay valid.
    for (range, placeholder) in found.into_iter().rev() {
        let start = range.start + 2;
        // They are pasted along unseen, and no value has a name with them: such a placeholder could never be filled.
        let name: String = placeholder
            .name
            .chars()
            .filter(|&character| !is_zero_width(character))
            .map(|character| {
                if is_fixed_space(character) {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        plain.replace_range(start..start + placeholder.name.len(), &name);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        find_all(text)
            .map(|(_, placeholder)| placeholder.name)
            .collect()
    }

    #[test]
    fn names_lose_spaces_that_nobody_sees_and_other_text_keeps_them() {
        assert_eq!(
            with_plain_names("a\u{a0}b ((first\u{a0}na\u{200b}me)) ((c\u{202f}d??x\u{a0}y))"),
            "a\u{a0}b ((first name)) ((c d??x\u{a0}y))"
        );
    }

    #[test]
    fn a_placeholder_has_two_parentheses_on_each_side_and_none_inside() {
        let cases: [(&str, &[&str]); 9] = [
            ("Dear ((name)), ((a\nb))((c))", &["name", "a\nb", "c"]),
            ("(((name)))", &["name"]),
            ("((a(b)c)) (()) ((a)b)) ( (a) ) ((", &[]),
            ("((a((b))c))", &["b"]),
            ("(( a ))", &[" a "]),
            ("((a)((b))", &["b"]),
            ("(()((é))", &["é"]),
            ("((a", &[]),
            ("))((", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn a_place_includes_the_parentheses() {
        let (place, _) = find_all("é(((x)))").next().expect("a placeholder");
        assert_eq!(place, 3..8);
    }

    #[test]
    fn the_first_two_question_marks_make_it_conditional() {
        for (text, name, conditional_text) in [
            ("((a??b??c))", "a", Some("b??c")),
            ("a???b", "a", Some("?b")),
            ("((??x)", "", Some("x")),
            ("x??", "x", Some("")),
            ("(((x)))", "x", None),
            ("((", "", None),
        ] {
            assert_eq!(
                Placeholder::parse(text),
                Placeholder {
                    name,
                    conditional_text
                }
            );
        }
    }
}
