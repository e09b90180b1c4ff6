//! Text messages over any HTTP interface that can be described in the settings.
//!
//! Most providers of text messages want one request with a number, a text and a login, and answer with an id. This
//! adapter is that request, with gaps:
//!
//! ```toml
//! url = "https://sms.example/v1/messages"
//! auth = { bearer = { token = "…" } }
//! headers = { Idempotency-Key = "{reference}" }
//! body = { json = { to = "{to_plus}", from = "{sender}", text = "{content}", client_ref = "{reference}" } }
//! reference = "/messages/0/id"
//! ```

mod settings;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, Url, header::HeaderName};
use serde_json::Value;

pub use self::settings::{Expected, HttpAuth, HttpBody, HttpSmsSettings};
use super::{
    Sms, SmsProvider,
    template::{JsonTemplate, Template},
};
use crate::{
    Handed, Refusal, SendError, SettingsError,
    http::{self, Answer},
};

/// A provider behind an HTTP interface that the settings describe.
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
    /// Builds the client from its settings, all of which are checked now.
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
                .expect("checked when it was built");
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
                if self.method == Method::GET {
                    request.query(&fields)
                } else {
                    request.form(&fields)
                }
            }
        }
    }

    fn judge(&self, answer: &Answer) -> Result<Handed, SendError> {
        let json = answer.json();
        let at = |pointer: &Option<String>| scalar(json.as_ref()?.pointer(pointer.as_deref()?)?);
        if answer.status.is_success() {
            match self.says_success(json.as_ref()) {
                Some(true) => Ok(Handed {
                    reference: at(&self.settings.reference),
                }),
                Some(false) => Err(self.refusal(answer, at(&self.settings.error_code))),
                None => Err(SendError::unknown(answer.detail(
                    "the provider's answer does not say whether it took the message",
                ))),
            }
        } else {
            Err(self.refusal(answer, at(&self.settings.error_code)))
        }
    }

    /// `None` if the answer lacks what the settings say it must have.
    fn says_success(&self, json: Option<&Value>) -> Option<bool> {
        match &self.settings.success {
            None => Some(true),
            Some(expected) => {
                let found = json?.pointer(&expected.pointer)?;
                Some(*found == expected.equals || scalar(found)? == scalar(&expected.equals)?)
            }
        }
    }

    fn refusal(&self, answer: &Answer, code: Option<String>) -> SendError {
        let Some(code) = code else {
            return answer.meaning(None);
        };
        let refused = |words| answer.detail(words).with_code(&code);
        if self.settings.recipient_refused.contains(&code) {
            SendError::rejected(
                Refusal::Recipient,
                refused("the provider refuses the number"),
            )
        } else if self.settings.message_refused.contains(&code) {
            SendError::rejected(Refusal::Message, refused("the provider refuses the text"))
        } else {
            answer.meaning(Some(&code))
        }
    }
}

/// A text, number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
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

    async fn send(&self, sms: &Sms) -> Result<Handed, SendError> {
        let answer = http::exchange(self.request(sms)).await?;
        self.judge(&answer)
    }
}
