//! Delivery status notifications (RFC 3464): what mail servers report about an e-mail, and which of ours it was.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use uuid::Uuid;

/// Reports are a few kilobytes; a longer one returns a whole message, which is not needed.
pub const MAX_BYTES: usize = 1 << 20;

/// The header with the notification's id, which a returned message still has.
const ID_HEADER: &str = "x-pillarbox-id";

/// What a mail server reports about an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsn {
    /// The id of the notification.
    pub id: Uuid,
    /// What became of it.
    pub outcome: DsnOutcome,
    /// The enhanced status code, such as `5.1.1`.
    pub status: Option<String>,
}

/// What became of an e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsnOutcome {
    /// The mailbox has it, or a server that reports no further.
    Delivered,
    /// The address takes no e-mail, now or later.
    HardBounce,
    /// This e-mail was refused; the address may take another.
    Rejected,
    /// The mailbox did not take it in time.
    SoftBounce,
    /// It is still on its way.
    Delayed,
}

/// Parses a report. `None` if the message is none, or is about no e-mail of ours.
pub fn parse(message: &[u8]) -> Option<Dsn> {
    let message = MessageParser::default().parse(message)?;
    let groups = delivery_status(&message)?;
    let id = find_id(&message, &groups)?;
    // The first group is about the report, each further one about a recipient; our e-mails have one.
    let recipient = groups
        .iter()
        .find(|group| group.field("action").is_some())?;
    let status = recipient
        .field("status")
        .and_then(|status| status.split_whitespace().next())
        .filter(|status| is_enhanced_code(status));
    Some(Dsn {
        id,
        outcome: outcome(recipient.field("action")?, status)?,
        status: status.map(str::to_owned),
    })
}

fn outcome(action: &str, status: Option<&str>) -> Option<DsnOutcome> {
    Some(match action.to_ascii_lowercase().as_str() {
        // A relay that passes it to a server without DSN says `relayed`: nothing more will be heard.
        "delivered" | "relayed" | "expanded" => DsnOutcome::Delivered,
        "delayed" => DsnOutcome::Delayed,
        "failed" => bounce(status.unwrap_or_default()),
        _ => return None,
    })
}

/// Classifies a failure by its enhanced code (`docs/providers.md`). A class 4 is final here: the server has stopped trying.
fn bounce(status: &str) -> DsnOutcome {
    let mut numbers = status.split('.').map(|one| one.parse::<u16>().ok());
    let (class, subject, detail) = (
        numbers.next().flatten(),
        numbers.next().flatten(),
        numbers.next().flatten(),
    );
    match (class, subject, detail) {
        // A full mailbox, whichever class the server chooses; and a message that was tried for too long.
        (Some(4), _, _) | (_, Some(2), Some(2)) | (_, Some(4), Some(7)) => DsnOutcome::SoftBounce,
        // No such mailbox or domain, a mailbox that is closed, or has a new owner.
        (Some(5), Some(1), Some(0..=6 | 10))
        | (Some(5), Some(2), Some(0 | 1))
        | (Some(5), Some(4), Some(1 | 4))
        | (Some(5), Some(7), Some(17 | 18)) => DsnOutcome::HardBounce,
        (Some(5), _, _) => DsnOutcome::Rejected,
        // Without a code nothing is known about the address.
        _ => DsnOutcome::SoftBounce,
    }
}

fn is_enhanced_code(text: &str) -> bool {
    text.len() <= 12
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Fields of one group of `message/delivery-status`, with names in lower case.
struct Group(Vec<(String, String)>);

impl Group {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn delivery_status(message: &Message<'_>) -> Option<Vec<Group>> {
    let part = message.parts.iter().find(|part| {
        part.is_content_type("message", "delivery-status")
            || part.is_content_type("message", "global-delivery-status")
    })?;
    let text = String::from_utf8_lossy(part.contents());
    let mut groups = vec![Group(Vec::new())];
    for line in text.lines() {
        let fields = &mut groups.last_mut().expect("it has one from the start").0;
        if line.trim().is_empty() {
            groups.push(Group(Vec::new()));
        } else if line.starts_with([' ', '\t']) {
            // A folded field goes on.
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Some(groups)
}

/// Finds the id of the notification: in the address that the report was sent to, in the envelope id that we gave, or in the
/// headers of the returned message.
fn find_id(message: &Message<'_>, groups: &[Group]) -> Option<Uuid> {
    let addressed = ["Delivered-To", "X-Original-To", "Envelope-To", "To"];
    let in_address = addressed
        .iter()
        .filter_map(|name| message.header_raw(*name))
        .find_map(id_in_address);
    in_address
        .or_else(|| {
            let envelope = groups
                .iter()
                .find_map(|group| group.field("original-envelope-id"));
            Uuid::try_parse(envelope?.trim()).ok()
        })
        .or_else(|| message.parts.iter().find_map(id_in_returned))
}

/// Returns the id in an address such as `bounces+0190…@notify.example`.
pub(crate) fn id_in_address(text: &str) -> Option<Uuid> {
    text.split('+').skip(1).find_map(|rest| {
        let (id, _) = rest.split_once('@')?;
        (id.len() == 32).then(|| Uuid::try_parse(id).ok()).flatten()
    })
}

fn id_in_returned(part: &MessagePart<'_>) -> Option<Uuid> {
    if let PartType::Message(returned) = &part.body {
        let value = returned.header_raw(ID_HEADER)?;
        return Uuid::try_parse(value.trim()).ok();
    }
    if !part.is_content_type("text", "rfc822-headers") {
        return None;
    }
    let text = String::from_utf8_lossy(part.contents()).into_owned();
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_id = name.eq_ignore_ascii_case(ID_HEADER);
        is_id.then(|| Uuid::try_parse(value.trim()).ok()).flatten()
    })
}

/// Returns the address to which reports about an e-mail are sent: the return path with the id behind its local part.
pub(crate) fn return_path(address: &str, id: Uuid) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    Some(format!("{local}+{}@{domain}", id.simple()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

    /// A report as Postfix writes it.
    fn report(to: &str, envelope: &str, action: &str, status: &str, returned: &str) -> String {
        format!(
            "Return-Path: <>\r\n{to}From: MAILER-DAEMON@relay.example (Mail Delivery System)\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b/1\"\r\n\r\n\
             --b/1\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             I'm sorry.\r\n\r\n\
             --b/1\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; relay.example\r\n{envelope}X-Postfix-Queue-ID: 4XyZ\r\n\r\n\
             Final-Recipient: rfc822; ada@example.com\r\nAction: {action}\r\nStatus: {status}\r\n\
             Remote-MTA: dns; mx.example.com\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n    no such user\r\n\r\n\
             --b/1\r\nContent-Description: Undelivered Message\r\n{returned}\r\n--b/1--\r\n"
        )
    }

    fn headers() -> String {
        format!(
            "Content-Type: text/rfc822-headers\r\n\r\nSubject: Hello\r\nX-Pillarbox-Id: {ID}\r\n"
        )
    }

    fn id() -> Uuid {
        ID.parse().unwrap()
    }

    #[test]
    fn a_report_is_matched_by_address_envelope_or_returned_message() {
        let verp = format!("To: bounces+{}@notify.example\r\n", id().simple());
        let envelope = format!("Original-Envelope-Id: {ID}\r\n");
        let message = format!(
            "Content-Type: message/rfc822\r\n\r\nSubject: Hello\r\nX-Pillarbox-Id: {ID}\r\n\r\nText\r\n"
        );
        for text in [
            report(&verp, "", "failed", "5.1.1", ""),
            report("To: x@notify.example\r\n", &envelope, "failed", "5.1.1", ""),
            report("", "", "failed", "5.1.1", &headers()),
            report("", "", "failed", "5.1.1", &message),
        ] {
            let expected = Dsn {
                id: id(),
                outcome: DsnOutcome::HardBounce,
                status: Some("5.1.1".to_owned()),
            };
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(
            parse(report("", "", "failed", "5.1.1", "").as_bytes()),
            None
        );
    }

    #[test]
    fn the_action_and_the_code_decide() {
        use DsnOutcome::{Delayed, Delivered, HardBounce, Rejected, SoftBounce};
        for (action, status, expected) in [
            ("delivered", "2.0.0", Delivered),
            ("relayed", "2.0.0", Delivered),
            ("Delayed", "4.4.1", Delayed),
            ("failed", "5.1.1", HardBounce),
            ("failed", "5.1.2", HardBounce),
            ("failed", "5.4.4", HardBounce),
            ("failed", "5.2.2", SoftBounce),
            ("failed", "4.4.7", SoftBounce),
            ("failed", "4.2.1", SoftBounce),
            ("failed", "5.7.1", Rejected),
            ("failed", "5.3.4", Rejected),
            ("failed", "5.0.0", Rejected),
            ("failed", "", SoftBounce),
        ] {
            let text = report("", "", action, status, &headers());
            let found = parse(text.as_bytes()).map(|dsn| dsn.outcome);
            assert_eq!(found, Some(expected), "{action} {status}");
        }
    }

    #[test]
    fn other_mail_is_no_report() {
        let nested = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n".repeat(2000);
        for text in [
            "",
            "Subject: Hello\r\n\r\nHow are you?",
            "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
            &nested,
        ] {
            assert_eq!(parse(text.as_bytes()), None);
        }
    }

    #[test]
    fn the_return_path_carries_the_id() {
        let address = return_path("bounces@notify.example", id()).unwrap();
        assert_eq!(id_in_address(&address), Some(id()));
        assert_eq!(id_in_address("bounces@notify.example"), None);
        assert_eq!(id_in_address("a+b@notify.example"), None);
    }
}
