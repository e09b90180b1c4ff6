//! Text messages through AWS End User Messaging SMS, API version 2 (`pinpoint-sms-voice-v2`).

mod settings;

use async_trait::async_trait;
use serde_json::{Value, json};

pub use self::settings::{MessageType, SmsV2Settings};
use super::{Sms, SmsProvider};
use crate::{
    RejectReason, SendError, SendReceipt, SettingsError,
    aws::{self, Api, Service},
    http::Reply,
};

/// The key in a message's context that carries our reference. Events quote it.
pub const REFERENCE_KEY: &str = "notification_id";

const SERVICE: Service = Service {
    signing_name: "sms-voice",
    host: "sms-voice",
};

const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/x-amz-json-1.0"),
    ("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage"),
];

/// An account at AWS End User Messaging SMS, in one region.
pub struct SmsV2 {
    settings: SmsV2Settings,
    api: Api,
}

impl SmsV2 {
    /// Checks the settings and builds the client.
    pub fn new(settings: SmsV2Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let api = Api::new(&settings.access())?;
        Ok(Self { settings, api })
    }

    fn request(&self, sms: &Sms) -> Value {
        let settings = &self.settings;
        let sender = settings.origination_identity.as_ref();
        let mut request = json!({
            "DestinationPhoneNumber": format!("+{}", sms.to),
            "OriginationIdentity": sender.unwrap_or(&sms.sender),
            "MessageBody": sms.content,
            "MessageType": settings.message_type.as_str(),
            "Context": {REFERENCE_KEY: sms.id},
        });
        if let Some(name) = &settings.configuration_set {
            request["ConfigurationSetName"] = name.as_str().into();
        }
        if let Some(price) = &settings.max_price {
            request["MaxPrice"] = price.as_str().into();
        }
        if let Some(seconds) = settings.time_to_live_seconds {
            request["TimeToLive"] = seconds.into();
        }
        request
    }
}

fn parse_reply(reply: &Reply) -> Result<SendReceipt, SendError> {
    if !reply.status.is_success() {
        return Err(send_error(reply));
    }
    let json = reply.json();
    match json.as_ref().and_then(|json| json["MessageId"].as_str()) {
        Some(id) => Ok(SendReceipt::with_reference(id)),
        None => Err(SendError::unknown(
            reply.detail("the reply does not say whether the message was taken"),
        )),
    }
}

fn send_error(reply: &Reply) -> SendError {
    let code = aws::error_code(reply);
    let code = code.as_deref().unwrap_or_default();
    let json = reply.json().unwrap_or_default();
    let reason = json["Reason"].as_str().unwrap_or_default();
    let detail = |words| reply.detail(words).with_code(code).with_code(reason);
    match refusal(code, reason, &json) {
        Some(RejectReason::Recipient) => {
            SendError::rejected(RejectReason::Recipient, detail("AWS refuses the number"))
        }
        Some(RejectReason::Message) => {
            SendError::rejected(RejectReason::Message, detail("AWS refuses the text"))
        }
        None if code == "ThrottlingException" => {
            reply.throttled(detail("AWS asks us to slow down"))
        }
        // The account has spent what it may: another provider can send the message. So it is with a sender, a country or an
        // account that is not set up.
        None if code == "ServiceQuotaExceededException" => {
            SendError::unavailable(detail("a quota of the AWS account is used up"))
        }
        None if code == "ConflictException" || code == "ValidationException" => {
            SendError::unavailable(detail("AWS cannot send this message with our settings"))
        }
        None => reply.error_for_status(Some(code)),
    }
}

/// Returns what an error refuses for good; `None` if the message is not to blame.
fn refusal(code: &str, reason: &str, json: &Value) -> Option<RejectReason> {
    match (code, reason) {
        // The number's own wish, and a rule of the account for this very number.
        (
            "ConflictException",
            "DESTINATION_PHONE_NUMBER_OPTED_OUT"
            | "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        ) => Some(RejectReason::Recipient),
        ("ValidationException", "MAXIMUM_SIZE_EXCEEDED" | "PRICE_OVER_THRESHOLD") => {
            Some(RejectReason::Message)
        }
        ("ValidationException", "INVALID_PARAMETER" | "FIELD_VALIDATION_FAILED") => {
            refused_field(json)
        }
        _ => None,
    }
}

/// Returns what the fields are about that did not pass the check. Other fields come from the settings.
fn refused_field(json: &Value) -> Option<RejectReason> {
    let fields = json["Fields"].as_array()?;
    fields
        .iter()
        .find_map(|field| match field["Name"].as_str()? {
            "DestinationPhoneNumber" => Some(RejectReason::Recipient),
            "MessageBody" => Some(RejectReason::Message),
            _ => None,
        })
}

#[async_trait]
impl SmsProvider for SmsV2 {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reports_delivery(&self) -> bool {
        self.settings.reports_delivery
    }

    fn supports_international(&self) -> bool {
        self.settings.supports_international
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    /// Returns the message id of AWS as the reference.
    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let request = self.request(sms);
        let reply = self.api.post("/", &HEADERS, &request, sms.at).await?;
        parse_reply(&reply)
    }
}
