//! Texts through AWS End User Messaging SMS.

use pillarbox_providers::{
    RejectReason, SendError, SmsProvider,
    sms::sms_v2::{MessageType, SmsV2, SmsV2Settings},
};
use serde_json::{Value, json};

use crate::{
    aws_signature::keys,
    http_server::{Act, Server},
    messages::sms,
};

fn settings(server: &Server) -> SmsV2Settings {
    SmsV2Settings {
        endpoint: Some(server.url.clone()),
        credentials: Some(keys()),
        ..SmsV2Settings::in_region("eu-west-2")
    }
}

#[tokio::test]
async fn a_text_is_posted_with_our_reference() {
    let server = Server::start().await;
    server.will(Act::Answer(200, "", r#"{"MessageId": "5e2f"}"#.to_owned()));
    let client = SmsV2::new(settings(&server)).unwrap();
    let receipt = client.send(&sms(7)).await.unwrap();

    assert_eq!(receipt.reference.as_deref(), Some("5e2f"));
    let request = server.requests().remove(0);
    assert_eq!(request.line, "POST / HTTP/1.1");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-amz-json-1.0")
    );
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "DestinationPhoneNumber": "+447700900123",
            "OriginationIdentity": "RIVERSIDE",
            "MessageBody": "Riverside: Ada, your bin day is Friday",
            "MessageType": "TRANSACTIONAL",
            "Context": {"notification_id": "00000000-0000-0000-0000-000000000007"},
        })
    );
}

#[tokio::test]
async fn what_the_settings_say_is_passed_on() {
    let server = Server::start().await;
    let client = SmsV2::new(SmsV2Settings {
        origination_identity: Some("pool-1".to_owned()),
        message_type: MessageType::Promotional,
        configuration_set: Some("receipts".to_owned()),
        max_price: Some("0.10".to_owned()),
        time_to_live_seconds: Some(3600),
        ..settings(&server)
    })
    .unwrap();
    let _ = client.send(&sms(7)).await;
    let body: Value = serde_json::from_str(&server.requests()[0].body).unwrap();
    assert_eq!(body["OriginationIdentity"], "pool-1");
    assert_eq!(body["MessageType"], "PROMOTIONAL");
    assert_eq!(body["ConfigurationSetName"], "receipts");
    assert_eq!(body["MaxPrice"], "0.10");
    assert_eq!(body["TimeToLive"], 3600);
}

/// What an error comes to: `Ok` with the reason of a refusal, or whether it is throttling.
fn outcome(error: &SendError) -> Result<RejectReason, bool> {
    match error {
        SendError::Rejected { reason, .. } => Ok(*reason),
        SendError::Throttled { .. } => Err(true),
        SendError::Unavailable { .. } => Err(false),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn name_and_reason_of_an_error_tell_what_can_be_done() {
    let server = Server::start().await;
    let client = SmsV2::new(settings(&server)).unwrap();
    let field = |name: &str| json!([{"Name": name, "Message": "+447700900123 is not valid"}]);
    let (conflict, validation) = ("ConflictException", "ValidationException");
    let none = Value::Null;
    for (code, reason, fields, expected) in [
        ("ThrottlingException", "", none.clone(), Err(true)),
        (
            "ServiceQuotaExceededException",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
            none.clone(),
            Err(false),
        ),
        (
            "AccessDeniedException",
            "ACCOUNT_DISABLED",
            none.clone(),
            Err(false),
        ),
        ("ResourceNotFoundException", "", none.clone(), Err(false)),
        (
            conflict,
            "DESTINATION_PHONE_NUMBER_OPTED_OUT",
            none.clone(),
            Ok(RejectReason::Recipient),
        ),
        // The account is in the sandbox.
        (
            conflict,
            "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
            none.clone(),
            Err(false),
        ),
        (
            conflict,
            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
            none.clone(),
            Err(false),
        ),
        (
            validation,
            "INVALID_PARAMETER",
            field("DestinationPhoneNumber"),
            Ok(RejectReason::Recipient),
        ),
        (
            validation,
            "FIELD_VALIDATION_FAILED",
            field("MessageBody"),
            Ok(RejectReason::Message),
        ),
        (
            validation,
            "INVALID_PARAMETER",
            field("OriginationIdentity"),
            Err(false),
        ),
        (
            validation,
            "SENDER_ID_REQUIRES_REGISTRATION",
            none.clone(),
            Err(false),
        ),
        (
            validation,
            "PRICE_OVER_THRESHOLD",
            none.clone(),
            Ok(RejectReason::Message),
        ),
    ] {
        let body =
            json!({"__type": code, "Reason": reason, "Fields": fields, "Message": "+447700900123"});
        server.will(Act::Answer(400, "", body.to_string()));
        let error = client.send(&sms(1)).await.unwrap_err();
        assert_eq!(outcome(&error), expected, "{code} {reason}: {error:?}");
        assert!(error.to_string().contains(code), "{error}");
        assert!(!format!("{error:?}").contains("7700900123"), "{error:?}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_at_the_start() {
    let server = Server::start().await;
    let good = settings(&server);
    let price = |price: &str| SmsV2Settings {
        max_price: Some(price.to_owned()),
        ..good.clone()
    };
    for bad in [
        SmsV2Settings {
            region: Some("london!".to_owned()),
            ..good.clone()
        },
        SmsV2Settings {
            time_to_live_seconds: Some(4),
            ..good.clone()
        },
        SmsV2Settings {
            timeout_seconds: 0,
            ..good.clone()
        },
        SmsV2Settings {
            concurrency: 0,
            ..good.clone()
        },
        price("cheap"),
        price("100.00"),
        price("0."),
    ] {
        assert!(SmsV2::new(bad).is_err());
    }
    assert!(SmsV2::new(price("1")).is_ok());
    assert!(!format!("{good:?}").contains("hunter2"));
    let reporting = SmsV2Settings {
        reports_delivery: true,
        ..good
    };
    assert!(SmsV2::new(reporting).unwrap().reports_delivery());
}
