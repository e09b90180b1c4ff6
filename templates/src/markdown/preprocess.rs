//! Preprocesses a text before its blocks are parsed (`docs/spec/templates.md` §7.1).

use std::borrow::Cow;

const TAB_STOP: usize = 4;

/// Converts line ends to line feeds, expands tabs, and empties lines that consist of spaces.
pub(super) fn preprocess(text: &str) -> Cow<'_, str> {
    // Each step copies the text only if it changes it: most contents need none of them.
    let mut processed = Cow::Borrowed(text);
    if text.contains('\r') {
        processed = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    if processed.contains('\t') {
        processed = Cow::Owned(expand_tabs(&processed));
    }
    if processed.contains('\u{2424}') {
        processed = Cow::Owned(processed.replace('\u{2424}', "\n"));
    }
    if has_line_of_spaces(&processed) {
        processed = Cow::Owned(empty_lines_of_spaces(&processed));
    }
    processed
}

fn expand_tabs(text: &str) -> String {
    let mut expanded = String::with_capacity(text.len() + 32);
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' => {
                let spaces = TAB_STOP - column % TAB_STOP;
                expanded.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\n' => {
                expanded.push('\n');
                column = 0;
            }
            other => {
                expanded.push(other);
                column += 1;
            }
        }
    }
    expanded
}

fn is_line_of_spaces(line: &str) -> bool {
    line.starts_with(' ') && line.bytes().all(|byte| byte == b' ')
}

fn has_line_of_spaces(text: &str) -> bool {
    text.split('\n').any(is_line_of_spaces)
}

fn empty_lines_of_spaces(text: &str) -> String {
    let mut emptied = String::with_capacity(text.len());
    for (place, line) in text.split('\n').enumerate() {
        if place > 0 {
            emptied.push('\n');
        }
        if !is_line_of_spaces(line) {
            emptied.push_str(line);
        }
    }
    emptied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_tabs_and_lines_of_spaces_are_made_even() {
        for (text, processed) in [
            ("a\r\nb\rc\r\r\nd", "a\nb\nc\n\nd"),
            ("\tx\n12\ty\né234\tz", "    x\n12  y\né234    z"),
            ("a\u{2424}\tb", "a\n  b"),
            ("a\n   \n b \n ", "a\n\n b \n"),
            ("plain", "plain"),
        ] {
            assert_eq!(preprocess(text), processed);
        }
    }
}
