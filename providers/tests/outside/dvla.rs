//! The DVLA's print service: what its protocol asks for beyond the conformance suite.

use std::path::Path;

use pillarbox_providers::{
    LetterProvider as _, ProviderSettings as _, RejectReason, SendError, letter::dvla::DvlaSettings,
};
use serde_json::json;
use uuid::Uuid;

use crate::conformance::{Behaviour, Subject as _, dvla::PrintService};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[tokio::test]
async fn letters_at_once_share_one_login() {
    let service = PrintService::start().await;
    let sends: Vec<_> = (1..=20).map(|number| service.send(id(number))).collect();
    for sent in all_of(sends).await {
        sent.unwrap();
    }
    assert_eq!(service.account.lock().unwrap().logins, 1);
}

#[tokio::test]
async fn a_token_is_replaced_a_minute_before_it_expires() {
    for (seconds_left, logins) in [(61, 1), (60, 2)] {
        let service = PrintService::start().await;
        let now = PrintService::letter(id(1)).at.as_second();
        service.account.lock().unwrap().token_expires_at = now + seconds_left;
        for number in [1, 2] {
            service.send(id(number)).await.unwrap();
        }
        assert_eq!(
            service.account.lock().unwrap().logins,
            logins,
            "{seconds_left}"
        );
    }
}

#[tokio::test]
async fn a_token_that_the_service_has_forgotten_is_replaced() {
    let service = PrintService::start().await;
    service.send(id(1)).await.unwrap();
    service.account.lock().unwrap().tokens.clear();
    let refused = service.send(id(2)).await.unwrap_err();
    assert!(
        matches!(refused, SendError::Unavailable { .. }),
        "{refused:?}"
    );
    service.send(id(2)).await.unwrap();
    assert_eq!(service.received(), [id(1), id(2)]);
}

/// Waits for all of these at the same time.
async fn all_of<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = one.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_letter_that_the_service_has_is_accepted() {
    let service = PrintService::start().await;
    service.next(Behaviour::CloseAfterAccepting);
    let lost = service.send(id(1)).await;
    assert!(matches!(lost, Err(SendError::Unknown { .. })), "{lost:?}");
    // It answers 409.
    service.send(id(1)).await.unwrap();
    assert_eq!(service.received(), [id(1), id(1)]);
}

#[tokio::test]
async fn a_wrong_login_is_no_fault_of_the_letter() {
    let service = PrintService::start().await;
    service.account.lock().unwrap().password = "changed elsewhere".to_owned();
    let error = service.send(id(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"));
    service.account.lock().unwrap().password = "hunter2".to_owned();
    service.account.lock().unwrap().api_key = "key-2".to_owned();
    let error = service.send(id(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "{error:?}");
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn the_password_of_a_change_that_was_cut_off_is_tried_too() {
    let service = PrintService::start().await;
    let login = service.provider.changing_credentials().unwrap();
    service.account.lock().unwrap().password = "the next one".to_owned();
    let mut credentials = login.configured();
    credentials.next_password = Some("the next one".into());
    login.set(credentials);
    service.send(id(1)).await.unwrap();
    assert_eq!(service.received(), [id(1)]);
}

#[tokio::test]
async fn password_and_key_are_changed() {
    let service = PrintService::start().await;
    let login = service.provider.changing_credentials().unwrap();
    login.change_password(&"n3w".into()).await.unwrap();
    assert_eq!(service.account.lock().unwrap().password, "n3w");
    assert!(login.accepts_password(&"n3w".into()).await.unwrap());
    assert!(!login.accepts_password(&"hunter2".into()).await.unwrap());
    let mut credentials = login.configured();
    credentials.password = "n3w".into();
    login.set(credentials.clone());
    let now = PrintService::letter(id(1)).at;
    let key = login.change_api_key(now).await.unwrap();
    assert_eq!(key.expose(), "key-1+");
    credentials.api_key = key;
    login.set(credentials);
    service.send(id(1)).await.unwrap();
}

#[tokio::test]
async fn other_answers_need_a_person() {
    let service = PrintService::start().await;
    service.next(Behaviour::RefuseMessage);
    let error = service.send(id(1)).await.unwrap_err();
    let SendError::Rejected { reason, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*reason, RejectReason::Message);
}

#[test]
fn incomplete_settings_are_refused_and_secrets_are_hidden() {
    let complete = json!({
        "base_url": "https://print.example/", "username": "u", "password": "hunter2", "api_key": "k-1",
    });
    for (member, value) in [
        ("base_url", json!("ftp://print.example")),
        ("username", json!("")),
        ("password", json!("")),
        ("api_key", json!("")),
        ("api_key", json!("two words")),
        ("volumes_to", json!(["nobody"])),
        ("concurrency", json!(0)),
        ("timeout_seconds", json!(0)),
    ] {
        let mut settings = complete.clone();
        settings[member] = value;
        let read: DvlaSettings = serde_json::from_value(settings).unwrap();
        let error = read.build(Path::new("/nowhere")).err().unwrap().to_string();
        assert!(error.contains(member), "{member}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let read: DvlaSettings = serde_json::from_value(complete).unwrap();
    let shown = format!("{read:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("k-1"),
        "{shown}"
    );
    assert_eq!(read.build(Path::new("/nowhere")).unwrap().name(), "dvla");
}
