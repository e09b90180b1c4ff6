//! What the sink keeps, and how one sees it.

use std::{fs, path::Path, sync::Arc};

use domain::Channel;
use pillarbox_providers::{
    Email, EmailProvider, LetterProvider, SendError, SendReceipt, Sink, Sms, SmsProvider,
    sink::{Counts, SinkMessage},
};
use tempfile::tempdir;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::messages::{email, letter, sms};

async fn send_email(sink: &Sink, email: &Email) -> Result<SendReceipt, SendError> {
    EmailProvider::send(sink, email).await
}

async fn send_sms(sink: &Sink, sms: &Sms) -> Result<SendReceipt, SendError> {
    SmsProvider::send(sink, sms).await
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_channel_is_kept_in_its_own_form() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path().join("made/when/needed"));
    let day = |channel: &str| {
        directory
            .path()
            .join("made/when/needed")
            .join(channel)
            .join("2026-11-24")
    };

    let handed = send_email(&sink, &email(1)).await.unwrap();
    send_sms(&sink, &sms(2)).await.unwrap();
    LetterProvider::send(&sink, &letter(3)).await.unwrap();

    assert_eq!(handed.reference, Some(Uuid::from_u128(1).to_string()));
    let kept =
        fs::read_to_string(day("email").join("00000000-0000-0000-0000-000000000001.eml")).unwrap();
    assert!(kept.contains("Subject: Your bin day\r\n"));
    assert_eq!(
        fs::read_to_string(day("sms").join("00000000-0000-0000-0000-000000000002.txt")).unwrap(),
        "To: 447700900123\nFrom: RIVERSIDE\nDate: 2026-11-24T03:06:07.25Z\n\
         Reference: 00000000-0000-0000-0000-000000000002\n\nRiverside: Ada, your bin day is Friday"
    );
    assert_eq!(
        fs::read(day("letter").join("00000000-0000-0000-0000-000000000003.pdf")).unwrap(),
        b"%PDF-1.7 pages"
    );
    assert_eq!(
        sink.count().unwrap(),
        Counts {
            email: 1,
            sms: 1,
            letter: 1
        }
    );
}

#[tokio::test]
async fn a_second_hand_over_is_seen_and_replaces_nothing() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    for content in ["one", "two", "three"] {
        let sms = Sms {
            content: content.to_owned(),
            ..sms(1)
        };
        send_sms(&sink, &sms).await.unwrap();
    }

    let day = directory.path().join("sms/2026-11-24");
    let id = Uuid::from_u128(1);
    assert_eq!(
        names(&day),
        [
            format!("{id}.2.txt"),
            format!("{id}.3.txt"),
            format!("{id}.txt")
        ]
    );
    assert!(
        fs::read_to_string(day.join(format!("{id}.txt")))
            .unwrap()
            .ends_with("\n\none")
    );
    assert!(
        fs::read_to_string(day.join(format!("{id}.2.txt")))
            .unwrap()
            .ends_with("\n\ntwo")
    );
    let copies: Vec<u32> = sink
        .list(None, 10)
        .unwrap()
        .iter()
        .map(|kept| kept.copy)
        .collect();
    assert_eq!(copies, [3, 2, 1]);
}

#[tokio::test]
async fn hand_overs_at_the_same_time_all_get_a_file_of_their_own() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    let mut sends = JoinSet::new();
    for number in 0..200 {
        let sink = sink.clone();
        sends.spawn(async move { send_email(&sink, &email(number % 20)).await });
    }
    while let Some(sent) = sends.join_next().await {
        sent.unwrap().unwrap();
    }
    let kept = sink.list(Some(Channel::Email), 1_000).unwrap();
    assert_eq!(kept.len(), 200);
    assert_eq!(kept.iter().filter(|kept| kept.copy == 10).count(), 20);
    assert!(
        names(&directory.path().join("email/2026-11-24"))
            .iter()
            .all(|name| !name.starts_with('.'))
    );
}

#[tokio::test]
async fn the_list_is_newest_first_and_no_longer_than_asked() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    for (number, at) in [
        (1, "2026-11-23T23:59:59Z"),
        (2, "2026-11-24T00:00:00Z"),
        (3, "2025-01-01T00:00:00Z"),
    ] {
        send_email(
            &sink,
            &Email {
                at: at.parse().unwrap(),
                ..email(number)
            },
        )
        .await
        .unwrap();
    }
    send_sms(
        &sink,
        &Sms {
            at: "2026-11-24T00:00:00.000001Z".parse().unwrap(),
            ..sms(4)
        },
    )
    .await
    .unwrap();

    let order = |kept: Vec<SinkMessage>| {
        kept.iter()
            .map(|kept| kept.id.as_u128())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(sink.list(None, 10).unwrap()), [4, 2, 1, 3]);
    assert_eq!(order(sink.list(None, 2).unwrap()), [4, 2]);
    assert_eq!(order(sink.list(Some(Channel::Email), 2).unwrap()), [2, 1]);
    assert!(sink.list(None, 0).unwrap().is_empty());
    assert_eq!(
        sink.list(None, 1).unwrap()[0].at,
        "2026-11-24T00:00:00.000001Z".parse().unwrap()
    );
}

#[tokio::test]
async fn the_list_tells_to_whom_and_what_about() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    let subject = "Parti 🎉: dewch yn llu, mae croeso cynnes i bawb yn y neuadd ar y noson";
    send_email(
        &sink,
        &Email {
            subject: subject.to_owned(),
            ..email(1)
        },
    )
    .await
    .unwrap();
    let evil = "447700900123\n\nTo: someone else".to_owned();
    send_sms(
        &sink,
        &Sms {
            to: evil,
            content: "line one\nline two".to_owned(),
            ..sms(2)
        },
    )
    .await
    .unwrap();
    LetterProvider::send(&sink, &letter(3)).await.unwrap();

    let of = |channel| sink.list(Some(channel), 1).unwrap().remove(0);
    assert_eq!(of(Channel::Email).to.as_deref(), Some("ada@example.com"));
    assert_eq!(of(Channel::Email).summary.as_deref(), Some(subject));
    assert_eq!(
        of(Channel::Sms).to.as_deref(),
        Some("447700900123  To: someone else")
    );
    assert_eq!(
        of(Channel::Sms).summary.as_deref(),
        Some("line one line two")
    );
    assert_eq!(
        (of(Channel::Letter).to, of(Channel::Letter).summary),
        (None, None)
    );
    assert!(!format!("{:?}", of(Channel::Email)).contains("ada@"));
}

#[tokio::test]
async fn what_is_not_a_kept_message_is_not_listed() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    assert_eq!(sink.count().unwrap(), Counts::default());
    assert!(sink.list(None, 10).unwrap().is_empty());

    send_email(&sink, &email(1)).await.unwrap();
    let day = directory.path().join("email/2026-11-24");
    fs::write(day.join(".99-1.tmp"), "half").unwrap();
    fs::write(day.join("notes.eml"), "mine").unwrap();
    fs::create_dir(directory.path().join("email/attachments")).unwrap();
    assert_eq!(sink.list(None, 10).unwrap().len(), 1);
    assert_eq!(sink.count().unwrap().email, 1);
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_unavailable_and_not_a_lost_message() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = send_sms(&Sink::new(&file), &sms(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("the sink's directory is not a directory")
    );
}

#[tokio::test]
async fn a_sender_that_goes_away_does_not_stop_the_writers() {
    let directory = tempdir().unwrap();
    let sink = Sink::new(directory.path());
    for number in 0..10 {
        let sink = sink.clone();
        let send = tokio::spawn(async move { send_sms(&sink, &sms(number)).await });
        tokio::task::yield_now().await;
        send.abort();
    }
    send_sms(&sink, &sms(100)).await.unwrap();
}

#[test]
fn a_sink_outlives_the_runtime_it_was_used_in() {
    let directory = tempdir().unwrap();
    let sink = Arc::new(Sink::new(directory.path()));
    for number in 0..3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(send_sms(&sink, &sms(number))).unwrap();
    }
    assert_eq!(sink.count().unwrap().sms, 3);
}

/// `cargo test --release -p providers -- --ignored --nocapture speed`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed_of_the_sink() {
    const MESSAGES: u32 = 30_000;
    for kilobytes in [1, 15] {
        let directory = tempdir().unwrap();
        let sink = Sink::new(directory.path());
        let html_body = "<p>Dear Ada, it is Friday</p>\r\n".repeat(kilobytes * 1000 / 32);
        let message = Arc::new(Email {
            html_body,
            ..email(0)
        });
        let started = std::time::Instant::now();
        let mut sends = JoinSet::new();
        for number in 0..MESSAGES {
            if sends.len() >= 128 {
                sends.join_next().await.unwrap().unwrap();
            }
            let (sink, message) = (sink.clone(), Arc::clone(&message));
            sends.spawn(async move {
                let id = Uuid::from_u128(number.into());
                let email = Email {
                    id,
                    ..Email::clone(&message)
                };
                send_email(&sink, &email).await.unwrap();
            });
        }
        sends.join_all().await;
        let rate = f64::from(MESSAGES) / started.elapsed().as_secs_f64();
        println!("{rate:.0} e-mails/s of {kilobytes} KB");
        let started = std::time::Instant::now();
        assert_eq!(sink.list(None, 20).unwrap().len(), 20);
        println!("list of 20 in {MESSAGES}: {:?}", started.elapsed());
    }
}
