//! Cleans up text for printing: white space, invisible characters, composition.

use unicode_normalization::UnicodeNormalization as _;

use crate::{bidi::is_direction_mark, blocks::TextSpan};

/// Stands for `<br>` until [`clean_spans`] turns it into `\n`: a line feed in HTML is only white space.
pub(crate) const LINE_BREAK: char = '\u{2028}';

/// Normalises white space as HTML does: runs collapse into one space, and lines neither begin nor end with one.
///
/// Also drops invisible characters but those that shape the text after them, composes what can be composed (NFC), and
/// replaces the non-breaking hyphen by the common one, so that a reference can be searched for and copied. (Lines are never
/// broken at hyphens.)
pub(crate) fn clean_spans(spans: Vec<TextSpan>) -> Vec<TextSpan> {
    let mut after_space = true;
    let mut previous = ' ';
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
                mark if is_direction_mark(mark) => text.push(mark),
                joiner if is_joiner(joiner) && is_of_joining_script(previous) => text.push(joiner),
                invisible if is_invisible(invisible) => {}
                visible => {
                    text.push(visible);
                    after_space = false;
                }
            }
            previous = character;
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

/// Returns whether a character prints nothing: controls, joiners, direction marks, soft hyphens, variation selectors.
pub(crate) fn is_invisible(character: char) -> bool {
    // Embeddings, overrides and isolates (U+202A and later, U+2066 and later) are always dropped: in a value, they could
    // turn round the text of the letter that stands after it.
    character.is_control()
        || is_direction_mark(character)
        || matches!(character,
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The joiner and the non-joiner, which choose the form of the letters beside them.
pub(crate) const fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Returns whether joiners mean something after a character: in Arabic and in the scripts of India.
const fn is_of_joining_script(character: char) -> bool {
    matches!(character, '\u{600}'..='\u{dff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
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
            // Kept where it chooses a letter's form, dropped elsewhere.
            (&["می\u{200c}خواهم a\u{200c}b"], &["می\u{200c}خواهم ab"]),
            (&["\u{202e}abc\u{202c} \u{200f}(1)"], &["abc \u{200f}(1)"]),
            (&["a\u{a0} "], &["a\u{a0}"]),
            (&[" "], &[]),
        ] {
            assert_eq!(clean_spans(spans(given)), spans(expected), "{given:?}");
        }
    }
}
