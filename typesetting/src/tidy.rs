//! Words as they can be printed.

use unicode_normalization::UnicodeNormalization as _;

use crate::blocks::Piece;

/// What `<br>` leaves until spaces are levelled.
pub(crate) const LINE_END: char = '\u{2028}';

/// Levels the spaces of a text as HTML does: runs become one, none stays at the beginnings and ends of lines. What
/// cannot be seen is dropped, what can be composed is, and the hyphen that does not break – no line breaks at hyphens
/// here – becomes the common one, so that a reference can be searched for and copied.
pub(crate) fn tidy(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut after_space = true;
    let mut tidied: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mut text = String::with_capacity(piece.text.len());
        for character in piece.text.nfc() {
            match character {
                LINE_END | '\u{2029}' => {
                    trim_end(&mut text, &mut tidied);
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
                unseen if is_unseen(unseen) => {}
                seen => {
                    text.push(seen);
                    after_space = false;
                }
            }
        }
        if !text.is_empty() {
            tidied.push(Piece { text, ..piece });
        }
    }
    trim_end(&mut String::new(), &mut tidied);
    tidied
}

/// Takes the spaces – and, at the very end, the line ends – away that nothing follows.
fn trim_end(text: &mut String, before: &mut Vec<Piece>) {
    let kept = text.trim_end_matches([' ']).len();
    text.truncate(kept);
    while text.is_empty() {
        let Some(last) = before.last_mut() else {
            return;
        };
        let kept = last.text.trim_end_matches(' ').len();
        last.text.truncate(kept);
        if !last.text.is_empty() {
            return;
        }
        before.pop();
    }
}

/// One line of plain text.
pub(crate) fn tidy_line(text: &str, bold: bool) -> Vec<Piece> {
    let text = text.to_owned();
    tidy(vec![Piece { text, bold }])
}

/// Controls, joiners, marks of direction, soft hyphens, selectors of variants.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&str]) -> Vec<Piece> {
        texts
            .iter()
            .map(|text| Piece {
                text: (*text).to_owned(),
                bold: false,
            })
            .collect()
    }

    #[test]
    fn spaces_are_levelled_across_pieces_and_around_line_ends() {
        for (given, tidied) in [
            (&[" a \n b "][..], &["a b"][..]),
            (&["a ", " b"], &["a ", "b"]),
            (&["a ", " \u{2028} ", " b"], &["a", "\n", "b"]),
            (&["a", " ", " "], &["a"]),
            (&["1\u{2011}2\u{ad}3\u{200b}\u{0}"], &["1-23"]),
            (&["e\u{301}"], &["é"]),
            (&["a\u{a0} "], &["a\u{a0}"]),
            (&[" "], &[]),
        ] {
            assert_eq!(tidy(pieces(given)), pieces(tidied), "{given:?}");
        }
    }
}
