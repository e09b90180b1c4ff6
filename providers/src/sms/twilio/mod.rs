//! Text messages through Twilio's Messages resource.
//!
//! Twilio has no idempotency key for it, so an unknown outcome stays unknown until a receipt comes. The status callback may
//! carry our own reference (`https://…/notifications/sms/twilio/{reference}`), because a receipt can arrive before the reply
//! that tells us Twilio's.

mod receipts;
mod settings;
pub(super) mod statuses;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

pub use self::settings::TwilioSettings;
use super::{Sms, SmsProvider, receipts::SmsReceiver, template::Template};
use crate::{
    RejectReason, Secret, SendError, SendReceipt, SettingsError,
    http::{self, Reply},
};

/// Codes that refuse the recipient. A region that is disabled for the account (21408) is not among them: another provider
/// may reach it.
const RECIPIENT_REFUSED: [i64; 8] = [
    21211, // not a valid number
    21214, // cannot be reached
    21217, // not a valid number
    21265, // a short code
    21610, // has unsubscribed
    21612, // cannot be reached from this sender
    21614, // not a mobile number
    21635, // a landline
];

/// Codes that refuse the message: it is empty or too long.
const MESSAGE_REFUSED: [i64; 4] = [21602, 21605, 21617, 21619];

/// Too many requests, or too many messages queued for the sender.
const THROTTLED: [i64; 4] = [14107, 20429, 21611, 30001];

/// An account at Twilio.
pub struct Twilio {
    settings: TwilioSettings,
    client: Client,
    url: Url,
    status_callback: Option<Template>,
    /// Signs Twilio's requests to the platform.
    auth_token: Option<Secret>,
}

impl Twilio {
    /// Checks the settings and builds the client.
    pub fn new(settings: TwilioSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            client: http::client(&settings.name, timeout)?,
            url: settings.messages_url()?,
            status_callback: settings.status_callback()?,
            auth_token: settings.auth_token()?,
            settings,
        })
    }

    fn request(&self, sms: &Sms) -> RequestBuilder {
        let settings = &self.settings;
        let mut form = vec![
            ("To", format!("+{}", sms.to)),
            ("Body", sms.content.clone()),
        ];
        form.push(match (&settings.messaging_service_sid, &settings.from) {
            (Some(service), _) => ("MessagingServiceSid", service.clone()),
            (None, Some(from)) => ("From", from.clone()),
            (None, None) => ("From", sms.sender.clone()),
        });
        if let Some(template) = &self.status_callback {
            form.push(("StatusCallback", template.fill(sms)));
        }
        let user = settings
            .api_key_sid
            .as_ref()
            .unwrap_or(&settings.account_sid);
        self.client
            .post(self.url.clone())
            .basic_auth(user, Some(settings.secret.expose()))
            .form(&form)
    }
}

fn parse_reply(reply: &Reply) -> Result<SendReceipt, SendError> {
    let json = reply.json();
    let field = |name| json.as_ref().and_then(|json| json.get(name));
    if reply.status.is_success() {
        return Ok(SendReceipt {
            reference: field("sid").and_then(Value::as_str).map(str::to_owned),
        });
    }
    let Some(code) = field("code").and_then(Value::as_i64) else {
        return Err(reply.error_for_status(None));
    };
    let detail = |words| reply.detail(words).with_code(&code.to_string());
    Err(if RECIPIENT_REFUSED.contains(&code) {
        SendError::rejected(RejectReason::Recipient, detail("Twilio refuses the number"))
    } else if MESSAGE_REFUSED.contains(&code) {
        SendError::rejected(RejectReason::Message, detail("Twilio refuses the text"))
    } else if THROTTLED.contains(&code) {
        reply.throttled(detail("Twilio asks us to slow down"))
    } else {
        reply.error_for_status(Some(&code.to_string()))
    })
}

#[async_trait]
impl SmsProvider for Twilio {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reports_delivery(&self) -> bool {
        self.status_callback.is_some()
    }

    fn supports_international(&self) -> bool {
        self.settings.supports_international
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    fn receiver(&self) -> Option<&dyn SmsReceiver> {
        self.auth_token.is_some().then_some(self)
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let reply = http::send_request(self.request(sms)).await?;
        parse_reply(&reply)
    }
}
