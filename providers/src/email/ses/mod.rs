//! E-mail through Amazon SES, API version 2.

mod settings;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::settings::SesSettings;
use super::{
    Email, EmailProvider,
    mime::{self, EncodedEmail},
};
use crate::{
    RejectReason, SendError, SendReceipt, SettingsError,
    aws::{self, Api, Service},
    http::Reply,
};

/// The tag of a message that carries our reference. Events quote it.
pub const REFERENCE_TAG: &str = "notification_id";

const SERVICE: Service = Service {
    signing_name: "ses",
    host: "email",
};

const SEND_EMAIL: &str = "/v2/email/outbound-emails";

/// An account at Amazon SES, in one region.
pub struct Ses {
    settings: SesSettings,
    api: Api,
}

impl Ses {
    /// Checks the settings and builds the client.
    pub fn new(settings: SesSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let api = Api::new(&settings.access())?;
        Ok(Self { settings, api })
    }

    fn request(&self, id: Uuid, message: &EncodedEmail) -> Value {
        let mut request = json!({
            "FromEmailAddress": message.from.to_string(),
            "Destination": {"ToAddresses": [message.to.to_string()]},
            // The whole message in place of its parts: the same headers as by SMTP, those for unsubscribing above all.
            "Content": {"Raw": {"Data": STANDARD.encode(&message.bytes)}},
            "EmailTags": [{"Name": REFERENCE_TAG, "Value": id}],
        });
        if let Some(name) = &self.settings.configuration_set {
            request["ConfigurationSetName"] = name.as_str().into();
        }
        request
    }
}

/// Fails if an address is not ASCII: SES has no SMTPUTF8. Domains are ASCII by now.
fn check_addresses(message: &EncodedEmail) -> Result<(), SendError> {
    for (address, reason) in [
        (&message.to, RejectReason::Recipient),
        (&message.from, RejectReason::Message),
    ] {
        let address: &str = address.as_ref();
        if !address.is_ascii() {
            return Err(SendError::rejected(
                reason,
                "Amazon SES takes only ASCII before the @ of an address",
            ));
        }
    }
    Ok(())
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
    let detail = |words| reply.detail(words).with_code(code);
    match code {
        "TooManyRequestsException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "Throttling" => reply.throttled(detail("Amazon SES asks us to slow down")),
        // In the sandbox, or with a sender that was not verified. Neither is the message's fault.
        "MessageRejected" if is_unverified(reply) => {
            SendError::unavailable(detail("an address or domain is not verified at Amazon SES"))
        }
        // A malformed recipient is among them (`docs/spec/workers.md` §7.1: technical failure).
        "MessageRejected"
        | "BadRequestException"
        | "InvalidParameterValue"
        | "ValidationException" => SendError::rejected(
            RejectReason::Message,
            detail("Amazon SES refuses the message"),
        ),
        // AccountSuspendedException, SendingPausedException, MailFromDomainNotVerifiedException, NotFoundException and the
        // like concern the account and every message.
        _ => reply.error_for_status(Some(code)),
    }
}

fn is_unverified(reply: &Reply) -> bool {
    // SES has no code of its own for it.
    let json = reply.json();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    message.is_some_and(|message| message.contains("not verified"))
}

#[async_trait]
impl EmailProvider for Ses {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reports_delivery(&self) -> bool {
        self.settings.reports_delivery
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    /// Returns the message id of SES as the reference.
    async fn send(&self, email: &Email) -> Result<SendReceipt, SendError> {
        let message = mime::encode(email)?;
        check_addresses(&message)?;
        let request = self.request(email.id, &message);
        let headers = [("content-type", "application/json")];
        let reply = self.api.post(SEND_EMAIL, &headers, &request, email.at);
        parse_reply(&reply.await?)
    }
}
