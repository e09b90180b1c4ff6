//! Handing e-mails to a relay, and everything that a relay can do to them.

mod replies;
mod tls;

use std::{fs, sync::Arc};

use pillarbox_providers::{
    Email, EmailProvider, RejectReason, SendError, Sink,
    email::smtp::{SmtpRelay, SmtpSettings, SmtpTls},
};
use tempfile::tempdir;
use tokio::{task::JoinSet, time};

use crate::{
    messages::email,
    refused_settings::assert_promises_too_much,
    smtp_server::{Act, GREETING, Relay, TEXT},
};
use tls::certificates;

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
