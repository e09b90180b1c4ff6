//! Texts through MMG.

use pillarbox_providers::{
    SendError, SmsProvider,
    sms::mmg::{Mmg, MmgSettings},
};
use serde_json::{Value, json};

use crate::{
    http_server::{Act, Server, json as replies},
    messages::sms,
};

fn settings(server: &Server) -> MmgSettings {
    MmgSettings {
        url: format!("{}/jsonv2a/api.php", server.url),
        ..MmgSettings::with_key("aHVudGVyMg==")
    }
}

#[tokio::test]
async fn a_text_is_posted_as_json() {
    let server = Server::start().await;
    server.will(replies(200, r#"{"Reference": 12345678}"#));
    let client = Mmg::new(settings(&server)).unwrap();
    let receipt = client.send(&sms(7)).await.unwrap();

    assert_eq!(receipt.reference.as_deref(), Some("12345678"));
    assert!(client.reports_delivery() && client.supports_international());
    let request = server.requests().remove(0);
    assert_eq!(request.line, "POST /jsonv2a/api.php HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some("Basic aHVudGVyMg=="));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "reqType": "BULK",
            "MSISDN": "447700900123",
            "msg": "Riverside: Ada, your bin day is Friday",
            "sender": "RIVERSIDE",
            "cid": "00000000-0000-0000-0000-000000000007",
            "multi": true,
        })
    );
}

#[tokio::test]
async fn a_receipt_url_is_passed_on() {
    let server = Server::start().await;
    let url = "https://notify.example/notifications/sms/mmg";
    let client = Mmg::new(MmgSettings {
        receipt_url: Some(url.to_owned()),
        ..settings(&server)
    });
    client.unwrap().send(&sms(7)).await.unwrap();
    let body: Value = serde_json::from_str(&server.requests()[0].body).unwrap();
    assert_eq!(body["delurl"], url);
}

#[tokio::test]
async fn any_json_with_a_good_status_is_acceptance_and_nothing_else() {
    let server = Server::start().await;
    let client = Mmg::new(settings(&server)).unwrap();
    for accepted in ["{}", "[]", "null", r#"{"Reference": null}"#] {
        server.will(replies(200, accepted));
        assert_eq!(client.send(&sms(1)).await.unwrap().reference, None);
    }
    server.will(Act::Answer(200, "", "<p>Welcome to the hotel".to_owned()));
    let error = client.send(&sms(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
    // A code that no setting explains may be about the account.
    server.will(replies(400, r#"{"Error": 206, "Description": "?"}"#));
    let error = client.send(&sms(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("http 400, code 206"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    for bad in [
        MmgSettings {
            api_key: "".into(),
            ..good.clone()
        },
        MmgSettings {
            api_key: "two\nlines".into(),
            ..good.clone()
        },
        MmgSettings {
            url: "mmg".to_owned(),
            ..good.clone()
        },
        MmgSettings {
            receipt_url: Some("/mmg".to_owned()),
            ..good.clone()
        },
        MmgSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        MmgSettings {
            concurrency: 0,
            ..good.clone()
        },
    ] {
        assert!(Mmg::new(bad).is_err());
    }
    assert!(!format!("{good:?}").contains("aHVudGVyMg"));
}
