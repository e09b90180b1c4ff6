//! AWS End User Messaging SMS, which names errors in the body, each with a reason.

use pillarbox_providers::sms::sms_v2::{SmsV2, SmsV2Settings};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Behaviour,
    http::{Client, Dialect},
};
use crate::{
    aws_signature::{assert_signed, keys},
    http_server::Request,
};

pub(crate) struct SmsV2Dialect;

impl Dialect for SmsV2Dialect {
    fn client(url: &str) -> Client {
        let settings = SmsV2Settings {
            endpoint: Some(url.to_owned()),
            credentials: Some(keys()),
            ..SmsV2Settings::in_region("eu-west-2")
        };
        Client::sms(SmsV2::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        let error = |code: &str, reason: &str, message: &str| {
            let namespace = "com.amazonaws.pinpointsmsvoicev2";
            let code = format!("{namespace}#{code}");
            (
                400,
                json!({"__type": code, "Reason": reason, "Message": message}),
            )
        };
        match behaviour {
            Behaviour::Throttle => error("ThrottlingException", "", "Rate exceeded"),
            Behaviour::RefuseRecipient => error(
                "ConflictException",
                "DESTINATION_PHONE_NUMBER_OPTED_OUT",
                "+447700900123 has opted out",
            ),
            Behaviour::RefuseMessage => error(
                "ValidationException",
                "MAXIMUM_SIZE_EXCEEDED",
                "Too long: it is Friday",
            ),
            _ => (200, json!({"MessageId": "5e2f0c3a-0000"})),
        }
    }

    fn reference(request: &Request) -> Uuid {
        assert_signed(request, "sms-voice");
        let target = request.header("x-amz-target");
        assert_eq!(target, Some("PinpointSMSVoiceV2.SendTextMessage"));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let reference = body["Context"]["notification_id"].as_str();
        reference.unwrap().parse().unwrap()
    }
}
