//! A finished text message and what it counts (`docs/spec/templates.md` §5.3 and §5.4).

use super::{
    LIMIT,
    alphabet::{count_taking_two_places, forcing_wide_characters},
};
use text::{sms, utf16_units};

/// A message exactly as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMessage {
    text: String,
    /// In UTF-16 code units.
    content_count: usize,
    /// Of the encoded prefix, if one is shown; in UTF-16 code units.
    prefix_count: Option<usize>,
    non_gsm_characters: Vec<char>,
    extended_gsm_count: usize,
}

/// How many places a message of one fragment has, and each of several.
struct Capacity {
    single: usize,
    each: usize,
}

impl TextMessage {
    /// Encodes what is ready but for its characters, and counts it.
    pub(super) fn new(unsanitised: &str, prefix: Option<&str>) -> Self {
        let text = sms(unsanitised).into_owned();
        Self {
            content_count: utf16_units(&text),
            text,
            prefix_count: prefix.map(|prefix| utf16_units(&sms(prefix))),
            non_gsm_characters: forcing_wide_characters(unsanitised),
            extended_gsm_count: count_taking_two_places(unsanitised),
        }
    }

    /// The message, prefix included, in the characters of text messages.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The message, to keep.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Its length in UTF-16 code units.
    pub fn content_count(&self) -> usize {
        self.content_count
    }

    /// Its length in UTF-16 code units, less the prefix as it was given and two for `: `.
    pub fn content_count_without_prefix(&self) -> usize {
        match self.prefix_count {
            Some(prefix_count) => self.content_count.saturating_sub(prefix_count + 2),
            None => self.content_count,
        }
    }

    /// The characters that make it one of 16-bit characters, each once, in order of first appearance. Those that only
    /// encoding brings in do not count.
    pub fn non_gsm_characters(&self) -> &[char] {
        &self.non_gsm_characters
    }

    /// How many of its characters take two places.
    pub fn extended_gsm_count(&self) -> usize {
        self.extended_gsm_count
    }

    /// How many fragments a network makes of it, and the service pays; at least one.
    pub fn fragment_count(&self) -> u32 {
        let (size, capacity) = (self.size(), self.capacity());
        let fragments = if size <= capacity.single {
            1
        } else {
            size.div_ceil(capacity.each)
        };
        u32::try_from(fragments).unwrap_or(u32::MAX)
    }

    /// How many places it reaches beyond those that one fragment less would have had.
    pub fn characters_above_previous_fragment_boundary(&self) -> usize {
        let capacity = self.capacity();
        let boundary = match self.fragment_count() {
            2 => capacity.single,
            fragments => capacity.each * (fragments - 1) as usize,
        };
        self.size().saturating_sub(boundary)
    }

    /// Whether it has more than [`LIMIT`] characters without its prefix.
    pub fn is_too_long(&self) -> bool {
        self.characters_above_limit() > 0
    }

    /// By how many characters it is too long.
    pub fn characters_above_limit(&self) -> usize {
        self.content_count_without_prefix().saturating_sub(LIMIT)
    }

    /// Whether nothing is left of it, its prefix not counted.
    pub fn is_empty(&self) -> bool {
        self.content_count_without_prefix() == 0
    }

    /// The places it takes.
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
                single: 70,
                each: 67,
            }
        } else {
            Capacity {
                single: 160,
                each: 153,
            }
        }
    }

    fn is_wide(&self) -> bool {
        !self.non_gsm_characters.is_empty()
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
