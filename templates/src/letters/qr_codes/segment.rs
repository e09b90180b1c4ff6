//! What a symbol says: a text as bits.

use std::borrow::Cow;

use super::{
    bits::Bits,
    capacity::{Level, Version},
    shift_jis,
};

/// What a text is taken for. A symbol for digits is smaller than one for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// ASCII digits.
    Numeric,
    /// Digits, capital letters and ` $%*+-./:`.
    Alphanumeric,
    /// Any bytes.
    Byte,
    /// Pairs of bytes that can be Kanji in Shift JIS; some Latin texts are too, and are read back as Kanji.
    Kanji,
}

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// What fills a symbol up, by turns.
const PADDING: [u8; 2] = [0xEC, 0x11];

const MODE_BITS: usize = 4;
const TERMINATOR_BITS: usize = 4;

impl Mode {
    fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self::Byte
        } else if bytes.iter().all(u8::is_ascii_digit) {
            Self::Numeric
        } else if bytes.iter().all(|byte| ALPHANUMERIC.contains(byte)) {
            Self::Alphanumeric
        } else if kanji_numbers(bytes).is_some() {
            Self::Kanji
        } else {
            Self::Byte
        }
    }

    fn indicator(self) -> u32 {
        match self {
            Self::Numeric => 1,
            Self::Alphanumeric => 2,
            Self::Byte => 4,
            Self::Kanji => 8,
        }
    }

    /// How many bits say how many characters there are.
    fn count_bits(self, version: Version) -> usize {
        let by_size = match self {
            Self::Numeric => [10, 12, 14],
            Self::Alphanumeric => [9, 11, 13],
            Self::Byte => [8, 16, 16],
            Self::Kanji => [8, 10, 12],
        };
        by_size[match version.number() {
            ..=9 => 0,
            10..=26 => 1,
            _ => 2,
        }]
    }
}

/// A text, ready to be put into a symbol.
#[derive(Debug)]
pub(super) struct Segment {
    mode: Mode,
    bytes: Vec<u8>,
}

impl Segment {
    pub(super) fn of(text: &str) -> Self {
        let bytes = encoded(text).into_owned();
        Self {
            mode: Mode::of(&bytes),
            bytes,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// How many bits it takes in a symbol of this version.
    pub(super) fn bit_length(&self, version: Version) -> usize {
        let length = self.bytes.len();
        let data = match self.mode {
            Mode::Numeric => length / 3 * 10 + [0, 4, 7][length % 3],
            Mode::Alphanumeric => length / 2 * 11 + length % 2 * 6,
            Mode::Byte => length * 8,
            Mode::Kanji => length / 2 * 13,
        };
        MODE_BITS + self.mode.count_bits(version) + data
    }

    /// The codewords of a symbol that it fits in, filled up to the last.
    pub(super) fn codewords(&self, version: Version, level: Level) -> Vec<u8> {
        let capacity = version.data_codewords(level);
        let mut bits = Bits::default();
        bits.push(self.mode.indicator(), MODE_BITS);
        bits.push(self.count(), self.mode.count_bits(version));
        self.push_data(&mut bits);
        let terminator = TERMINATOR_BITS.min(capacity * 8 - bits.length());
        bits.push(0, terminator);
        // The model fills up the last byte even where it is full: with a byte of nothing, if there is room.
        bits.push(0, 8 - bits.length() % 8);
        let mut codewords = bits.into_bytes();
        codewords.truncate(capacity);
        let padding = PADDING.into_iter().cycle();
        codewords.extend(padding.take(capacity - codewords.len()));
        codewords
    }

    fn count(&self) -> u32 {
        let count = match self.mode {
            Mode::Kanji => self.bytes.len() / 2,
            _ => self.bytes.len(),
        };
        u32::try_from(count).expect("a text that fits in a symbol")
    }

    fn push_data(&self, bits: &mut Bits) {
        match self.mode {
            Mode::Numeric => {
                for digits in self.bytes.chunks(3) {
                    let number = digits
                        .iter()
                        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
                    bits.push(number, digits.len() * 3 + 1);
                }
            }
            Mode::Alphanumeric => {
                for pair in self.bytes.chunks(2) {
                    let number = pair
                        .iter()
                        .fold(0, |number, &byte| number * 45 + alphanumeric_number(byte));
                    bits.push(number, pair.len() * 5 + 1);
                }
            }
            Mode::Byte => self
                .bytes
                .iter()
                .for_each(|&byte| bits.push(byte.into(), 8)),
            Mode::Kanji => kanji_numbers(&self.bytes)
                .into_iter()
                .flatten()
                .for_each(|number| bits.push(number, 13)),
        }
    }
}

/// In ISO 8859-1 if it fits, else in Shift JIS, else in UTF-8.
fn encoded(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    let latin: Option<Vec<u8>> = text
        .chars()
        .map(|character| u8::try_from(character).ok())
        .collect();
    latin
        .or_else(|| shift_jis::encoded(text))
        .map_or(Cow::Borrowed(text.as_bytes()), Cow::Owned)
}

fn alphanumeric_number(byte: u8) -> u32 {
    let place = ALPHANUMERIC.iter().position(|&member| member == byte);
    u32::try_from(place.expect("a text of these characters")).expect("a short list")
}

/// The numbers of the Kanji that pairs of bytes stand for, if each pair can.
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
    fn the_mode_is_that_of_the_bytes() {
        for (text, mode) in [
            ("0123", Mode::Numeric),
            ("A1 $%*+-./:", Mode::Alphanumeric),
            ("a1", Mode::Byte),
            ("点茗", Mode::Kanji),
            ("点a", Mode::Byte),
            // Latin-1 bytes that look like a Kanji.
            ("éé", Mode::Kanji),
            ("ééé", Mode::Byte),
            ("€", Mode::Byte),
        ] {
            assert_eq!(Segment::of(text).mode(), mode, "{text}");
        }
    }

    #[test]
    fn kanji_are_numbered_as_the_standard_shows() {
        assert_eq!(kanji_number([0x93, 0x5F]), Some(0xD9F));
        assert_eq!(kanji_number([0xE4, 0xAA]), Some(0x1AAA));
    }
}
