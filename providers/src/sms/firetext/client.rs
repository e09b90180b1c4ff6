//! Sending text messages through Firetext.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Url};

use super::{
    super::{
        Sms, SmsProvider,
        reply_codes::{Refusals, scalar},
    },
    FiretextSettings,
};
use crate::{
    SendError, SendReceipt, SettingsError,
    http::{self, Reply},
};

/// What a reply says about a message that is queued.
const SUCCESS: &str = "0";

/// Codes of replies that refuse a message for good. Not among them is 3, a refused sender: another provider may know it.
const REFUSALS: Refusals<'static, &str> = Refusals {
    recipient: &["2"],
    message: &["5"],
};

/// An account at Firetext.
pub struct Firetext {
    settings: FiretextSettings,
    client: Client,
    url: Url,
}

impl Firetext {
    /// Checks the settings and builds the client.
    pub fn new(settings: FiretextSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            client: http::client(&settings.name, timeout)?,
            url: settings.url()?,
            settings,
        })
    }

    fn request(&self, sms: &Sms) -> RequestBuilder {
        let settings = &self.settings;
        let key = match &settings.international_api_key {
            Some(key) if sms.international => key,
            _ => &settings.api_key,
        };
        let mut form = vec![
            ("apiKey", key.expose().to_owned()),
            ("from", sms.sender.clone()),
            ("to", sms.to.clone()),
            ("message", sms.content.clone()),
            // Receipts quote it.
            ("reference", sms.id.to_string()),
        ];
        if let Some(url) = &settings.receipt_url {
            form.push(("receipt", url.clone()));
        }
        self.client.post(self.url.clone()).form(&form)
    }
}

fn parse_reply(reply: &Reply) -> Result<SendReceipt, SendError> {
    let json = reply.json();
    let code = json.as_ref().and_then(|json| scalar(json.get("code")?));
    match (reply.status.is_success(), code.as_deref()) {
        // Firetext names no id of its own: receipts quote ours.
        (true, Some(SUCCESS)) => Ok(SendReceipt::default()),
        (true, None) => Err(SendError::unknown(
            reply.detail("the reply does not say whether the message was taken"),
        )),
        // Refusals come with the status 200 too.
        (_, code) => Err(REFUSALS.error(reply, code)),
    }
}

#[async_trait]
impl SmsProvider for Firetext {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reports_delivery(&self) -> bool {
        self.settings.reports_delivery
    }

    /// Firetext has keys of their own for numbers abroad.
    fn supports_international(&self) -> bool {
        self.settings.international_api_key.is_some()
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let reply = http::send_request(self.request(sms)).await?;
        parse_reply(&reply)
    }
}
