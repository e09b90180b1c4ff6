//! Small steps over a text, by places of bytes.

use text::is_any_space;

/// The place after the spaces that stand here. Only U+0020 counts.
pub(super) fn skip_spaces(text: &str, at: usize) -> usize {
    skip(text, at, b' ')
}

/// The place after the line feeds that stand here.
pub(super) fn skip_line_feeds(text: &str, at: usize) -> usize {
    skip(text, at, b'\n')
}

/// The place after all bytes here that are this one.
pub(super) fn skip(text: &str, at: usize, wanted: u8) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest
        .iter()
        .position(|&byte| byte != wanted)
        .unwrap_or(rest.len())
}

/// The place of the line feed that ends this line, or the end of the text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |place| at + place)
}

/// The place after these spaces if the line ends there.
pub(super) fn end_of_line(text: &str, at: usize) -> Option<usize> {
    let end = skip_spaces(text, at);
    matches!(text.as_bytes().get(end), None | Some(b'\n')).then_some(end)
}

/// The place after the whitespace that stands here, of any kind.
pub(super) fn skip_whitespace(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest
        .find(|character| !is_any_space(character))
        .unwrap_or(rest.len())
}

/// Where the whitespace begins with which the text ends.
pub(super) fn trailing_whitespace(text: &str) -> usize {
    text.trim_end_matches(is_any_space).len()
}

/// Whether there is nothing but whitespace.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_any_space)
}
