//! What a placeholder is and where a text has them (`docs/spec/templates.md` §2.1).

use std::ops::Range;

/// A placeholder, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder<'text> {
    /// The name, not trimmed; perhaps empty.
    pub name: &'text str,
    /// What is shown when the value is true, for a placeholder with `??`.
    pub conditional_text: Option<&'text str>,
}

impl<'text> Placeholder<'text> {
    /// Takes apart a body that is given alone, with or without its parentheses.
    pub fn parse(text: &'text str) -> Self {
        Self::from_body(text.trim_start_matches('(').trim_end_matches(')'))
    }

    /// Takes apart what stands between the parentheses.
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

/// The placeholders of a text from left to right, each with its place there, parentheses included.
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

/// Where the next body is: one or more characters without a parenthesis, between two and two. So only the last two of a
/// row of opening ones can begin a placeholder.
fn next_body(text: &str, mut from: usize) -> Option<Range<usize>> {
    loop {
        let opening = from + text[from..].find("((")?;
        let start = text[opening..]
            .find(|character| character != '(')
            .map(|row| opening + row)?;
        let end = start + text[start..].find(['(', ')'])?;
        if end > start && text[end..].starts_with("))") {
            return Some(start..end);
        }
        from = end;
    }
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
