//! The encoding of MMG's inbound messages: form encoding over backslash escapes as in a Python literal
//! (`docs/spec/workers.md` §12).

use std::borrow::Cow;

/// Decodes form encoding: `+` is a space, and invalid UTF-8 becomes U+FFFD. Unlike a form parser, does not split at `&`.
pub(super) fn decode_form(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, parse_hex(after, 2)) {
            (b'%', Some((value, after))) => {
                bytes.push(u8::try_from(value).expect("two hexadecimal digits fit a byte"));
                rest = after;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Decodes backslash escapes. Invalid escapes stay as they are, surrogate pairs are joined, and NUL is dropped.
pub(super) fn unescape(text: &str) -> String {
    let (mut units, mut rest): (Vec<u16>, _) = (Vec::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('\\') {
        units.extend(before.encode_utf16());
        rest = if let Some((code, length)) = parse_escape(after.as_bytes()) {
            push(&mut units, code);
            &after[length..]
        } else {
            units.push(u16::from(b'\\'));
            after
        };
    }
    units.extend(rest.encode_utf16());
    // PostgreSQL cannot store NUL.
    units.retain(|unit| *unit != 0);
    String::from_utf16_lossy(&units)
}

/// Parses what follows a backslash: the code point (none for a line continuation), and its length in bytes.
fn parse_escape(after: &[u8]) -> Option<(Option<u32>, usize)> {
    let simple = |code: u8| Some((Some(u32::from(code)), 1));
    match *after.first()? {
        b'\n' => Some((None, 1)),
        b'\\' => simple(b'\\'),
        b'\'' => simple(b'\''),
        b'"' => simple(b'"'),
        b'a' => simple(7),
        b'b' => simple(8),
        b't' => simple(b'\t'),
        b'n' => simple(b'\n'),
        b'v' => simple(11),
        b'f' => simple(12),
        b'r' => simple(b'\r'),
        b'x' => hex_escape(after, 2),
        b'u' => hex_escape(after, 4),
        b'U' => hex_escape(after, 8),
        b'0'..=b'7' => {
            let digits = after.iter().take(3);
            let digits = digits.take_while(|byte| (b'0'..=b'7').contains(*byte));
            let (code, length) = digits.fold((0, 0), |(code, length), digit| {
                (code * 8 + u32::from(digit - b'0'), length + 1)
            });
            Some((Some(code), length))
        }
        _ => None,
    }
}

fn hex_escape(after: &[u8], digits: usize) -> Option<(Option<u32>, usize)> {
    let (code, _) = parse_hex(&after[1..], digits)?;
    (code <= 0x0010_ffff).then_some((Some(code), digits + 1))
}

fn parse_hex(bytes: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (number, after) = bytes.split_at_checked(digits)?;
    let text: Cow<'_, str> = String::from_utf8_lossy(number);
    if !number.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some((u32::from_str_radix(&text, 16).ok()?, after))
}

fn push(units: &mut Vec<u16>, code: Option<u32>) {
    let Some(code) = code else { return };
    match (u16::try_from(code), char::from_u32(code)) {
        (Ok(unit), _) => units.push(unit),
        (Err(_), Some(character)) => {
            units.extend(character.encode_utf16(&mut [0; 2]).iter().copied());
        }
        (Err(_), None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_escapes_are_decoded() {
        for (encoded, decoded) in [
            ("Hello+%C2%A35%21", "Hello £5!"),
            ("a%2Bb+100%", "a+b 100%"),
            (r"line\nnext\ttab\\end", "line\nnext\ttab\\end"),
            (r"caf\xe9 \u20ac \U0001F600", "café € 😀"),
            (r"\ud83d\ude00 \ud83d", "😀 \u{fffd}"),
            (r"\101\60x \q \x4 \u12", r"A0x \q \x4 \u12"),
            ("a\\\nb", "ab"),
            ("nul\\0%00.\\", "nul.\\"),
            ("£\\", "£\\"),
        ] {
            assert_eq!(unescape(&decode_form(encoded)), decoded, "{encoded}");
        }
    }
}
