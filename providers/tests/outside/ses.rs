//! E-mails through Amazon SES.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pillarbox_providers::{
    Email, EmailProvider, RejectReason, SendError,
    email::ses::{Ses, SesSettings},
};
use serde_json::{Value, json};

use crate::{
    aws_signature::keys,
    http_server::{Act, Server},
    messages::email,
};

fn settings(server: &Server) -> SesSettings {
    SesSettings {
        endpoint: Some(server.url.clone()),
        credentials: Some(keys()),
        ..SesSettings::in_region("eu-west-2")
    }
}

#[tokio::test]
async fn the_whole_message_is_posted_with_its_headers() {
    let server = Server::start().await;
    server.will(Act::Answer(200, "", r#"{"MessageId": "0102"}"#.to_owned()));
    let client = Ses::new(SesSettings {
        configuration_set: Some("receipts".to_owned()),
        ..settings(&server)
    })
    .unwrap();
    let message = Email {
        unsubscribe_url: Some("https://notify.example/unsubscribe/1".to_owned()),
        to: "ada@bücher.example".to_owned(),
        ..email(7)
    };
    let receipt = client.send(&message).await.unwrap();

    assert_eq!(receipt.reference.as_deref(), Some("0102"));
    let request = server.requests().remove(0);
    assert_eq!(request.line, "POST /v2/email/outbound-emails HTTP/1.1");
    let mut body: Value = serde_json::from_str(&request.body).unwrap();
    let raw = body["Content"]["Raw"]["Data"].take();
    let raw = STANDARD.decode(raw.as_str().unwrap()).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains("\r\nList-Unsubscribe: <https://notify.example/unsubscribe/1>\r\n"));
    assert!(raw.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    assert_eq!(
        body,
        json!({
            "FromEmailAddress": "riverside@mail.example",
            "Destination": {"ToAddresses": ["ada@xn--bcher-kva.example"]},
            "Content": {"Raw": {"Data": null}},
            "EmailTags": [{"Name": "notification_id", "Value": "00000000-0000-0000-0000-000000000007"}],
            "ConfigurationSetName": "receipts",
        })
    );
}

#[tokio::test]
async fn the_name_of_an_error_tells_what_can_be_done() {
    let server = Server::start().await;
    let client = Ses::new(settings(&server)).unwrap();
    let refused = |error: &SendError| match error {
        SendError::Rejected { reason, .. } => Some(*reason),
        _ => None,
    };
    let unavailable = |error: &SendError| matches!(error, SendError::Unavailable { .. });
    for (status, headers, body) in [
        (400, "x-amzn-errortype: AccountSuspendedException\r\n", "{}"),
        (400, "x-amzn-errortype: SendingPausedException\r\n", "{}"),
        (
            400,
            "x-amzn-errortype: MailFromDomainNotVerifiedException\r\n",
            "{}",
        ),
        (404, "x-amzn-errortype: NotFoundException\r\n", "{}"),
        (403, "", r#"{"__type": "InvalidSignatureException"}"#),
        (
            400,
            "x-amzn-errortype: MessageRejected\r\n",
            r#"{"message": "Email address is not verified. The following identities failed: ada@example.com"}"#,
        ),
    ] {
        server.will(Act::Answer(status, headers, body.to_owned()));
        let error = client.send(&email(1)).await.unwrap_err();
        assert!(unavailable(&error), "{headers}: {error:?}");
        assert!(!format!("{error:?}").contains("ada@"), "{error:?}");
    }
    for headers in [
        "x-amzn-errortype: BadRequestException\r\n",
        "x-amzn-errortype: InvalidParameterValue\r\n",
        "x-amzn-errortype: MessageRejected\r\n",
    ] {
        server.will(Act::Answer(400, headers, "{}".to_owned()));
        let error = client.send(&email(1)).await.unwrap_err();
        assert_eq!(refused(&error), Some(RejectReason::Message), "{error:?}");
    }
    let headers = "x-amzn-errortype: LimitExceededException\r\n";
    server.will(Act::Answer(400, headers, "{}".to_owned()));
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Throttled { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_outside_ascii_is_refused_before_it_is_sent() {
    let server = Server::start().await;
    let client = Ses::new(settings(&server)).unwrap();
    let message = Email {
        to: "дарья@example.com".to_owned(),
        ..email(1)
    };
    let error = client.send(&message).await.unwrap_err();
    assert!(
        matches!(
            error,
            SendError::Rejected {
                reason: RejectReason::Recipient,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    for bad in [
        SesSettings {
            region: Some("EU (London)".to_owned()),
            ..good.clone()
        },
        SesSettings {
            endpoint: Some("ses".to_owned()),
            ..good.clone()
        },
        SesSettings {
            timeout_seconds: 0,
            ..good.clone()
        },
        SesSettings {
            concurrency: 0,
            ..good.clone()
        },
    ] {
        assert!(Ses::new(bad).is_err());
    }
    assert!(!format!("{good:?}").contains("hunter2"));
    let reporting = SesSettings {
        reports_delivery: true,
        ..good
    };
    assert!(Ses::new(reporting).unwrap().reports_delivery());
}
