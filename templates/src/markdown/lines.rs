//! Functions that move through a text. Positions are byte offsets.

use text::is_any_space;

/// Returns the position after the spaces at `at`. Only U+0020 counts.
pub(super) fn skip_spaces(text: &str, at: usize) -> usize {
    skip(text, at, b' ')
}

/// Returns the position after the line feeds at `at`.
pub(super) fn skip_line_feeds(text: &str, at: usize) -> usize {
    skip(text, at, b'\n')
}

/// Returns the position after the run of `wanted` at `at`.
pub(super) fn skip(text: &str, at: usize, wanted: u8) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest
        .iter()
        .position(|&byte| byte != wanted)
        .unwrap_or(rest.len())
}

/// Returns the position of the line feed that ends the line, or the end of the text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |place| at + place)
}

/// Returns the position after the spaces at `at` if the line ends there.
pub(super) fn end_of_line(text: &str, at: usize) -> Option<usize> {
    let end = skip_spaces(text, at);
    matches!(text.as_bytes().get(end), None | Some(b'\n')).then_some(end)
}

/// Returns the position after the whitespace of any kind at `at`.
pub(super) fn skip_whitespace(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest
        .find(|character| !is_any_space(character))
        .unwrap_or(rest.len())
}

/// Returns the position at which the trailing whitespace of the text begins.
pub(super) fn trailing_whitespace(text: &str) -> usize {
    text.trim_end_matches(is_any_space).len()
}

/// Returns whether the text has only whitespace.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_any_space)
}
