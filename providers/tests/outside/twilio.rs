//! Texts through Twilio.

use std::{path::Path, time::Duration};

use pillarbox_providers::{
    ProviderSettings as _, RejectReason, SendError, SmsProvider,
    sms::twilio::{Twilio, TwilioSettings},
};
use tokio::time;

use crate::{
    http_server::{Act, Server, json},
    messages::sms,
    refused_settings::assert_promises_too_much,
};

fn settings(server: &Server) -> TwilioSettings {
    TwilioSettings {
        base_url: server.url.clone(),
        ..TwilioSettings::for_account("AC123", "hunter2")
    }
}

#[tokio::test]
async fn a_text_is_posted_and_twilios_reference_is_read() {
    let server = Server::start().await;
    server.will(json(
        201,
        r#"{"sid": "SM0123456789", "status": "queued", "to": "+447700900123"}"#,
    ));
    let client = Twilio::new(settings(&server)).unwrap();
    let handed = client.send(&sms(7)).await.unwrap();

    assert_eq!(handed.reference.as_deref(), Some("SM0123456789"));
    assert!(
        !client.reports_delivery(),
        "no address for receipts was given"
    );
    let request = server.requests().remove(0);
    assert_eq!(
        request.line,
        "POST /2010-04-01/Accounts/AC123/Messages.json HTTP/1.1"
    );
    assert_eq!(
        request.header("authorization"),
        Some("Basic QUMxMjM6aHVudGVyMg==")
    );
    assert_eq!(
        request.body,
        "To=%2B447700900123&Body=Riverside%3A+Ada%2C+your+bin+day+is+Friday&From=RIVERSIDE"
    );
}

#[tokio::test]
async fn an_api_key_a_messaging_service_and_a_callback_are_used_if_given() {
    let server = Server::start().await;
    let client = Twilio::new(TwilioSettings {
        api_key_sid: Some("SK456".to_owned()),
        messaging_service_sid: Some("MG789".to_owned()),
        status_callback: Some("https://us.example/notifications/sms/twilio/{reference}".to_owned()),
        auth_token: Some("hunter3".to_owned().into()),
        ..settings(&server)
    })
    .unwrap();
    assert!(client.reports_delivery());
    client.send(&sms(7)).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(
        request.header("authorization"),
        Some("Basic U0s0NTY6aHVudGVyMg==")
    );
    assert!(request.body.ends_with(
        "&MessagingServiceSid=MG789&StatusCallback=https%3A%2F%2Fus.example%2Fnotifications%2Fsms%2Ftwilio%2F00000000-0000-0000-0000-000000000007"
    ));
}

#[tokio::test]
async fn twilios_codes_tell_what_can_be_done() {
    let server = Server::start().await;
    let client = Twilio::new(settings(&server)).unwrap();
    for (status, code, holds) in [
        (
            400,
            21211,
            (|e| {
                matches!(
                    e,
                    SendError::Rejected {
                        reason: RejectReason::Recipient,
                        ..
                    }
                )
            }) as fn(&SendError) -> bool,
        ),
        (400, 21610, |e| {
            matches!(
                e,
                SendError::Rejected {
                    reason: RejectReason::Recipient,
                    ..
                }
            )
        }),
        (400, 21614, |e| {
            matches!(
                e,
                SendError::Rejected {
                    reason: RejectReason::Recipient,
                    ..
                }
            )
        }),
        (400, 21617, |e| {
            matches!(
                e,
                SendError::Rejected {
                    reason: RejectReason::Message,
                    ..
                }
            )
        }),
        (400, 21606, |e| matches!(e, SendError::Unavailable { .. })),
        (401, 20003, |e| matches!(e, SendError::Unavailable { .. })),
        (
            429,
            20429,
            |e| matches!(e, SendError::Throttled { retry_after: Some(wait), .. } if *wait == Duration::from_secs(2)),
        ),
        (429, 0, |e| matches!(e, SendError::Throttled { .. })),
        (400, 21611, |e| matches!(e, SendError::Throttled { .. })),
        (503, 20503, |e| matches!(e, SendError::Unavailable { .. })),
    ] {
        let body = format!(
            r#"{{"code": {code}, "message": "The 'To' number +447700900123 is not valid", "status": {status}}}"#
        );
        server.will(Act::Answer(status, "Retry-After: 2\r\n", body));
        let error = client.send(&sms(1)).await.unwrap_err();
        assert!(holds(&error), "{status} {code}: {error:?}");
        assert!(
            error
                .to_string()
                .contains(&format!("http {status}, code {code}")),
            "{error}"
        );
        assert!(!format!("{error:?} {error}").contains("7700900123"));
    }
}

#[tokio::test]
async fn silence_after_the_request_leaves_the_message_unknown() {
    let server = Server::start().await;
    server.will(Act::FallSilent);
    let client = Twilio::new(settings(&server)).unwrap();
    let send = tokio::spawn(async move { client.send(&sms(1)).await });
    server.fallen_silent.notified().await;
    time::pause();
    assert!(matches!(
        send.await.unwrap(),
        Err(SendError::Unknown { .. })
    ));
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    let some = |text: &str| Some(text.to_owned());
    for bad in [
        TwilioSettings {
            account_sid: "AC/../x".to_owned(),
            ..good.clone()
        },
        TwilioSettings {
            from: some("us"),
            messaging_service_sid: some("MG1"),
            ..good.clone()
        },
        TwilioSettings {
            status_callback: some("https://us.example/{to}"),
            ..good.clone()
        },
        TwilioSettings {
            status_callback: some("/twilio"),
            ..good.clone()
        },
        TwilioSettings {
            base_url: "twilio".to_owned(),
            ..good.clone()
        },
        TwilioSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        TwilioSettings {
            concurrency: 0,
            ..good.clone()
        },
    ] {
        assert!(Twilio::new(bad).is_err());
    }
    assert!(!format!("{good:?}").contains("hunter2"));
}

#[tokio::test]
async fn receipts_whose_signature_cannot_be_checked_are_refused_at_the_start() {
    let settings = TwilioSettings {
        api_key_sid: Some("SK456".to_owned()),
        status_callback: Some("https://us.example/notifications/sms/twilio/{reference}".to_owned()),
        ..TwilioSettings::for_account("AC123", "hunter2")
    };
    assert_promises_too_much(&settings, "auth_token", "twilio", "set it");
    let without = TwilioSettings {
        status_callback: None,
        ..settings
    };
    assert!(without.build(Path::new("/nowhere")).is_ok());
}
