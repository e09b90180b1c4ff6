//! Text messages through Twilio's Messages resource.
//!
//! Twilio knows no idempotency key for it, so an unknown outcome stays unknown until a receipt comes. The status
//! callback may carry our own reference (`https://…/notifications/sms/twilio/{reference}`), for a receipt can be faster
//! than the answer that tells us Twilio's.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Sms, SmsProvider, template::Template};
use crate::{
    Handed, Refusal, Secret, SendError, SettingsError,
    http::{self, Answer},
};

/// The number is invalid, no mobile, cannot be reached, or has asked us to stop. A region that is switched off for the
/// account (21408) is not among these: another provider may reach it.
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

/// The text is empty or too long.
const MESSAGE_REFUSED: [i64; 4] = [21602, 21605, 21617, 21619];

/// Too many requests, or too many messages waiting for the sender.
const THROTTLED: [i64; 4] = [14107, 20429, 21611, 30001];

/// An account at Twilio.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioSettings {
    /// The identifier of the provider's row. Default `twilio`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The account, `AC…`.
    pub account_sid: String,
    /// An API key, `SK…`, to log in with. Default: the account itself.
    #[serde(default)]
    pub api_key_sid: Option<String>,
    /// The secret of the API key, or the account's token if there is none.
    pub secret: Secret,
    /// The number or name all messages are from. Default: each message's own sender.
    #[serde(default)]
    pub from: Option<String>,
    /// A messaging service, `MG…`, that chooses the sender. Not together with `from`.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// Where Twilio reports what became of a message; may hold `{reference}`. Default: nowhere, and then acceptance is
    /// the last we hear.
    #[serde(default)]
    pub status_callback: Option<String>,
    /// Default `https://api.twilio.com`.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Seconds for a whole exchange. Default 10 (workers, section 7.1).
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// Requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Whether it may be given numbers outside the home country. Default yes.
    #[serde(default = "default_supports_international")]
    pub supports_international: bool,
}

fn default_name() -> String {
    "twilio".to_owned()
}

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

const fn default_timeout_seconds() -> u64 {
    10
}

const fn default_concurrency() -> usize {
    20
}

const fn default_supports_international() -> bool {
    true
}

impl TwilioSettings {
    /// The settings of an account that logs in with its own token, all else being left at its default.
    pub fn for_account(account_sid: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self {
            name: default_name(),
            account_sid: account_sid.into(),
            api_key_sid: None,
            secret: token.into(),
            from: None,
            messaging_service_sid: None,
            status_callback: None,
            base_url: default_base_url(),
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            supports_international: default_supports_international(),
        }
    }

    fn wrong(&self, setting: &'static str, why: impl Into<String>) -> SettingsError {
        SettingsError::Wrong {
            provider: self.name.clone(),
            setting,
            why: why.into(),
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        let is_sid = |sid: &str| !sid.is_empty() && sid.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_sid(&self.account_sid) {
            return Err(self.wrong("account_sid", "it must be letters and digits"));
        }
        if self.from.is_some() && self.messaging_service_sid.is_some() {
            return Err(self.wrong(
                "from",
                "it cannot be given together with messaging_service_sid",
            ));
        }
        if self.timeout_seconds == 0 {
            return Err(self.wrong("timeout_seconds", "it must be at least 1"));
        }
        if self.concurrency == 0 {
            return Err(self.wrong("concurrency", "it must be at least 1"));
        }
        Ok(())
    }

    fn messages_url(&self) -> Result<Url, SettingsError> {
        let base = self.base_url.trim_end_matches('/');
        let url = format!(
            "{base}/2010-04-01/Accounts/{}/Messages.json",
            self.account_sid
        );
        Url::parse(&url).map_err(|error| self.wrong("base_url", error.to_string()))
    }

    fn status_callback(&self) -> Result<Option<Template>, SettingsError> {
        let Some(url) = &self.status_callback else {
            return Ok(None);
        };
        let wrong = |why: String| self.wrong("status_callback", why);
        let template = Template::parse(url).map_err(wrong)?;
        let example = template
            .fill_reference(Uuid::nil())
            .ok_or_else(|| wrong("it may hold no gap but {reference}".to_owned()))?;
        Url::parse(&example).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(template))
    }
}

/// Twilio.
pub struct Twilio {
    settings: TwilioSettings,
    client: Client,
    url: Url,
    status_callback: Option<Template>,
}

impl Twilio {
    /// Builds the client from its settings, all of which are checked now.
    pub fn new(settings: TwilioSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            client: http::client(&settings.name, timeout)?,
            url: settings.messages_url()?,
            status_callback: settings.status_callback()?,
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

fn judge(answer: &Answer) -> Result<Handed, SendError> {
    let json = answer.json();
    let field = |name| json.as_ref().and_then(|json| json.get(name));
    if answer.status.is_success() {
        return Ok(Handed {
            reference: field("sid").and_then(Value::as_str).map(str::to_owned),
        });
    }
    let Some(code) = field("code").and_then(Value::as_i64) else {
        return Err(answer.meaning(None));
    };
    let detail = |words| answer.detail(words).with_code(&code.to_string());
    Err(if RECIPIENT_REFUSED.contains(&code) {
        SendError::rejected(Refusal::Recipient, detail("Twilio refuses the number"))
    } else if MESSAGE_REFUSED.contains(&code) {
        SendError::rejected(Refusal::Message, detail("Twilio refuses the text"))
    } else if THROTTLED.contains(&code) {
        answer.throttled(detail("Twilio asks us to slow down"))
    } else {
        answer.meaning(Some(&code.to_string()))
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

    async fn send(&self, sms: &Sms) -> Result<Handed, SendError> {
        let answer = http::exchange(self.request(sms)).await?;
        judge(&answer)
    }
}
