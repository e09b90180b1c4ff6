//! A rendered text message and its size (`docs/spec/templates.md` §5.3 and §5.4).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::{
    LIMIT,
    alphabet::{count_taking_two_places, forcing_wide_characters, not_encodable},
};
use text::{sms, sms_or_unicode, utf16_units};

/// A text message exactly as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMessage {
    text: String,
    /// In UTF-16 code units.
    content_count: usize,
    /// Length of the encoded prefix, if there is one, in UTF-16 code units.
    prefix_count: Option<usize>,
    non_gsm_characters: Vec<char>,
    extended_gsm_count: usize,
}

/// Size of a single fragment, and of each fragment of a longer message.
struct Capacity {
    single: usize,
    each: usize,
}

impl TextMessage {
    /// Encodes a rendered message in the characters of text messages and counts them.
    pub(super) fn new(unsanitised: &str, prefix: Option<&str>) -> Self {
        Self {
            // Of the text before encoding, as the contract counts: a replacement never forces 16-bit characters.
            non_gsm_characters: forcing_wide_characters(unsanitised),
            ..Self::encoded(sms(unsanitised).into_owned(), unsanitised, prefix.map(sms))
        }
    }

    /// Like [`TextMessage::new`], but keeps characters that have no replacement. They force 16-bit characters.
    pub(super) fn new_unicode(unsanitised: &str, prefix: Option<&str>) -> Self {
        let composed = composed(unsanitised);
        let text = sms_or_unicode(&composed).into_owned();
        let mut non_gsm_characters = forcing_wide_characters(&composed);
        non_gsm_characters.extend(not_encodable(&composed));
        Self {
            non_gsm_characters,
            ..Self::encoded(text, &composed, prefix.map(sms_or_unicode))
        }
    }

    fn encoded(text: String, unsanitised: &str, prefix: Option<Cow<'_, str>>) -> Self {
        Self {
            content_count: utf16_units(&text),
            text,
            prefix_count: prefix.map(|prefix| utf16_units(&prefix)),
            non_gsm_characters: Vec::new(),
            extended_gsm_count: count_taking_two_places(unsanitised),
        }
    }

    /// Returns the encoded text, prefix included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Converts the message into its text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Returns the length in UTF-16 code units.
    pub fn content_count(&self) -> usize {
        self.content_count
    }

    /// Returns the length in UTF-16 code units without the prefix.
    pub fn content_count_without_prefix(&self) -> usize {
        match self.prefix_count {
            // Two for the `: ` between prefix and text.
            Some(prefix_count) => self.content_count.saturating_sub(prefix_count + 2),
            None => self.content_count,
        }
    }

    /// Returns the characters that force the message into 16-bit characters, without duplicates, in order of first
    /// appearance. Characters produced by the encoding do not count.
    pub fn non_gsm_characters(&self) -> &[char] {
        &self.non_gsm_characters
    }

    /// Returns the number of characters that take two septets.
    pub fn extended_gsm_count(&self) -> usize {
        self.extended_gsm_count
    }

    /// Returns the number of fragments, which is what providers charge for; at least one.
    pub fn fragment_count(&self) -> u32 {
        let (size, capacity) = (self.size(), self.capacity());
        let fragments = if size <= capacity.single {
            1
        } else {
            size.div_ceil(capacity.each)
        };
        // Content is limited far below this number.
        u32::try_from(fragments).unwrap_or(u32::MAX)
    }

    /// Returns by how much the size exceeds the capacity of one fragment fewer.
    pub fn characters_above_previous_fragment_boundary(&self) -> usize {
        let capacity = self.capacity();
        let boundary = match self.fragment_count() {
            2 => capacity.single,
            fragments => capacity.each * (fragments - 1) as usize,
        };
        self.size().saturating_sub(boundary)
    }

    /// Returns whether the message without its prefix has more than [`LIMIT`] characters.
    pub fn is_too_long(&self) -> bool {
        self.characters_above_limit() > 0
    }

    /// Returns by how many characters the message is too long.
    pub fn characters_above_limit(&self) -> usize {
        self.content_count_without_prefix().saturating_sub(LIMIT)
    }

    /// Returns whether the message without its prefix is empty.
    pub fn is_empty(&self) -> bool {
        self.content_count_without_prefix() == 0
    }

    /// Returns the size in septets or 16-bit units, whichever the message uses.
    fn size(&self) -> usize {
        if self.is_wide() {
            self.content_count
        } else {
            self.content_count + self.extended_gsm_count
        }
    }

    fn capacity(&self) -> Capacity {
        if self.is_wide() {
            Capacity {
                // 140 bytes of 16-bit characters; a fragment of several spends 6 of them on its header.
                single: 70,
                each: 67,
            }
        } else {
            Capacity {
                // 140 bytes of 7-bit characters, less the header.
                single: 160,
                each: 153,
            }
        }
    }

    fn is_wide(&self) -> bool {
        !self.non_gsm_characters.is_empty()
    }
}

/// Composes letters with their accents (NFC). Otherwise a letter would be kept and its accent replaced by `?`.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_hold_160_or_153_places_or_70_or_67_wide_ones() {
        for (text, fragments, above) in [
            (String::new(), 1, 0),
            ("a".repeat(160), 1, 160),
            ("a".repeat(161), 2, 1),
            ("a".repeat(306), 2, 146),
            ("a".repeat(307), 3, 1),
            ("€".repeat(80), 1, 160),
            ("€".repeat(81), 2, 2),
            ("ŵ".repeat(70), 1, 70),
            ("ŵ".repeat(71), 2, 1),
            ("ŵ".repeat(135), 3, 1),
        ] {
            let message = TextMessage::new(&text, None);
            assert_eq!(message.fragment_count(), fragments);
            assert_eq!(message.characters_above_previous_fragment_boundary(), above);
        }
    }

    #[test]
    fn only_what_was_written_wide_counts_as_wide() {
        let message = TextMessage::new("Ấŵâŵ€{", None);
        assert_eq!(message.text(), "Âŵâŵ€{");
        assert_eq!(message.non_gsm_characters(), ['ŵ', 'â']);
        assert_eq!(message.extended_gsm_count(), 2);
        assert_eq!(message.fragment_count(), 1);
    }

    #[test]
    fn the_limit_does_not_count_the_prefix() {
        let text = format!("S: {}", "a".repeat(919));
        let message = TextMessage::new(&text, Some("S"));
        assert_eq!(message.content_count(), 922);
        assert_eq!(message.content_count_without_prefix(), 919);
        assert!(message.is_too_long());
        assert_eq!(message.characters_above_limit(), 1);
        assert!(TextMessage::new("S:", Some(" S ")).is_empty());
    }
}
