//! Character set, mode and data bits of a text.

use std::borrow::Cow;

use qrcodegen::{BitBuffer, QrSegment, QrSegmentMode, Version};

use super::shift_jis;

/// Mode in which the data is encoded. Fewer kinds of character take fewer bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// ASCII digits.
    Numeric,
    /// Digits, capital letters and ` $%*+-./:`.
    Alphanumeric,
    /// Any bytes.
    Byte,
    /// Pairs of bytes that are a kanji in Shift JIS. Some Latin-1 texts are too, and scan as kanji.
    Kanji,
}

impl Mode {
    pub(super) fn for_bytes(bytes: &[u8]) -> Self {
        // The specification decides by the bytes, not by the characters: that is why `éé` becomes kanji.
        match std::str::from_utf8(bytes) {
            // The library calls an empty text numeric.
            _ if bytes.is_empty() => Self::Byte,
            Ok(text) if QrSegment::is_numeric(text) => Self::Numeric,
            Ok(text) if QrSegment::is_alphanumeric(text) => Self::Alphanumeric,
            _ if kanji_numbers(bytes).is_some() => Self::Kanji,
            _ => Self::Byte,
        }
    }
}

/// Encodes a text in ISO 8859-1 if it fits, else in Shift JIS if it fits, else in UTF-8.
pub(super) fn encode(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    let latin: Option<Vec<u8>> = text
        .chars()
        .map(|character| u8::try_from(character).ok())
        .collect();
    // The reference tries these in this order, which decides the bytes and so the modules.
    latin
        .or_else(|| shift_jis::encoded(text))
        .map_or(Cow::Borrowed(text.as_bytes()), Cow::Owned)
}

/// Makes one segment of all bytes.
pub(super) fn segment(mode: Mode, bytes: &[u8]) -> QrSegment {
    let ascii = || std::str::from_utf8(bytes).expect("these modes hold ASCII only");
    match mode {
        Mode::Numeric => QrSegment::make_numeric(ascii()),
        Mode::Alphanumeric => QrSegment::make_alphanumeric(ascii()),
        Mode::Byte => QrSegment::make_bytes(bytes),
        Mode::Kanji => kanji_segment(bytes),
    }
}

/// Returns the width of the character count (ISO/IEC 18004, table 3), which the library keeps private.
pub(super) fn count_bits(mode: QrSegmentMode, version: Version) -> usize {
    let by_version = match mode {
        QrSegmentMode::Numeric => [10, 12, 14],
        QrSegmentMode::Alphanumeric => [9, 11, 13],
        QrSegmentMode::Byte => [8, 16, 16],
        QrSegmentMode::Kanji => [8, 10, 12],
        QrSegmentMode::Eci => [0, 0, 0],
    };
    by_version[match version.value() {
        ..=9 => 0,
        10..=26 => 1,
        _ => 2,
    }]
}

/// Makes a kanji segment; the Rust edition of the library has no function for it.
fn kanji_segment(bytes: &[u8]) -> QrSegment {
    let mut bits = BitBuffer(Vec::new());
    for number in kanji_numbers(bytes).into_iter().flatten() {
        bits.append_bits(number, 13);
    }
    QrSegment::new(QrSegmentMode::Kanji, bytes.len() / 2, bits.0)
}

/// Returns the 13-bit number of each pair of bytes, or `None` if any pair cannot be a kanji.
fn kanji_numbers(bytes: &[u8]) -> Option<Vec<u32>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&pair| kanji_number(pair)).collect()
}

fn kanji_number(pair: [u8; 2]) -> Option<u32> {
    let code = u32::from(u16::from_be_bytes(pair));
    let from_start = match code {
        0x8140..=0x9FFC => code - 0x8140,
        0xE040..=0xEBBF => code - 0xC140,
        _ => return None,
    };
    Some((from_start >> 8) * 0xC0 + (from_start & 0xFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_decide_the_mode() {
        for (text, mode) in [
            ("0123", Mode::Numeric),
            ("A1 $%*+-./:", Mode::Alphanumeric),
            ("a1", Mode::Byte),
            ("点茗", Mode::Kanji),
            ("点a", Mode::Byte),
            // Latin-1 bytes that look like a kanji.
            ("éé", Mode::Kanji),
            ("ééé", Mode::Byte),
            ("€", Mode::Byte),
        ] {
            assert_eq!(Mode::for_bytes(&encode(text)), mode, "{text}");
        }
    }

    #[test]
    fn kanji_have_the_numbers_of_the_standard() {
        assert_eq!(kanji_number([0x93, 0x5F]), Some(0xD9F));
        assert_eq!(kanji_number([0xE4, 0xAA]), Some(0x1AAA));
    }
}
