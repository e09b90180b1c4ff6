//! The body of a part, encoded so that nothing in it matters to the wire.
//!
//! Never `7bit` or `8bit`: quoted-printable (RFC 2045, section 6.7) and base64 keep lines short, hide lone carriage
//! returns and NULs, and have no line that begins with `--=_`, as our boundaries do.

use lettre::message::{Body, header::ContentTransferEncoding};

/// The longest line of quoted-printable is 76 characters, the last of which may be the soft line break.
const LINE_LENGTH: usize = 75;

const SOFT_BREAK: &[u8] = b"=\r\n";

/// A body and the name of its encoding.
pub(super) struct Encoded {
    pub(super) encoding: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Encodes a text; every line end, also a lone carriage return, is CRLF to the reader.
///
/// Quoted-printable where it is the shorter, which it is for most European languages: people read sources, and
/// filters distrust base64.
pub(super) fn encode(text: &str) -> Encoded {
    if quoted_printable_is_shorter(text) {
        Encoded {
            encoding: "quoted-printable",
            bytes: quoted_printable(text),
        }
    } else {
        let body =
            Body::new_with_encoding(with_wire_line_ends(text), ContentTransferEncoding::Base64);
        Encoded {
            encoding: "base64",
            bytes: body.expect("base64 takes any text").into_vec(),
        }
    }
}

fn quoted_printable_is_shorter(text: &str) -> bool {
    let escaped = text.bytes().filter(|b| !b.is_ascii() || *b == b'=').count();
    let quoted_printable = text.len() + 2 * escaped;
    quoted_printable * 3 <= text.len() * 4
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 16);
    let mut lines = lines(text);
    if let Some(first) = lines.next() {
        encode_line(first, &mut encoded);
    }
    for line in lines {
        encoded.extend_from_slice(b"\r\n");
        encode_line(line, &mut encoded);
    }
    encoded
}

fn encode_line(line: &str, encoded: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut column = 0;
    for (index, byte) in line.bytes().enumerate() {
        let is_last = index + 1 == line.len();
        // White space at the end of a line is lost on the way.
        let stays = match byte {
            b' ' | b'\t' => !is_last,
            b'=' => false,
            _ => byte.is_ascii_graphic(),
        };
        let width = if stays { 1 } else { 3 };
        if column + width > LINE_LENGTH {
            encoded.extend_from_slice(SOFT_BREAK);
            column = 0;
        }
        if stays {
            encoded.push(byte);
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            encoded.extend_from_slice(&[b'=', digits[0], digits[1]]);
        }
        column += width;
    }
}

fn with_wire_line_ends(text: &str) -> String {
    let mut wire = String::with_capacity(text.len() + text.len() / 32);
    for (number, line) in lines(text).enumerate() {
        if number > 0 {
            wire.push_str("\r\n");
        }
        wire.push_str(line);
    }
    wire
}

/// The lines of a text, which may end in CRLF, LF or CR; after the last line end there is one more, perhaps empty.
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

    /// As a reader would: undoes soft breaks and escapes.
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
    fn any_text_comes_back_with_crlf_at_its_line_ends() {
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
