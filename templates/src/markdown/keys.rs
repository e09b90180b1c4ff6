//! Normalisation and comparison of link and footnote keys (`docs/spec/templates.md` §7.5).
//!
//! A document can ask for many overlapping parts whether each is a key, and the parts can be long. So a rolling hash
//! is computed once for each prefix of a text; the hash of any part follows from two of them, and only a part whose
//! hash matches a key is compared.

use text::{
    characters::is_word,
    is_any_space,
    unicode_15_1::{lower, lower_character},
};

/// Normalises a key for comparison: lower case, HTML-escaped, whitespace collapsed (`docs/spec/templates.md` §7.5).
pub(super) fn normalised(key: &str) -> String {
    let lower = lower(key);
    let mut normalised = String::with_capacity(lower.len());
    for piece in KeyPieces::of(&lower) {
        normalised.push_str(piece.as_str(&mut [0; 4]));
    }
    normalised
}

/// One piece of a normalised key.
enum KeyPiece {
    Character(char),
    Reference(&'static str),
}

impl KeyPiece {
    fn as_str<'out>(&'out self, buffer: &'out mut [u8; 4]) -> &'out str {
        match self {
            Self::Character(character) => character.encode_utf8(buffer),
            Self::Reference(reference) => reference,
        }
    }
}

/// Iterator over the pieces of a lower-case text, which escapes HTML and collapses whitespace.
struct KeyPieces<'text> {
    rest: &'text str,
    was_space: bool,
}

impl<'text> KeyPieces<'text> {
    fn of(text: &'text str) -> Self {
        Self {
            rest: text,
            was_space: false,
        }
    }
}

impl Iterator for KeyPieces<'_> {
    type Item = KeyPiece;

    fn next(&mut self) -> Option<KeyPiece> {
        loop {
            let character = self.rest.chars().next()?;
            self.rest = &self.rest[character.len_utf8()..];
            let was_space = std::mem::replace(&mut self.was_space, is_any_space(character));
            return Some(match character {
                _ if self.was_space && was_space => continue,
                _ if self.was_space => KeyPiece::Character(' '),
                '&' if !is_reference_after_ampersand(self.rest, true) => {
                    KeyPiece::Reference("&amp;")
                }
                '<' => KeyPiece::Reference("&lt;"),
                '>' => KeyPiece::Reference("&gt;"),
                '"' => KeyPiece::Reference("&quot;"),
                '\'' => KeyPiece::Reference("&#39;"),
                other => KeyPiece::Character(other),
            });
        }
    }
}

/// Returns whether an optional `#`, word characters and `;` follow the ampersand, so that it is not escaped
/// (`docs/spec/templates.md` §7.4).
pub(super) fn is_reference_after_ampersand(rest: &str, with_underscores: bool) -> bool {
    let rest = rest.strip_prefix('#').unwrap_or(rest);
    let belongs = |character| is_word(character) && (with_underscores || character != '_');
    let name = rest.find(|character| !belongs(character));
    name.is_some_and(|length| length > 0 && rest[length..].starts_with(';'))
}

/// Rolling hash of a normalised key.
///
/// σ and ς hash alike, because which one is used depends on the characters around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyHash {
    value: u64,
    length: u64,
}

impl KeyHash {
    // A prime, and so large that parts with equal hashes and different texts are rare. One of them costs a comparison,
    // not a wrong result: the hash only selects candidates.
    const MODULUS: u64 = (1 << 61) - 1;
    const BASE: u64 = 0x0123_4567_89AB_CDEF;
    pub(super) const EMPTY: Self = Self {
        value: 0,
        length: 0,
    };

    pub(super) fn of(normalised: &str) -> Self {
        Self::EMPTY.with_all(normalised)
    }

    pub(super) fn value(self) -> u64 {
        self.value
    }

    fn with(self, character: char) -> Self {
        let character = if character == 'ς' { 'σ' } else { character };
        Self {
            value: Self::add(
                Self::multiply(self.value, Self::BASE),
                u64::from(u32::from(character)) + 1,
            ),
            length: self.length + 1,
        }
    }

    pub(super) fn with_all(self, normalised: &str) -> Self {
        normalised.chars().fold(self, Self::with)
    }

    /// Returns the hash of what follows a prefix with the hash `beginning`.
    pub(super) fn after(self, beginning: Self) -> Self {
        let length = self.length - beginning.length;
        let shifted = Self::multiply(beginning.value, Self::power(length));
        Self {
            value: Self::add(self.value, Self::MODULUS - shifted),
            length,
        }
    }

    fn add(left: u64, right: u64) -> u64 {
        (left + right) % Self::MODULUS
    }

    fn multiply(left: u64, right: u64) -> u64 {
        let product = u128::from(left) * u128::from(right) % u128::from(Self::MODULUS);
        u64::try_from(product).expect("less than the modulus")
    }

    fn power(mut exponent: u64) -> u64 {
        let (mut power, mut square) = (1, Self::BASE % Self::MODULUS);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = Self::multiply(power, square);
            }
            square = Self::multiply(square, square);
            exponent >>= 1;
        }
        power
    }
}

/// Hashes of the prefixes of a text, computed from left to right.
pub(super) struct KeyHashes<'text> {
    text: &'text str,
    at: usize,
    was_space: bool,
    hash: KeyHash,
}

impl<'text> KeyHashes<'text> {
    pub(super) fn of(text: &'text str) -> Self {
        Self {
            text,
            at: 0,
            was_space: false,
            hash: KeyHash::EMPTY,
        }
    }

    /// Returns the hash of everything before `place`, which must not decrease between calls.
    pub(super) fn up_to(&mut self, place: usize) -> KeyHash {
        while self.at < place {
            self.step();
        }
        self.hash
    }

    fn step(&mut self) {
        let character = self.text[self.at..]
            .chars()
            .next()
            .expect("a place before the end");
        self.at += character.len_utf8();
        let was_space = std::mem::replace(&mut self.was_space, is_any_space(character));
        if self.was_space && was_space {
            return;
        }
        if character == '&' {
            let stays = is_reference_after_ampersand(&self.text[self.at..], true);
            self.push(if stays { "&" } else { "&amp;" });
            return;
        }
        for lower in lower_character(character) {
            for piece in KeyPieces::of(lower.encode_utf8(&mut [0; 4])) {
                self.push(piece.as_str(&mut [0; 4]));
            }
        }
    }

    fn push(&mut self, piece: &str) {
        self.hash = self.hash.with_all(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_past_case_and_kinds_of_whitespace() {
        for (key, wanted) in [
            ("A  B\n\u{A0}c", "a b c"),
            ("x & y &amp; &#39; &", "x &amp; y &amp; &#39; &amp;"),
            ("<\"'>", "&lt;&quot;&#39;&gt;"),
            ("ΑΣ", "ας"),
        ] {
            assert_eq!(normalised(key), wanted);
        }
    }

    #[test]
    fn a_part_of_a_text_has_the_hash_of_its_key() {
        let text = "[ΟΔΟΣ  & &amp; <İ>][x\t\n'Y']";
        for (start, end) in [(0, 1), (1, 7), (1, text.len() - 1), (3, 26), (5, 5)] {
            let mut hashes = KeyHashes::of(text);
            let before = hashes.up_to(start);
            let part = hashes.up_to(end).after(before);
            assert_eq!(part, KeyHash::of(&normalised(&text[start..end])));
        }
    }
}
