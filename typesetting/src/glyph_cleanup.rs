//! Cleans up text for printing: white space, invisible characters, composition.

use unicode_normalization::UnicodeNormalization as _;

use crate::blocks::TextSpan;

/// Stands for `<br>` until [`clean_spans`] turns it into `\n`: a line feed in HTML is only white space.
pub(crate) const LINE_BREAK: char = '\u{2028}';

/// Normalises white space as HTML does: runs collapse into one space, and lines neither begin nor end with one.
///
/// Also drops invisible characters, composes what can be composed (NFC), and replaces the non-breaking hyphen by the common
/// one, so that a reference can be searched for and copied. (Lines are never broken at hyphens.)
pub(crate) fn clean_spans(spans: Vec<TextSpan>) -> Vec<TextSpan> {
    let mut after_space = true;
    let mut cleaned: Vec<TextSpan> = Vec::with_capacity(spans.len());
    for span in spans {
        let mut text = String::with_capacity(span.text.len());
        for character in span.text.nfc() {
            match character {
                LINE_BREAK | '\u{2029}' => {
                    trim_trailing_spaces(&mut text, &mut cleaned);
                    text.push('\n');
                    after_space = true;
                }
                ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' => {
                    if !after_space {
                        text.push(' ');
                    }
                    after_space = true;
                }
                '\u{2011}' => {
                    text.push('-');
                    after_space = false;
                }
                invisible if is_invisible(invisible) => {}
                visible => {
                    text.push(visible);
                    after_space = false;
                }
            }
        }
        if !text.is_empty() {
            cleaned.push(TextSpan { text, ..span });
        }
    }
    trim_trailing_spaces(&mut String::new(), &mut cleaned);
    cleaned
}

/// Removes the spaces at the end of `text`; if nothing is left of it, goes on in the spans before it.
fn trim_trailing_spaces(text: &mut String, before: &mut Vec<TextSpan>) {
    text.truncate(text.trim_end_matches(' ').len());
    while text.is_empty() {
        let Some(last) = before.last_mut() else {
            return;
        };
        last.text.truncate(last.text.trim_end_matches(' ').len());
        if !last.text.is_empty() {
            return;
        }
        before.pop();
    }
}

/// Cleans up one line of plain text.
pub(crate) fn clean_line(text: &str, bold: bool) -> Vec<TextSpan> {
    let text = text.to_owned();
    clean_spans(vec![TextSpan { text, bold }])
}

/// Returns whether a character is invisible: control characters, joiners, direction marks, soft hyphens, variation
/// selectors.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(texts: &[&str]) -> Vec<TextSpan> {
        texts
            .iter()
            .map(|text| TextSpan {
                text: (*text).to_owned(),
                bold: false,
            })
            .collect()
    }

    #[test]
    fn white_space_collapses_across_spans_and_around_line_breaks() {
        for (given, expected) in [
            (&[" a \n b "][..], &["a b"][..]),
            (&["a ", " b"], &["a ", "b"]),
            (&["a ", " \u{2028} ", " b"], &["a", "\n", "b"]),
            (&["a", " ", " "], &["a"]),
            (&["1\u{2011}2\u{ad}3\u{200b}\u{0}"], &["1-23"]),
            (&["e\u{301}"], &["é"]),
            (&["a\u{a0} "], &["a\u{a0}"]),
            (&[" "], &[]),
        ] {
            assert_eq!(clean_spans(spans(given)), spans(expected), "{given:?}");
        }
    }
}
