//! Handing e-mails to a relay, and everything that a relay can do to them.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use pillarbox_providers::{
    Email, EmailProvider, RejectReason, SendError, Sink,
    email::smtp::{SmtpRelay, SmtpSettings, SmtpTls},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::{TempDir, tempdir};
use tokio::{task::JoinSet, time};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    messages::email,
    refused_settings::assert_promises_too_much,
    smtp_server::{Act, GREETING, Relay, TEXT},
};

fn settings(relay: &Relay) -> SmtpSettings {
    SmtpSettings {
        port: Some(relay.port),
        tls: SmtpTls::None,
        hello_name: Some("pillarbox.example".to_owned()),
        ..SmtpSettings::for_host("127.0.0.1")
    }
}

fn client(relay: &Relay) -> SmtpRelay {
    SmtpRelay::new(&settings(relay)).unwrap()
}

fn is_rejected(error: &SendError, expected: RejectReason) -> bool {
    matches!(error, SendError::Rejected { reason, .. } if *reason == expected)
}

#[tokio::test]
async fn a_relay_is_given_what_the_sink_keeps() {
    let relay = Relay::start().await;
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());

    let handed = client(&relay).send(&email(1)).await.unwrap();
    EmailProvider::send(&sink, &email(1)).await.unwrap();

    assert_eq!(handed.reference.as_deref(), Some("4XyZ123abc"));
    assert_eq!(
        relay.commands(),
        [
            "EHLO pillarbox.example",
            "MAIL FROM:<riverside@mail.example>",
            "RCPT TO:<ada@example.com>",
            "DATA"
        ]
    );
    let kept = fs::read(&sink.list(None, 1).unwrap()[0].path).unwrap();
    assert_eq!(relay.texts(), [kept]);
}

#[tokio::test]
async fn messages_share_a_connection() {
    let relay = Relay::start().await;
    let client = client(&relay);
    for number in 0..5 {
        client.send(&email(number)).await.unwrap();
    }
    assert_eq!(relay.connections(), 1);
    assert_eq!(relay.texts().len(), 5);
}

#[tokio::test]
async fn no_more_connections_are_opened_than_allowed() {
    let relay = Relay::start().await;
    let client = Arc::new(
        SmtpRelay::new(&SmtpSettings {
            pool_size: 3,
            ..settings(&relay)
        })
        .unwrap(),
    );
    let mut sends = JoinSet::new();
    for number in 0..50 {
        let client = Arc::clone(&client);
        sends.spawn(async move { client.send(&email(number)).await });
    }
    for sent in sends.join_all().await {
        sent.unwrap();
    }
    assert_eq!(relay.texts().len(), 50);
    assert!(relay.connections() <= 3);
    assert_eq!(client.concurrency(), 3);
}

#[tokio::test]
async fn hostile_text_arrives_as_text() {
    let relay = Relay::start().await;
    let evil = "x\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\n";
    let hostile = Email {
        from_name: format!("\"{evil}"),
        subject: format!("🎉 {evil}"),
        plain_body: format!(
            ".\r\n..\n.\r.\n{evil}lone\rcarriage\r\n.\r\n{}\n",
            ".".repeat(5_000)
        ),
        html_body: format!("<p>{}</p>\r.\r", "<b>.</b>".repeat(20_000)),
        ..email(1)
    };
    client(&relay).send(&hostile).await.unwrap();

    let commands = relay.commands();
    assert_eq!(commands.len(), 4, "{commands:?}");
    let text = String::from_utf8(relay.texts().remove(0)).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().all(|line| !line.starts_with("Bcc")));
    assert!(
        text.split("\r\n")
            .all(|line| line.len() <= 998 && !line.contains('\r'))
    );
}

#[tokio::test]
async fn a_relay_that_offers_no_starttls_is_told_nothing() {
    let relay = Relay::start().await;
    let client = SmtpRelay::new(&SmtpSettings {
        tls: SmtpTls::Starttls,
        username: Some("us".to_owned()),
        password: "hunter2".into(),
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("the relay offers no STARTTLS")
    );
    assert_eq!(relay.commands(), ["EHLO pillarbox.example"]);
}

#[tokio::test]
async fn a_relay_that_refuses_starttls_is_told_nothing() {
    let relay = Relay::start_with(&["STARTTLS"], None, false).await;
    relay.will("STARTTLS", Act::Say("454 TLS not available"));
    let client = SmtpRelay::new(&SmtpSettings {
        tls: SmtpTls::Starttls,
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "{error}");
    assert!(relay.texts().is_empty());
}

/// An authority's file to trust, and a server's side of TLS for `localhost` that it vouches for.
fn certificates() -> (TempDir, PathBuf, Arc<ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();

    let directory = tempdir().unwrap();
    let file = directory.path().join("authority.pem");
    fs::write(&file, authority.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (directory, file, Arc::new(server))
}

#[tokio::test]
async fn the_password_and_the_message_go_over_a_protected_connection() {
    let (_directory, authority, server) = certificates();
    for (tls, from_the_start) in [(SmtpTls::Starttls, false), (SmtpTls::Tls, true)] {
        let relay = Relay::start_with(
            &["STARTTLS", "AUTH PLAIN"],
            Some(server.clone()),
            from_the_start,
        )
        .await;
        let client = SmtpRelay::new(&SmtpSettings {
            host: "localhost".to_owned(),
            tls,
            ca_file: Some(authority.clone()),
            username: Some("us".to_owned()),
            password: "hunter2".into(),
            ..settings(&relay)
        })
        .unwrap();
        client.send(&email(1)).await.unwrap();
        let verbs: Vec<_> = relay
            .commands()
            .iter()
            .map(|command| command.split(' ').next().unwrap().to_owned())
            .collect();
        let expected: &[&str] = if from_the_start {
            &["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        } else {
            &["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        };
        assert_eq!(verbs, expected);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let (_directory, _, server) = certificates();
    let relay = Relay::start_with(&["STARTTLS"], Some(server), false).await;
    let client = SmtpRelay::new(&SmtpSettings {
        host: "localhost".to_owned(),
        tls: SmtpTls::Starttls,
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("no connection to the relay, or no protected one")
    );
    assert_eq!(relay.commands().len(), 2);
}

#[tokio::test]
async fn a_refused_login_is_an_operators_matter_and_does_not_show_the_password() {
    let relay = Relay::start_with(&["AUTH PLAIN LOGIN"], None, false).await;
    relay.will(
        "AUTH",
        Act::Say("535 5.7.8 hunter2 is not the password of us"),
    );
    let client = SmtpRelay::new(&SmtpSettings {
        username: Some("us".to_owned()),
        password: "hunter2".into(),
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }));
    assert_eq!(
        error.detail().to_string(),
        "the relay refuses our login, smtp 535, code 5.7.8"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

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
async fn a_connection_that_breaks_after_the_text_leaves_the_message_unknown() {
    let relay = Relay::start().await;
    relay.will(TEXT, Act::HangUp);
    let error = client(&relay).send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unknown("the connection to the relay broke after the text was sent")
    );
    assert_eq!(relay.texts().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_text_is_a_plain_no() {
    for moment in [GREETING, "EHLO", "MAIL", "RCPT", "DATA"] {
        let relay = Relay::start().await;
        relay.will(moment, Act::HangUp);
        let error = client(&relay).send(&email(1)).await.unwrap_err();
        assert!(
            matches!(error, SendError::Unavailable { .. }),
            "{moment}: {error}"
        );
        assert!(relay.texts().is_empty());
    }
}

#[tokio::test]
async fn silence_is_waited_for_as_long_as_the_settings_say() {
    let late = "the relay did not answer in time";
    for (moment, seconds, expected) in [
        (
            GREETING,
            300,
            SendError::unavailable("the relay did not greet us in time"),
        ),
        ("MAIL", 300, SendError::unavailable(late)),
        ("RCPT", 300, SendError::unavailable(late)),
        ("DATA", 300, SendError::unavailable(late)),
        (
            TEXT,
            600,
            SendError::unknown("the relay did not answer in time after the text was sent"),
        ),
    ] {
        let relay = Relay::start().await;
        relay.will(moment, Act::FallSilent);
        let client = client(&relay);
        let send = tokio::spawn(async move { client.send(&email(1)).await });
        relay.fallen_silent.notified().await;
        time::pause();
        let silent_since = time::Instant::now();
        assert_eq!(send.await.unwrap().unwrap_err(), expected, "{moment}");
        // The step had begun a moment before.
        let waited = silent_since.elapsed().as_secs();
        assert!(
            (seconds - 30..=seconds).contains(&waited),
            "{moment}: {waited}"
        );
        time::resume();
    }
}

#[tokio::test]
async fn a_connection_that_went_stale_is_replaced_without_a_word() {
    for line in ["250 Ok: queued as 1abcdef", "250 2.0.0 Ok"] {
        let relay = Relay::start().await;
        relay.will(TEXT, Act::SayAndHangUp(line));
        let client = client(&relay);
        client.send(&email(1)).await.unwrap();
        client.send(&email(2)).await.unwrap();
        assert_eq!(relay.connections(), 2);
        assert_eq!(relay.texts().len(), 2);
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_unavailable() {
    let relay = Relay::start().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let client = SmtpRelay::new(&SmtpSettings {
        port: Some(port),
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("no connection to the relay, or no protected one")
    );
}

#[tokio::test]
async fn an_address_outside_ascii_needs_a_relay_that_can() {
    let welsh = Email {
        to: "siôn@bücher.example".to_owned(),
        ..email(1)
    };
    let relay = Relay::start().await;
    let error = client(&relay).send(&welsh).await.unwrap_err();
    assert!(is_rejected(&error, RejectReason::Recipient));

    let relay = Relay::start_with(&["8BITMIME", "SMTPUTF8"], None, false).await;
    client(&relay).send(&welsh).await.unwrap();
    assert_eq!(
        relay.commands()[1..3],
        [
            "MAIL FROM:<riverside@mail.example> SMTPUTF8 BODY=8BITMIME",
            "RCPT TO:<siôn@xn--bcher-kva.example>"
        ]
    );
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let good = SmtpSettings::for_host("relay.example");
    assert!(SmtpRelay::new(&good).is_ok());
    for bad in [
        SmtpSettings {
            host: String::new(),
            ..good.clone()
        },
        SmtpSettings {
            pool_size: 0,
            ..good.clone()
        },
        SmtpSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        SmtpSettings {
            connect_timeout_seconds: 0,
            ..good.clone()
        },
        SmtpSettings {
            end_of_data_timeout_seconds: 0,
            ..good.clone()
        },
        SmtpSettings {
            hello_name: Some("a\r\nMAIL".to_owned()),
            ..good.clone()
        },
        SmtpSettings {
            ca_file: Some("/nonexistent".into()),
            ..good.clone()
        },
    ] {
        assert!(SmtpRelay::new(&bad).is_err());
    }
    let secretive = SmtpSettings {
        password: "hunter2".into(),
        ..good
    };
    assert!(!format!("{secretive:?}").contains("hunter2"));
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

#[tokio::test]
async fn what_follows_the_reply_to_starttls_in_the_clear_is_not_read() {
    let (_directory, authority, server) = certificates();
    let relay = Relay::start_with(&["STARTTLS"], Some(server), false).await;
    let settings = SmtpSettings {
        host: "localhost".to_owned(),
        tls: SmtpTls::Starttls,
        ca_file: Some(authority),
        ..settings(&relay)
    };
    // A reply by a man in the middle, to be taken for that to the EHLO inside TLS.
    relay.will(
        "STARTTLS",
        Act::SayAsUsual("220 go ahead\r\n250-relay.example\r\n250 AUTH PLAIN"),
    );
    let client = SmtpRelay::new(&settings).unwrap();
    let receipt = client.send(&email(1)).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("4XyZ123abc"));
}

#[tokio::test]
async fn receipts_without_an_address_for_them_are_refused_at_the_start() {
    let settings = SmtpSettings {
        reports_delivery: true,
        ..SmtpSettings::for_host("relay.example")
    };
    assert_promises_too_much(&settings, "reports_delivery", "smtp", "return_path");
}

/// `cargo test --release -p providers -- --ignored --nocapture speed`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed_of_the_relay() {
    const MESSAGES: u32 = 5_000;
    let (_directory, authority, server) = certificates();
    for tls in [SmtpTls::None, SmtpTls::Starttls, SmtpTls::Tls] {
        let relay =
            Relay::start_with(&["STARTTLS"], Some(server.clone()), tls == SmtpTls::Tls).await;
        let client = SmtpRelay::new(&SmtpSettings {
            host: "localhost".to_owned(),
            tls,
            ca_file: Some(authority.clone()),
            ..settings(&relay)
        })
        .unwrap();
        let client = Arc::new(client);
        let started = std::time::Instant::now();
        let mut sends = JoinSet::new();
        for number in 0..MESSAGES {
            let client = Arc::clone(&client);
            sends.spawn(async move { client.send(&email(number.into())).await.unwrap() });
        }
        sends.join_all().await;
        println!(
            "{tls:?}: {:.0} e-mails/s",
            f64::from(MESSAGES) / started.elapsed().as_secs_f64()
        );
    }
}
