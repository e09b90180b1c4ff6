//! What a relay replies, and what becomes of the message.

use std::time::Duration;

use pillarbox_providers::{
    EmailProvider, RejectReason, SendError,
    email::smtp::{SmtpRelay, SmtpSettings, SmtpTls},
};
use tokio::time;

use super::{client, is_rejected, settings, tls::certificates};
use crate::{
    messages::email,
    smtp_server::{Act, GREETING, Relay, TEXT},
};

#[tokio::test]
async fn try_later_is_heard_and_the_next_try_goes_through() {
    let relay = Relay::start().await;
    relay.will("RCPT", Act::Say("451 4.3.0 try later, ada@example.com"));
    let client = client(&relay);
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }));
    assert_eq!(
        error.detail().to_string(),
        "the relay asks us to try later, smtp 451, code 4.3.0"
    );
    client.send(&email(1)).await.unwrap();
    assert_eq!(
        relay.connections(),
        1,
        "a refusal does not cost the connection"
    );
}

#[tokio::test]
async fn too_fast_is_throttled_wherever_it_is_said() {
    for (moment, line) in [
        (GREETING, "421 4.7.0 too many connections"),
        ("MAIL", "452 4.3.1 full"),
        ("RCPT", "421 4.7.28 rate limit"),
        (
            TEXT,
            "454 Throttling failure: Maximum sending rate exceeded.",
        ),
    ] {
        let relay = Relay::start().await;
        relay.will(moment, Act::SayAndHangUp(line));
        let client = client(&relay);
        let error = client.send(&email(1)).await.unwrap_err();
        assert!(
            matches!(error, SendError::Throttled { .. }),
            "{line}: {error}"
        );
        client.send(&email(1)).await.unwrap();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Throttled,
    Unavailable,
    /// The mailbox takes no messages now.
    Mailbox,
    Recipient,
    Message,
    Unknown,
}

impl Outcome {
    fn of(error: &SendError) -> Self {
        match error {
            SendError::Throttled { .. } => Self::Throttled,
            SendError::Unavailable { .. } => Self::Unavailable,
            SendError::RecipientUnavailable { .. } => Self::Mailbox,
            SendError::Rejected { reason, .. } => match reason {
                RejectReason::Recipient => Self::Recipient,
                RejectReason::Message => Self::Message,
            },
            SendError::Unknown { .. } => Self::Unknown,
        }
    }
}

/// The table of `docs/providers.md`, in replies that relays give.
const REFUSALS: &[(&str, &str, Outcome)] = &[
    // The sender: our domain, our account.
    (
        "MAIL",
        "550 5.7.1 riverside@mail.example may not",
        Outcome::Unavailable,
    ),
    ("MAIL", "501 5.1.8 no such domain", Outcome::Unavailable),
    ("MAIL", "552 5.3.4 too large", Outcome::Message),
    ("MAIL", "552 too large", Outcome::Message),
    ("MAIL", "452 4.3.1 full", Outcome::Throttled),
    ("MAIL", "451 4.3.0 try later", Outcome::Unavailable),
    // The recipient's address and mailbox.
    (
        "RCPT",
        "550 5.1.1 <ada@example.com>: no such user",
        Outcome::Recipient,
    ),
    (
        "RCPT",
        "550-5.1.1 no ada@example.com\r\n550 5.1.1 here",
        Outcome::Recipient,
    ),
    ("RCPT", "553 ada@example.com", Outcome::Recipient),
    (
        "RCPT",
        "550 5.2.1 ada@example.com is disabled",
        Outcome::Recipient,
    ),
    (
        "RCPT",
        "550 5.4.1 ada@example.com: access denied",
        Outcome::Recipient,
    ),
    (
        "RCPT",
        "450 4.1.1 ada@example.com unverified",
        Outcome::Mailbox,
    ),
    ("RCPT", "450 4.2.0 greylisted", Outcome::Mailbox),
    ("RCPT", "450 mailbox unavailable", Outcome::Mailbox),
    (
        "RCPT",
        "450 4.2.1 ada@example.com receives too much",
        Outcome::Mailbox,
    ),
    (
        "RCPT",
        "452 4.2.2 ada@example.com is over quota",
        Outcome::Mailbox,
    ),
    (
        "RCPT",
        "552 5.2.2 ada@example.com is over quota",
        Outcome::Mailbox,
    ),
    ("RCPT", "550 5.2.2 mailbox full", Outcome::Mailbox),
    ("RCPT", "552 exceeded storage allocation", Outcome::Mailbox),
    (
        "RCPT",
        "552 5.2.3 too large for ada@example.com",
        Outcome::Message,
    ),
    // Who may write to whom.
    (
        "RCPT",
        "550 5.7.1 ada@example.com takes mail from members only",
        Outcome::Recipient,
    ),
    (
        "RCPT",
        "554 5.7.1 <ada@example.com>: Relay access denied",
        Outcome::Unavailable,
    ),
    (
        "RCPT",
        "550 5.7.17 ada@example.com has a new owner",
        Outcome::Recipient,
    ),
    ("RCPT", "530 5.7.0 log in first", Outcome::Unavailable),
    (
        "RCPT",
        "550 5.7.26 riverside is not authenticated",
        Outcome::Unavailable,
    ),
    (
        "RCPT",
        "550 5.7.606 access denied, banned sending IP",
        Outcome::Unavailable,
    ),
    ("RCPT", "451 4.7.1 try later", Outcome::Unavailable),
    ("RCPT", "452 4.5.3 too many recipients", Outcome::Throttled),
    (
        "RCPT",
        "550 5.3.2 the system takes no messages",
        Outcome::Unavailable,
    ),
    // The text.
    ("DATA", "554 5.5.1 no valid recipients", Outcome::Message),
    ("DATA", "503 5.5.1 RCPT first", Outcome::Unavailable),
    ("DATA", "250 whatever", Outcome::Unavailable),
    (TEXT, "554 5.7.1 spam for ada@example.com", Outcome::Message),
    (TEXT, "552 5.3.4 too large", Outcome::Message),
    (TEXT, "552 too large", Outcome::Message),
    (
        TEXT,
        "552 5.7.0 dangerous content for ada@example.com",
        Outcome::Message,
    ),
    (
        TEXT,
        "550 5.1.1 no mailbox ada@example.com",
        Outcome::Recipient,
    ),
    (
        TEXT,
        "552 5.2.2 ada@example.com is over quota",
        Outcome::Mailbox,
    ),
    (
        TEXT,
        "452 4.2.2 ada@example.com is over quota",
        Outcome::Mailbox,
    ),
    (
        TEXT,
        "454 4.7.0 Maximum sending rate exceeded",
        Outcome::Throttled,
    ),
    (
        TEXT,
        "451 4.3.0 queue file write error",
        Outcome::Unavailable,
    ),
];

#[tokio::test]
async fn a_refusal_says_what_is_refused_and_never_to_whom() {
    for (moment, line, expected) in REFUSALS {
        let relay = Relay::start().await;
        relay.will(moment, Act::Say(line));
        let client = client(&relay);
        let error = client.send(&email(1)).await.unwrap_err();
        assert_eq!(Outcome::of(&error), *expected, "{moment} {line}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("ada"), "{error:?}");
        client.send(&email(2)).await.unwrap();
    }
}

#[tokio::test]
async fn replies_in_any_encoding_are_read() {
    let (_directory, authority, server) = certificates();
    for (tls, from_the_start) in [
        (SmtpTls::None, false),
        (SmtpTls::Starttls, false),
        (SmtpTls::Tls, true),
    ] {
        let relay = Relay::start_with(&["STARTTLS"], Some(server.clone()), from_the_start).await;
        let settings = SmtpSettings {
            host: "localhost".to_owned(),
            tls,
            ca_file: Some(authority.clone()),
            ..settings(&relay)
        };
        let client = SmtpRelay::new(&settings).unwrap();
        // Windows-1252 and ISO 8859-2.
        relay.will(GREETING, Act::SayBytes(b"220 gr\xfc\xdf dich"));
        relay.will("MAIL", Act::SayBytes(b"250 2.1.0 \xe0 vos ordres"));
        relay.will(
            TEXT,
            Act::SayBytes(b"250 2.0.0 za\xb6wiadczenie 4XyZ123abc"),
        );
        let receipt = client.send(&email(1)).await.unwrap();
        assert_eq!(receipt.reference.as_deref(), Some("4XyZ123abc"), "{tls:?}");

        relay.will("RCPT", Act::SayBytes(b"550 5.1.1 bo\xeete inconnue"));
        let error = client.send(&email(2)).await.unwrap_err();
        assert!(is_rejected(&error, RejectReason::Recipient), "{error:?}");
    }
}

#[tokio::test]
async fn a_reply_without_an_end_is_read_up_to_a_limit() {
    let (_directory, authority, server) = certificates();
    for (tls, from_the_start) in [
        (SmtpTls::None, false),
        (SmtpTls::Starttls, false),
        (SmtpTls::Tls, true),
    ] {
        for moment in [GREETING, "EHLO", "STARTTLS", "MAIL", TEXT] {
            if moment == "STARTTLS" && tls != SmtpTls::Starttls {
                continue;
            }
            let relay =
                Relay::start_with(&["STARTTLS"], Some(server.clone()), from_the_start).await;
            relay.will(moment, Act::SayWithoutEnd);
            let settings = SmtpSettings {
                host: "localhost".to_owned(),
                tls,
                ca_file: Some(authority.clone()),
                ..settings(&relay)
            };
            let client = SmtpRelay::new(&settings).unwrap();
            let sent = time::timeout(Duration::from_secs(20), client.send(&email(1))).await;
            let error = sent
                .unwrap_or_else(|_| panic!("{tls:?} {moment}: everything was read"))
                .unwrap_err();
            let is_temporary = match moment {
                TEXT => matches!(error, SendError::Unknown { .. }),
                _ => matches!(error, SendError::Unavailable { .. }),
            };
            assert!(is_temporary, "{tls:?} {moment}: {error:?}");
        }
    }
}
