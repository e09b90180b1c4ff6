//! Texts over an interface that the settings describe.

use std::{collections::BTreeMap, time::Duration};

use pillarbox_providers::{
    RejectReason, Secret, SendError, Sms, SmsProvider,
    sms::http::{Expected, HttpAuth, HttpBody, HttpSms, HttpSmsSettings},
};
use serde_json::{Value, json};
use tokio::time;

use crate::{
    http_server::{Act, Server, json as answer},
    messages::sms,
    refused_settings::assert_promises_too_much,
};

fn settings(server: &Server) -> HttpSmsSettings {
    let body =
        json!({"to": "{to_plus}", "from": "{sender}", "text": "{content}", "ref": "{reference}"});
    HttpSmsSettings {
        reference: Some("/messages/0/id".to_owned()),
        error_code: Some("/error/code".to_owned()),
        ..HttpSmsSettings::new(
            "gateway",
            format!("{}/send", server.url),
            HttpBody::Json(body),
        )
    }
}

fn client(server: &Server) -> HttpSms {
    HttpSms::new(settings(server)).unwrap()
}

#[tokio::test]
async fn a_text_is_posted_as_json_and_the_reference_is_read() {
    let server = Server::start().await;
    server.will(answer(202, r#"{"messages": [{"id": 8675309}]}"#));
    let client = HttpSms::new(HttpSmsSettings {
        auth: HttpAuth::Bearer {
            token: "hunter2".into(),
        },
        headers: BTreeMap::from([("Idempotency-Key".to_owned(), Secret::from("pb-{reference}"))]),
        ..settings(&server)
    })
    .unwrap();
    let content = "Ada said: \"it's \\ Friday\"\nline two, {sender} 🎉\u{1}";
    let handed = client
        .send(&Sms {
            content: content.to_owned(),
            ..sms(7)
        })
        .await
        .unwrap();

    assert_eq!(handed.reference.as_deref(), Some("8675309"));
    let request = server.requests().remove(0);
    assert_eq!(request.line, "POST /send HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(
        request.header("idempotency-key"),
        Some("pb-00000000-0000-0000-0000-000000000007")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "to": "+447700900123",
            "from": "RIVERSIDE",
            "text": content,
            "ref": "00000000-0000-0000-0000-000000000007"
        })
    );
}

#[tokio::test]
async fn a_form_is_encoded_and_its_success_is_read() {
    let server = Server::start().await;
    let fields = [
        ("apiKey", "k&y"),
        ("to", "{to}"),
        ("message", "{content}"),
        ("reference", "{reference}"),
    ];
    let client = HttpSms::new(HttpSmsSettings {
        success: Some(Expected {
            pointer: "/code".to_owned(),
            equals: json!(0),
        }),
        error_code: Some("/code".to_owned()),
        recipient_refused: vec!["3".to_owned()],
        message_refused: vec!["4".to_owned()],
        auth: HttpAuth::Basic {
            username: "us".to_owned(),
            password: "hunter2".into(),
        },
        body: HttpBody::Form(
            fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        ..settings(&server)
    })
    .unwrap();

    server.will(answer(200, r#"{"code": "0"}"#));
    client
        .send(&Sms {
            content: "a=b&to=1 é\n".to_owned(),
            ..sms(7)
        })
        .await
        .unwrap();
    let request = server.requests().remove(0);
    assert_eq!(
        request.body,
        "apiKey=k%26y&message=a%3Db%26to%3D1+%C3%A9%0A&reference=00000000-0000-0000-0000-000000000007&to=447700900123"
    );
    assert_eq!(
        request.header("authorization"),
        Some("Basic dXM6aHVudGVyMg==")
    );

    server.will(answer(200, r#"{"code": 3}"#));
    server.will(answer(400, r#"{"code": 4}"#));
    server.will(answer(200, r#"{"code": 5}"#));
    server.will(answer(200, "<html>"));
    let error = client.send(&sms(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider refuses the recipient: the provider refuses the number, http 200, code 3"
    );
    assert!(matches!(
        client.send(&sms(2)).await,
        Err(SendError::Rejected {
            reason: RejectReason::Message,
            ..
        })
    ));
    assert!(matches!(
        client.send(&sms(3)).await,
        Err(SendError::Unavailable { .. })
    ));
    assert!(matches!(
        client.send(&sms(4)).await,
        Err(SendError::Unknown { .. })
    ));
}

#[tokio::test]
async fn a_get_puts_its_form_into_the_query() {
    let server = Server::start().await;
    let client = HttpSms::new(HttpSmsSettings {
        method: "GET".to_owned(),
        body: HttpBody::Form(BTreeMap::from([(
            "text".to_owned(),
            "{content}".to_owned(),
        )])),
        ..settings(&server)
    })
    .unwrap();
    client
        .send(&Sms {
            content: "a b&c".to_owned(),
            ..sms(1)
        })
        .await
        .unwrap();
    assert_eq!(server.requests()[0].line, "GET /send?text=a+b%26c HTTP/1.1");
}

#[tokio::test]
async fn a_status_tells_what_can_be_done() {
    let server = Server::start().await;
    let client = client(&server);
    for (status, holds) in [
        (
            301,
            (|e| matches!(e, SendError::Unavailable { .. })) as fn(&SendError) -> bool,
        ),
        (400, |e| matches!(e, SendError::Unavailable { .. })),
        (401, |e| matches!(e, SendError::Unavailable { .. })),
        (
            429,
            |e| matches!(e, SendError::Throttled { retry_after: Some(wait), .. } if *wait == Duration::from_secs(7)),
        ),
        (500, |e| matches!(e, SendError::Unavailable { .. })),
        (503, |e| matches!(e, SendError::Unavailable { .. })),
        (504, |e| matches!(e, SendError::Unknown { .. })),
    ] {
        let echo = r#"{"error": {"code": "447700900123"}, "to": "447700900123"}"#;
        let headers = "Location: /elsewhere\r\nRetry-After: 7\r\n";
        server.will(Act::Answer(status, headers, echo.to_owned()));
        let error = client.send(&sms(1)).await.unwrap_err();
        assert!(holds(&error), "{status}: {error:?}");
        assert!(
            error.to_string().contains(&format!("http {status}")),
            "{error}"
        );
        assert!(
            !format!("{error:?} {error}").contains("7700900123"),
            "{error:?}"
        );
    }
    assert_eq!(server.requests().len(), 7, "no redirect is followed");
}

#[tokio::test]
async fn an_answer_that_does_not_come_leaves_the_message_unknown() {
    let server = Server::start().await;
    let client = client(&server);
    server.will(Act::HangUp);
    let error = client.send(&sms(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unknown("the connection to the provider broke before it answered")
    );

    server.will(Act::FallSilent);
    let send = tokio::spawn(async move { client.send(&sms(1)).await });
    server.fallen_silent.notified().await;
    time::pause();
    let error = send.await.unwrap().unwrap_err();
    assert_eq!(
        error,
        SendError::unknown("the provider did not reply in time")
    );
}

#[tokio::test]
async fn a_success_that_breaks_off_is_a_success_unless_more_is_expected_of_it() {
    let server = Server::start().await;
    server.will(Act::BreakOff);
    assert_eq!(client(&server).send(&sms(1)).await.unwrap().reference, None);

    let particular = HttpSms::new(HttpSmsSettings {
        success: Some(Expected {
            pointer: "/ok".to_owned(),
            equals: json!(true),
        }),
        ..settings(&server)
    })
    .unwrap();
    server.will(Act::BreakOff);
    assert!(matches!(
        particular.send(&sms(1)).await,
        Err(SendError::Unknown { .. })
    ));
    server.will(answer(
        200,
        &format!(r#"{{"ok": true, "x": "{}"}}"#, "x".repeat(100_000)),
    ));
    assert!(
        matches!(
            particular.send(&sms(1)).await,
            Err(SendError::Unknown { .. })
        ),
        "too long to be read"
    );
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let body = HttpBody::Json(json!({}));
    let client = HttpSms::new(HttpSmsSettings::new("gateway", url, body)).unwrap();
    let error = client.send(&sms(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("no connection to the provider")
    );
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    let header = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), Secret::from(value))]);
    for bad in [
        HttpSmsSettings {
            url: "gateway".to_owned(),
            ..good.clone()
        },
        HttpSmsSettings {
            url: "file:///etc/passwd".to_owned(),
            ..good.clone()
        },
        HttpSmsSettings {
            method: "DELETE".to_owned(),
            ..good.clone()
        },
        HttpSmsSettings {
            method: "GET".to_owned(),
            ..good.clone()
        },
        HttpSmsSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        HttpSmsSettings {
            concurrency: 0,
            ..good.clone()
        },
        HttpSmsSettings {
            reference: Some("id".to_owned()),
            ..good.clone()
        },
        HttpSmsSettings {
            headers: header("X Y", "z"),
            ..good.clone()
        },
        HttpSmsSettings {
            headers: header("X", "a\r\nY: b"),
            ..good.clone()
        },
        HttpSmsSettings {
            headers: header("X", "{to}"),
            ..good.clone()
        },
        HttpSmsSettings {
            body: HttpBody::Json(json!({"to": "{number}"})),
            ..good.clone()
        },
        HttpSmsSettings {
            body: HttpBody::Json(json!("{\"to\": {to}}")),
            ..good.clone()
        },
    ] {
        assert!(HttpSms::new(bad).is_err());
    }
}

#[tokio::test]
async fn settings_are_read_as_an_operator_writes_them() {
    let server = Server::start().await;
    let settings = json!({
        "name": "gateway",
        "url": server.url,
        "auth": {"basic": {"username": "us", "password": "hunter2"}},
        "body": {"json": "{\"to\": \"{to}\", \"multi\": true}"},
        "success": {"pointer": "/code", "equals": 0},
        "supports_international": true
    });
    let settings: HttpSmsSettings = serde_json::from_value(settings).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let client = HttpSms::new(settings).unwrap();
    assert!(client.supports_international());
    assert!(!client.reports_delivery());
    server.will(answer(200, r#"{"code": 0}"#));
    client.send(&sms(1)).await.unwrap();
    assert_eq!(
        server.requests()[0].body,
        r#"{"to":"447700900123","multi":true}"#
    );
}

#[tokio::test]
async fn a_reply_in_another_encoding_keeps_its_codes() {
    let server = Server::start().await;
    let settings = HttpSmsSettings {
        success: Some(Expected {
            pointer: "/code".to_owned(),
            equals: json!(0),
        }),
        reference: Some("/id".to_owned()),
        ..settings(&server)
    };
    let client = HttpSms::new(settings).unwrap();
    server.will(Act::AnswerBytes(
        200,
        b"{\"code\": 0, \"id\": \"8675309\", \"text\": \"re\xe7u\"}",
    ));
    let receipt = client.send(&sms(1)).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("8675309"));
}

#[tokio::test]
async fn receipts_without_a_rule_to_read_them_are_refused_at_the_start() {
    let body = HttpBody::Json(json!({"to": "{to}"}));
    let settings = HttpSmsSettings {
        reports_delivery: true,
        ..HttpSmsSettings::new("gateway", "https://sms.example", body)
    };
    assert_promises_too_much(&settings, "reports_delivery", "gateway", "receipts");
}
