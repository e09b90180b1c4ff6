//! Text messages through any HTTP API that the settings can describe.
//!
//! Most SMS providers take one request with a number, a text and credentials, and reply with an id. The settings are a template
//! of that request:
//!
//! ```toml
//! url = "https://sms.example/v1/messages"
//! auth = { bearer = { token = "…" } }
//! headers = { Idempotency-Key = "{reference}" }
//! body = { json = { to = "{to_plus}", from = "{sender}", text = "{content}", client_ref = "{reference}" } }
//! reference = "/messages/0/id"
//! ```

mod receipts;
mod settings;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, Url, header::HeaderName};
use serde_json::Value;

pub use self::{
    receipts::ReceiptRule,
    settings::{Expected, HttpAuth, HttpBody, HttpSmsSettings},
};
use super::{
    Sms, SmsProvider,
    receipts::SmsReceiver,
    reply_codes::{Refusals, scalar},
    template::{JsonTemplate, Template},
};
use crate::{
    SendError, SendReceipt, SettingsError,
    http::{self, Reply},
};

/// A provider whose HTTP API is described by its settings.
pub struct HttpSms {
    settings: HttpSmsSettings,
    client: Client,
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, Template)>,
    body: Body,
}

enum Body {
    Json(JsonTemplate),
    Form(Vec<(String, Template)>),
}

impl HttpSms {
    /// Checks the settings and builds the client.
    pub fn new(settings: HttpSmsSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            client: http::client(&settings.name, timeout)?,
            method: settings.method()?,
            url: settings.url()?,
            headers: settings.headers()?,
            body: settings.body()?,
            settings,
        })
    }

    fn request(&self, sms: &Sms) -> RequestBuilder {
        let mut request = self.client.request(self.method.clone(), self.url.clone());
        for (name, template) in &self.headers {
            let value = template
                .fill_reference(sms.id)
                .expect("headers were checked when the client was built");
            request = request.header(name, value);
        }
        request = match &self.settings.auth {
            HttpAuth::None => request,
            HttpAuth::Basic { username, password } => {
                request.basic_auth(username, Some(password.expose()))
            }
            HttpAuth::Bearer { token } => request.bearer_auth(token.expose()),
        };
        match &self.body {
            Body::Json(template) => request.json(&template.fill(sms)),
            Body::Form(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, template)| (name, template.fill(sms)))
                    .collect();
                // A GET has no body.
                if self.method == Method::GET {
                    request.query(&fields)
                } else {
                    request.form(&fields)
                }
            }
        }
    }

    fn parse_reply(&self, reply: &Reply) -> Result<SendReceipt, SendError> {
        let json = reply.json();
        let at = |pointer: &Option<String>| scalar(json.as_ref()?.pointer(pointer.as_deref()?)?);
        if reply.status.is_success() {
            match self.is_success(json.as_ref()) {
                Some(true) => Ok(SendReceipt {
                    reference: at(&self.settings.reference),
                }),
                Some(false) => Err(self.error(reply, at(&self.settings.error_code).as_deref())),
                None => Err(SendError::unknown(reply.detail(
                    "the provider's reply does not say whether it took the message",
                ))),
            }
        } else {
            Err(self.error(reply, at(&self.settings.error_code).as_deref()))
        }
    }

    /// Returns `None` if the reply lacks the value that tells success from failure.
    fn is_success(&self, json: Option<&Value>) -> Option<bool> {
        match &self.settings.success {
            None => Some(true),
            Some(expected) => {
                let found = json?.pointer(&expected.pointer)?;
                Some(*found == expected.equals || scalar(found)? == scalar(&expected.equals)?)
            }
        }
    }

    fn error(&self, reply: &Reply, code: Option<&str>) -> SendError {
        let refusals = Refusals {
            recipient: &self.settings.recipient_refused,
            message: &self.settings.message_refused,
        };
        refusals.error(reply, code)
    }
}

#[async_trait]
impl SmsProvider for HttpSms {
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

    fn receiver(&self) -> Option<&dyn SmsReceiver> {
        self.settings.receipts.as_ref().map(|rule| rule as _)
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let reply = http::send_request(self.request(sms)).await?;
        self.parse_reply(&reply)
    }
}
