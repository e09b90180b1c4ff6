//! Base64 as the contract reads it (`docs/spec/public-api.md` §11): other characters are ignored, padding must be
//! correct, and the first correct padding ends the text.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Decodes a text; `None` if it is invalid.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    // Nearly every text is as it should be, and then this is much faster.
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes);
    }
    if text.is_ascii() {
        decode_leniently(text.as_bytes())
    } else {
        None
    }
}

fn decode_leniently(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    // The characters of the present group of four, their bits, and the padding that has come after them.
    let (mut count, mut bits, mut pads) = (0u8, 0u32, 0u8);
    for character in text {
        if *character == b'=' {
            if count >= 2 {
                pads += 1;
                if count + pads >= 4 {
                    return Some(bytes);
                }
            }
            continue;
        }
        let Some(value) = value_of(*character) else {
            continue;
        };
        (count, bits, pads) = (count + 1, bits << 6 | u32::from(value), 0);
        match count {
            2 => bytes.push(low_byte(bits >> 4)),
            3 => bytes.push(low_byte(bits >> 2)),
            4 => {
                bytes.push(low_byte(bits));
                (count, bits) = (0, 0);
            }
            _ => {}
        }
    }
    (count == 0).then_some(bytes)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low byte is what is wanted"
)]
fn low_byte(bits: u32) -> u8 {
    bits as u8
}

fn value_of(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(given: &str) -> Option<String> {
        decode(given).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn strange_characters_are_passed_over_and_padding_must_be_right() {
        for (given, read) in [
            ("", Some("")),
            ("JVBERi0xLjQK", Some("%PDF-1.4\n")),
            ("JVBE\r\nRi0x\n  LjQK\n", Some("%PDF-1.4\n")),
            ("JV-BE_Ri*0xLjQK", Some("%PDF-1.4\n")),
            ("JVA=", Some("%P")),
            ("JQ==", Some("%")),
            ("JQ=\n=", Some("%")),
            ("JR==", Some("%")),
            ("JQ==JVBE", Some("%")),
            ("=JVBE", Some("%PD")),
            ("JVBE====", Some("%PD")),
            ("JVB", None),
            ("JQ", None),
            ("JQ=", None),
            ("J", None),
            ("J===", None),
            ("JVBERi0", None),
            ("JVBEé", None),
            ("***", Some("")),
        ] {
            assert_eq!(text(given).as_deref(), read, "{given}");
        }
    }
}
