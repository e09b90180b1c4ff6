//! The transfer encoding of a body.
//!
//! Never `7bit` or `8bit`: quoted-printable (RFC 2045 §6.7) and base64 keep lines short, escape lone carriage returns and NULs,
//! and produce no line that starts with `--=_`, as our boundaries do.

use lettre::message::{Body, header::ContentTransferEncoding};

/// An encoded body and the name of its encoding.
pub(super) struct Encoded {
    pub(super) encoding: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Encodes a text. Every line end, including a lone carriage return, becomes CRLF.
pub(super) fn encode(text: &str) -> Encoded {
    // Quoted-printable where it is shorter, as it is for most European languages: sources stay readable, and spam filters
    // distrust base64.
    let (encoding, name) = if quoted_printable_is_shorter(text) {
        (ContentTransferEncoding::QuotedPrintable, "quoted-printable")
    } else {
        (ContentTransferEncoding::Base64, "base64")
    };
    let body = Body::new_with_encoding(with_crlf(text), encoding);
    Encoded {
        encoding: name,
        bytes: body.expect("both encodings take any text").into_vec(),
    }
}

fn quoted_printable_is_shorter(text: &str) -> bool {
    let escaped = text.bytes().filter(|b| !b.is_ascii() || *b == b'=').count();
    let quoted_printable = text.len() + 2 * escaped;
    quoted_printable * 3 <= text.len() * 4
}

fn with_crlf(text: &str) -> String {
    let mut converted = String::with_capacity(text.len() + text.len() / 32);
    for (number, line) in lines(text).enumerate() {
        if number > 0 {
            converted.push_str("\r\n");
        }
        converted.push_str(line);
    }
    converted
}

/// Splits a text at CRLF, LF and CR; after the last line end there is one more line, perhaps empty.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let end_length = if text[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + end_length..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// Decodes as a mail reader does.
    fn decode(body: &Encoded) -> String {
        let text = String::from_utf8(body.bytes.clone()).unwrap();
        if body.encoding == "base64" {
            return String::from_utf8(STANDARD.decode(text.replace("\r\n", "")).unwrap()).unwrap();
        }
        let mut bytes = Vec::new();
        let mut pieces = text.split('=');
        bytes.extend_from_slice(pieces.next().unwrap().as_bytes());
        for piece in pieces {
            if let Some(rest) = piece.strip_prefix("\r\n") {
                bytes.extend_from_slice(rest.as_bytes());
            } else {
                bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn plain_text_stays_readable() {
        let body = encode("Dear Ada,\n\nit is Friday – 1 = 1. \nx\t");
        assert_eq!(body.encoding, "quoted-printable");
        assert_eq!(
            String::from_utf8(body.bytes).unwrap(),
            "Dear Ada,\r\n\r\nit is Friday =E2=80=93 1 =3D 1.=20\r\nx=09"
        );
    }

    #[test]
    fn any_text_decodes_to_itself_with_crlf_line_ends() {
        for (text, expected) in [
            ("", ""),
            ("\r", "\r\n"),
            (
                "a\rb\nc\r\nd\n\re\r\r\n",
                "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\n",
            ),
            (".\n..\n\0\u{7f}", ".\r\n..\r\n\0\u{7f}"),
            ("日本語\r日本語", "日本語\r\n日本語"),
            ("🎉", "🎉"),
        ] {
            let body = encode(text);
            assert_eq!(decode(&body), expected, "{text:?} in {}", body.encoding);
        }
    }

    #[test]
    fn lines_are_short_and_nothing_looks_like_a_boundary() {
        for unit in [
            "x",
            "é and more text",
            "= ",
            " ",
            "--=_",
            "日本",
            "x\u{a0}y",
        ] {
            for length in [1, 24, 25, 26, 74, 75, 76, 77, 500] {
                let text = unit.repeat(length);
                let body = encode(&text);
                assert_eq!(decode(&body), text);
                let lines = String::from_utf8(body.bytes).unwrap();
                assert!(
                    lines
                        .split("\r\n")
                        .all(|line| line.len() <= 76 && !line.contains("=_"))
                );
                assert!(lines.split("\r\n").all(|line| !line.ends_with([' ', '\t'])));
            }
        }
    }
}
