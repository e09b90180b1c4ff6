//! An e-mail as the bytes of RFC 5322, which SMTP transmits and the sink stores.
//!
//! The same e-mail at the same time gives the same bytes. `docs/decisions/own-formats.md` tells why no library's message
//! builder is used.

use std::fmt::Write as _;

use jiff::{fmt::rfc2822, tz::TimeZone};
use lettre::Address;
use uuid::Uuid;

use super::{Email, address, body, rfc2047};
use crate::{RejectReason, SendError};

/// An encoded e-mail with the addresses of its envelope.
pub(crate) struct EncodedEmail {
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// The id of the notification, if the relay is asked to report on it (RFC 3461).
    pub(crate) report_as: Option<Uuid>,
    pub(crate) bytes: Vec<u8>,
}

/// Encodes an e-mail with a text and an HTML alternative, in ASCII with short lines.
///
/// `Message-ID` is `<id@sender's domain>` and `X-Pillarbox-Id` is the id, so that a repeated message can be recognised. No
/// text of the e-mail can start a header or end a part.
///
/// # Errors
///
/// [`SendError::Rejected`] if an address cannot be represented in SMTP.
pub(crate) fn encode(email: &Email) -> Result<EncodedEmail, SendError> {
    let to = address::to_ascii_address(&email.to).ok_or_else(|| {
        SendError::rejected(
            RejectReason::Recipient,
            "the recipient is not an e-mail address",
        )
    })?;
    let from = address::to_ascii_address(&email.from_address).ok_or_else(|| {
        SendError::rejected(RejectReason::Message, "the sender is not an e-mail address")
    })?;
    let reply_to = match &email.reply_to {
        Some(reply_to) => Some(address::to_ascii_address(reply_to).ok_or_else(|| {
            SendError::rejected(
                RejectReason::Message,
                "the reply-to is not an e-mail address",
            )
        })?),
        None => None,
    };

    // No encoded body has a line that starts with `--=_`, so none can be taken for the boundary.
    let boundary = format!("=_{}", email.id);
    let mut message = Writer::with_capacity_for(email);
    message.header("Date", &date(email));
    message.header("From", &mailbox(&email.from_name, &from));
    message.header("To", to.as_ref());
    if let Some(reply_to) = &reply_to {
        message.header("Reply-To", reply_to.as_ref());
    }
    message.header("Subject", &rfc2047::unstructured(&email.subject));
    message.header("Message-ID", &format!("<{}@{}>", email.id, from.domain()));
    message.header("X-Pillarbox-Id", &email.id.to_string());
    if let Some(url) = &email.unsubscribe_url {
        message.header("List-Unsubscribe", &bracketed(url));
        message.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    }
    message.header("MIME-Version", "1.0");
    message.header(
        "Content-Type",
        &format!("multipart/alternative; boundary=\"{boundary}\""),
    );
    message.part(&boundary, "text/plain", &email.plain_body);
    message.part(&boundary, "text/html", &email.html_body);
    message.end(&boundary);

    Ok(EncodedEmail {
        from,
        to,
        report_as: None,
        bytes: message.bytes,
    })
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn with_capacity_for(email: &Email) -> Self {
        let bodies = email.plain_body.len() + email.html_body.len();
        Self {
            bytes: Vec::with_capacity(1024 + bodies + bodies / 4),
        }
    }

    /// Writes a header whose value is printable and folded already.
    fn header(&mut self, name: &str, value: &str) {
        debug_assert!(!value.replace("\r\n ", "").contains(['\r', '\n']));
        self.line(&[name, ": ", value]);
    }

    fn part(&mut self, boundary: &str, media_type: &str, text: &str) {
        let body = body::encode(text);
        self.line(&[]);
        self.line(&["--", boundary]);
        self.header("Content-Type", &format!("{media_type}; charset=utf-8"));
        self.header("Content-Transfer-Encoding", body.encoding);
        self.line(&[]);
        self.bytes.extend_from_slice(&body.bytes);
    }

    fn end(&mut self, boundary: &str) {
        self.line(&[]);
        self.line(&["--", boundary, "--"]);
    }

    fn line(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
        self.bytes.extend_from_slice(b"\r\n");
    }
}

fn date(email: &Email) -> String {
    // Fails only for years before 0, which no clock returns.
    rfc2822::to_string(&email.at.to_zoned_datetime(TimeZone::UTC))
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}

fn mailbox(name: &str, address: &Address) -> String {
    match rfc2047::phrase(name) {
        name if name.is_empty() => address.to_string(),
        name => format!("{name}\r\n <{address}>"),
    }
}

/// Formats a URL for `List-Unsubscribe`: in angle brackets, other characters percent-encoded, and folded if long, which
/// readers of this header undo (RFC 2369 §2).
fn bracketed(url: &str) -> String {
    const FOLD_AFTER: usize = 900;
    let mut header = String::with_capacity(url.len() + 2);
    let mut line_length = 0;
    header.push('<');
    for byte in url.bytes() {
        if line_length >= FOLD_AFTER {
            header.push_str("\r\n ");
            line_length = 0;
        }
        if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>') {
            header.push(char::from(byte));
        } else {
            write!(header, "%{byte:02X}").expect("a string takes everything");
        }
        line_length += 1;
    }
    header.push('>');
    header
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn email() -> Email {
        Email {
            id: Uuid::from_u128(7),
            at: "2026-11-24T03:06:07.5Z".parse().unwrap(),
            from_name: "Riverside Council".to_owned(),
            from_address: "riverside@mail.example".to_owned(),
            to: "ada@example.com".to_owned(),
            reply_to: None,
            subject: "Your bin day".to_owned(),
            plain_body: "Friday.\n".to_owned(),
            html_body: "<p class=\"x\">Friday.</p>\n".to_owned(),
            unsubscribe_url: None,
        }
    }

    fn text(email: &Email) -> String {
        String::from_utf8(encode(email).unwrap().bytes).unwrap()
    }

    /// Returns the headers with their folding undone, without the bodies.
    fn headers(email: &Email) -> Vec<String> {
        let message = text(email);
        let (head, _) = message.split_once("\r\n\r\n").unwrap();
        head.replace("\r\n ", " ")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn an_email_has_a_text_and_an_html_alternative() {
        let expected = "\
            Date: Tue, 24 Nov 2026 03:06:07 +0000\r\n\
            From: \"Riverside Council\"\r\n <riverside@mail.example>\r\n\
            To: ada@example.com\r\n\
            Subject: Your bin day\r\n\
            Message-ID: <00000000-0000-0000-0000-000000000007@mail.example>\r\n\
            X-Pillarbox-Id: 00000000-0000-0000-0000-000000000007\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=\"=_00000000-0000-0000-0000-000000000007\"\r\n\
            \r\n\
            --=_00000000-0000-0000-0000-000000000007\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            \r\n\
            Friday.\r\n\r\n\
            --=_00000000-0000-0000-0000-000000000007\r\n\
            Content-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            \r\n\
            <p class=3D\"x\">Friday.</p>\r\n\r\n\
            --=_00000000-0000-0000-0000-000000000007--\r\n";
        assert_eq!(text(&email()), expected);
    }

    #[test]
    fn one_click_unsubscribing_takes_two_headers() {
        let url = "https://notify.example/unsubscribe/1/abc==";
        let headers = headers(&Email {
            unsubscribe_url: Some(url.to_owned()),
            reply_to: Some("bins@riverside.example".to_owned()),
            ..email()
        });
        assert!(headers.contains(&format!("List-Unsubscribe: <{url}>")));
        assert!(headers.contains(&"List-Unsubscribe-Post: List-Unsubscribe=One-Click".to_owned()));
        assert!(headers.contains(&"Reply-To: bins@riverside.example".to_owned()));
    }

    #[test]
    fn no_text_can_start_a_header() {
        let evil = "x\r\nBcc: eve@example.com\r\n\r\n<script>";
        let attacked = Email {
            from_name: evil.to_owned(),
            subject: evil.to_owned(),
            unsubscribe_url: Some(format!("https://e.example/>{evil}")),
            ..email()
        };
        let headers = headers(&attacked);
        assert_eq!(headers.len(), 10);
        assert!(headers.iter().all(|header| !header.starts_with("Bcc")));
        assert!(headers.contains(
            &"List-Unsubscribe: <https://e.example/%3Ex%0D%0ABcc:%20eve@example.com%0D%0A%0D%0A%3Cscript%3E>".to_owned()
        ));
    }

    #[test]
    fn an_address_that_could_inject_a_header_is_refused() {
        for to in ["ada@example.com\r\nBcc: eve@example.com", "", "ada"] {
            let error = encode(&Email {
                to: to.to_owned(),
                ..email()
            })
            .err()
            .unwrap();
            assert!(matches!(
                error,
                SendError::Rejected {
                    reason: RejectReason::Recipient,
                    ..
                }
            ));
        }
        let sender = Email {
            from_address: "a b@c.d\r\n".to_owned(),
            ..email()
        };
        assert!(matches!(
            encode(&sender).err().unwrap(),
            SendError::Rejected {
                reason: RejectReason::Message,
                ..
            }
        ));
    }

    #[test]
    fn every_line_is_short_and_ascii_and_ends_in_crlf() {
        let hostile = Email {
            subject: "🎉".repeat(300),
            from_name: "W".repeat(2_000),
            plain_body: format!(
                "{}\r.\r\n.\n..\n\0\u{7f} \t \n--=_{}\nFrom x\n",
                "x".repeat(5_000),
                Uuid::from_u128(7)
            ),
            html_body: "日本語\r".repeat(500),
            unsubscribe_url: Some(format!("https://e.example/{}", "y".repeat(3_000))),
            ..email()
        };
        let message = text(&hostile);
        assert!(message.is_ascii());
        for line in message.split("\r\n") {
            assert!(line.len() <= 998, "{}", line.len());
            assert!(!line.contains(['\r', '\n']));
        }
        assert_eq!(message.matches("--=_").count(), 3, "no body ends its part");
        assert!(message.contains("Content-Transfer-Encoding: base64"));
        assert_eq!(
            text(&hostile),
            message,
            "the same e-mail gives the same bytes"
        );
    }
}
