//! Sending text messages through MMG.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{
    Client, RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use serde_json::json;

use super::{
    super::{
        Sms, SmsProvider,
        reply_codes::{Refusals, scalar},
    },
    MmgSettings,
};
use crate::{
    SendError, SendReceipt, SettingsError,
    http::{self, Reply},
};

/// An account at MMG.
pub struct Mmg {
    settings: MmgSettings,
    client: Client,
    url: Url,
    authorization: HeaderValue,
}

impl Mmg {
    /// Checks the settings and builds the client.
    pub fn new(settings: MmgSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            client: http::client(&settings.name, timeout)?,
            url: settings.url()?,
            authorization: settings.authorization()?,
            settings,
        })
    }

    fn request(&self, sms: &Sms) -> RequestBuilder {
        let mut body = json!({
            "reqType": "BULK",
            "MSISDN": sms.to,
            "msg": sms.content,
            "sender": sms.sender,
            // Receipts quote it as `CID`.
            "cid": sms.id,
            // Without it, MMG cuts a text after its first fragment.
            "multi": true,
        });
        if let Some(url) = &self.settings.receipt_url {
            body["delurl"] = url.as_str().into();
        }
        self.client
            .post(self.url.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .json(&body)
    }

    fn parse_reply(&self, reply: &Reply) -> Result<SendReceipt, SendError> {
        let json = reply.json();
        let field = |name| json.as_ref().and_then(|json| scalar(json.get(name)?));
        if reply.status.is_success() {
            // Any JSON is acceptance (`docs/spec/workers.md` §7.1). Something else may come from a proxy on the way back.
            return match json {
                Some(_) => Ok(SendReceipt {
                    reference: field("Reference"),
                }),
                None => Err(SendError::unknown(reply.detail("the reply is not JSON"))),
            };
        }
        let refusals = Refusals {
            recipient: &self.settings.recipient_refused,
            message: &self.settings.message_refused,
        };
        Err(refusals.error(reply, field("Error").as_deref()))
    }
}

#[async_trait]
impl SmsProvider for Mmg {
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

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let reply = http::send_request(self.request(sms)).await?;
        self.parse_reply(&reply)
    }
}
