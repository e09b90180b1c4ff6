//! Texts through Firetext.

use pillarbox_providers::{
    RejectReason, SendError, Sms, SmsProvider,
    sms::firetext::{Firetext, FiretextSettings},
};

use crate::{
    http_server::{Server, json},
    messages::sms,
};

const QUEUED: &str =
    r#"{"code": 0, "description": "1 SMS successfully queued", "responseData": ""}"#;

fn settings(server: &Server) -> FiretextSettings {
    FiretextSettings {
        url: format!("{}/api/sendsms/json", server.url),
        ..FiretextSettings::with_key("hunter2")
    }
}

#[tokio::test]
async fn a_text_is_posted_as_a_form() {
    let server = Server::start().await;
    server.will(json(200, QUEUED));
    let client = Firetext::new(settings(&server)).unwrap();
    client.send(&sms(7)).await.unwrap();

    assert!(client.reports_delivery() && !client.supports_international());
    let request = server.requests().remove(0);
    assert_eq!(request.line, "POST /api/sendsms/json HTTP/1.1");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        request.body,
        "apiKey=hunter2&from=RIVERSIDE&to=447700900123&message=Riverside%3A+Ada%2C+your+bin+day+is+Friday\
         &reference=00000000-0000-0000-0000-000000000007"
    );
}

#[tokio::test]
async fn a_number_abroad_has_a_key_of_its_own() {
    let server = Server::start().await;
    let url = "https://notify.example/notifications/sms/firetext";
    let client = Firetext::new(FiretextSettings {
        international_api_key: Some("abroad".into()),
        receipt_url: Some(url.to_owned()),
        ..settings(&server)
    })
    .unwrap();
    assert!(client.supports_international());
    for international in [true, false] {
        server.will(json(200, QUEUED));
        let message = Sms {
            international,
            ..sms(7)
        };
        client.send(&message).await.unwrap();
    }
    let bodies: Vec<_> = server.requests().into_iter().map(|it| it.body).collect();
    assert!(bodies[0].starts_with("apiKey=abroad&"));
    assert!(bodies[1].starts_with("apiKey=hunter2&"));
    let receipt = "&receipt=https%3A%2F%2Fnotify.example%2Fnotifications%2Fsms%2Ffiretext";
    assert!(bodies[0].ends_with(receipt), "{}", bodies[0]);
}

#[tokio::test]
async fn the_code_of_a_reply_decides() {
    let server = Server::start().await;
    let client = Firetext::new(settings(&server)).unwrap();
    let rejected = |error: &SendError| match error {
        SendError::Rejected { reason, .. } => Some(*reason),
        _ => None,
    };
    for (code, expected) in [
        ("2", Some(RejectReason::Recipient)),
        ("5", Some(RejectReason::Message)),
        // Our key, our sender, our credit: nothing that the message is to blame for.
        ("1", None),
        ("3", None),
        ("7", None),
        (r#""1""#, None),
    ] {
        server.will(json(
            200,
            &format!(r#"{{"code": {code}, "description": "x"}}"#),
        ));
        let error = client.send(&sms(1)).await.unwrap_err();
        assert_eq!(rejected(&error), expected, "{code}: {error:?}");
        assert!(
            !matches!(error, SendError::Unknown { .. }),
            "{code}: {error:?}"
        );
    }
    for (accepted, body) in [(true, r#"{"code": "0"}"#), (false, "{}"), (false, "[0]")] {
        server.will(json(200, body));
        let sent = client.send(&sms(1)).await;
        let is_unknown = matches!(sent, Err(SendError::Unknown { .. }));
        assert_eq!((sent.is_ok(), is_unknown), (accepted, !accepted), "{body}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    for bad in [
        FiretextSettings {
            api_key: "".into(),
            ..good.clone()
        },
        FiretextSettings {
            international_api_key: Some("".into()),
            ..good.clone()
        },
        FiretextSettings {
            url: "ftp://firetext.example".to_owned(),
            ..good.clone()
        },
        FiretextSettings {
            receipt_url: Some("/firetext".to_owned()),
            ..good.clone()
        },
        FiretextSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        FiretextSettings {
            concurrency: 0,
            ..good.clone()
        },
    ] {
        assert!(Firetext::new(bad).is_err());
    }
    assert!(!format!("{good:?}").contains("hunter2"));
}
