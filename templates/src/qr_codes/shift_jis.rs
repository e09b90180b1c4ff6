//! Shift JIS without its vendors' extensions: ASCII, half-width katakana and JIS X 0208.

use encoding_rs::SHIFT_JIS;

/// Characters that the vendors have put in the place of others.
const VENDORS_OWN: [char; 7] = ['\u{80}', '∥', '－', '～', '￠', '￡', '￢'];

/// What they have displaced, and what only a national variant of ASCII has.
const DISPLACED: [(char, &[u8]); 8] = [
    ('¥', b"\x5C"),
    ('‾', b"\x7E"),
    ('〜', b"\x81\x60"),
    ('‖', b"\x81\x61"),
    ('−', b"\x81\x7C"),
    ('¢', b"\x81\x91"),
    ('£', b"\x81\x92"),
    ('¬', b"\x81\xCA"),
];

/// Encodes a text in Shift JIS; `None` if it has other characters.
pub(super) fn encoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        push(&mut bytes, character)?;
    }
    Some(bytes)
}

fn push(bytes: &mut Vec<u8>, character: char) -> Option<()> {
    if let Some((_, displaced)) = DISPLACED
        .iter()
        .find(|(displaced, _)| *displaced == character)
    {
        bytes.extend_from_slice(displaced);
        return Some(());
    }
    if VENDORS_OWN.contains(&character) {
        return None;
    }
    let mut utf8 = [0; 4];
    let (encoded, _, has_errors) = SHIFT_JIS.encode(character.encode_utf8(&mut utf8));
    // The encoder is that of the web, which includes the rows of the vendors.
    if has_errors || is_in_vendors_row(&encoded) {
        return None;
    }
    bytes.extend_from_slice(&encoded);
    Some(())
}

/// Rows that JIS X 0208 leaves free.
fn is_in_vendors_row(encoded: &[u8]) -> bool {
    matches!(encoded, [0x87 | 0xED | 0xEE | 0xF0.., _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greek_cyrillic_and_katakana_fit_and_vendors_characters_do_not() {
        for text in ["abc\\~", "ΑЯ", "ｱ漢字", "〜−‖¥"] {
            assert!(encoded(text).is_some(), "{text}");
        }
        for text in ["①", "～", "－", "∥", "\u{80}", "é", "髙", "😀", "€"] {
            assert!(encoded(text).is_none(), "{text}");
        }
        assert_eq!(encoded("点a").as_deref(), Some(&b"\x93\x5Fa"[..]));
    }
}
