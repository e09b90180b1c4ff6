//! Writes the file name of a download in `Content-Disposition` (RFC 6266, RFC 8187).

use std::fmt::Write as _;

use http::HeaderValue;

/// Returns an attachment of this name: in ASCII for old programs, and in UTF-8.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let ascii: String = name.chars().map(plain).collect();
    let mut value = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    HeaderValue::from_str(&value).expect("it is printable ASCII")
}

/// Replaces characters that cannot stand in quotes, or that some programs take for an escape.
fn plain(character: char) -> char {
    match character {
        '"' | '\\' | '%' | '/' => '_',
        ' '..='~' => character,
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes_or_its_header() {
        for (name, value) in [
            (
                "a b.pdf",
                "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf",
            ),
            (
                "Übersicht.csv",
                "attachment; filename=\"_bersicht.csv\"; filename*=UTF-8''%C3%9Cbersicht.csv",
            ),
            (
                "a\"; x=\"\r\nb\\%.txt",
                "attachment; filename=\"a_; x=___b__.txt\"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0Ab%5C%25.txt",
            ),
        ] {
            assert_eq!(attachment(name), value);
        }
    }
}
