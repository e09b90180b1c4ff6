//! Normalisation of whitespace and lines (`docs/spec/templates.md` §11.2). For single lines see [`text`].

use std::borrow::Cow;

use text::{is_any_space, is_known_space, lines, normalise_spaces};

/// Normalises the spaces of each line and separates lines by a line feed.
pub fn normalise_lines(text: &str) -> String {
    let mut normalised = String::with_capacity(text.len());
    for (number, line) in lines(text).enumerate() {
        if number > 0 {
            normalised.push('\n');
        }
        if is_level(line) {
            normalised.push_str(line);
        } else {
            normalised.push_str(&normalise_spaces(line));
        }
    }
    normalised
}

/// Returns whether normalising the spaces of a line certainly changes nothing, as for most lines.
fn is_level(line: &str) -> bool {
    let mut after_space = true;
    for byte in line.bytes() {
        match byte {
            b' ' if after_space => return false,
            b' ' => after_space = true,
            b'!'..=b'~' => after_space = false,
            _ => return false,
        }
    }
    line.is_empty() || !after_space
}

/// Replaces three or more line feeds in a row by two.
pub fn normalise_multiple_newlines(text: &str) -> Cow<'_, str> {
    if !text.contains("\n\n\n") {
        return Cow::Borrowed(text);
    }
    let mut normalised = String::with_capacity(text.len());
    let mut line_feeds = 0;
    for character in text.chars() {
        line_feeds = if character == '\n' { line_feeds + 1 } else { 0 };
        if line_feeds <= 2 {
            normalised.push(character);
        }
    }
    Cow::Owned(normalised)
}

/// Trims a text and replaces each line feed and each carriage return by `<br>`.
pub fn newlines_to_breaks(text: &str) -> String {
    text.trim_matches(is_any_space)
        // A carriage return and a line feed become two breaks, as in the reference.
        .replace(['\n', '\r'], "<br>")
}

/// Prepends `PREFIX: ` with the prefix trimmed, unless it is absent or empty.
pub fn add_prefix(text: String, prefix: Option<&str>) -> String {
    match prefix {
        None | Some("") => text,
        Some(prefix) => format!("{}: {text}", prefix.trim_matches(is_any_space)),
    }
}

/// Prepends the subject as a heading.
pub fn prepend_subject(text: &str, subject: &str) -> String {
    format!("# {subject}\n\n{text}")
}

/// Appends a line feed.
pub fn add_trailing_newline(text: &str) -> String {
    format!("{text}\n")
}

/// Removes plain, zero-width and no-break spaces at both ends, and the given characters at the end.
pub fn strip_all_whitespace<'text>(
    text: &'text str,
    extra_trailing_characters: &str,
) -> &'text str {
    text.trim_start_matches(is_known_space)
        .trim_end_matches(|character| {
            is_known_space(character) || extra_trailing_characters.contains(character)
        })
}

/// Removes leading whitespace.
pub fn strip_leading_whitespace(text: &str) -> &str {
    text.trim_start_matches(is_any_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_levelled_one_by_one() {
        assert_eq!(
            normalise_lines(" a  b \r\n\u{A0}c\u{2028}\u{200B}\n"),
            "a b\nc\n"
        );
    }

    #[test]
    fn more_than_two_line_feeds_are_two() {
        assert_eq!(
            normalise_multiple_newlines("a\n\n\n\nb\n\nc\n"),
            "a\n\nb\n\nc\n"
        );
        assert!(matches!(
            normalise_multiple_newlines("a\n\nb"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn each_line_end_is_a_break() {
        assert_eq!(newlines_to_breaks(" \na\r\nb\n"), "a<br><br>b");
    }

    #[test]
    fn stripping_takes_extra_characters_from_the_end_only() {
        assert_eq!(
            strip_all_whitespace(",\u{200B} a-,\u{A0}. ", ",."),
            ",\u{200B} a-"
        );
        assert_eq!(strip_all_whitespace("\u{3000}a\u{FEFF}", ""), "\u{3000}a");
    }
}
