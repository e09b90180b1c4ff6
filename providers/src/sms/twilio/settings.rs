//! The settings of a Twilio account.

use std::{path::Path, sync::Arc};

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{super::template::Template, Twilio};
use crate::{
    Secret, SettingsError, SmsProvider, http,
    settings::{ProviderSettings, Server, require_positive},
};

/// The settings of a Twilio account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwilioSettings {
    /// The identifier of the provider's row. Default `twilio`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The account's SID, `AC…`.
    pub account_sid: String,
    /// The SID of an API key, `SK…`, to authenticate with. Default: the account itself.
    #[serde(default)]
    pub api_key_sid: Option<String>,
    /// The secret of the API key, or the account's auth token if there is none.
    pub secret: Secret,
    /// The sender of all messages. Default: each message's own sender.
    #[serde(default)]
    pub from: Option<String>,
    /// A messaging service, `MG…`, that chooses the sender. Cannot be given together with `from`.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// The URL to which Twilio sends delivery receipts: `https://<this platform>/notifications/sms/<name>/{reference}`.
    /// Default: no receipts, acceptance is final.
    #[serde(default)]
    pub status_callback: Option<String>,
    /// The URL to which Twilio posts inbound messages, exactly as it is set there:
    /// `https://<this platform>/notifications/sms/receive/<name>`. Default: inbound messages are refused.
    #[serde(default)]
    pub inbound_url: Option<String>,
    /// The account's auth token, with which Twilio signs its requests. Default: `secret`, unless that belongs to an API key.
    #[serde(default)]
    pub auth_token: Option<Secret>,
    /// The root of the API. Default `https://api.twilio.com`.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
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
    /// Settings for an account that authenticates with its own token, with defaults for everything else.
    pub fn for_account(account_sid: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self {
            name: default_name(),
            account_sid: account_sid.into(),
            api_key_sid: None,
            secret: token.into(),
            from: None,
            messaging_service_sid: None,
            status_callback: None,
            inbound_url: None,
            auth_token: None,
            base_url: default_base_url(),
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            supports_international: default_supports_international(),
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let is_sid = |sid: &str| !sid.is_empty() && sid.bytes().all(|b| b.is_ascii_alphanumeric());
        // It becomes part of the URL's path.
        if !is_sid(&self.account_sid) {
            return Err(self.invalid("account_sid", "it must be letters and digits"));
        }
        if self.from.is_some() && self.messaging_service_sid.is_some() {
            return Err(self.invalid(
                "from",
                "it cannot be given together with messaging_service_sid",
            ));
        }
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)
    }

    pub(super) fn messages_url(&self) -> Result<Url, SettingsError> {
        let base = self.base_url.trim_end_matches('/');
        let account = &self.account_sid;
        let url = format!("{base}/2010-04-01/Accounts/{account}/Messages.json");
        http::parse_url(&self.name, "base_url", &url)
    }

    pub(super) fn status_callback(&self) -> Result<Option<Template>, SettingsError> {
        const SETTING: &str = "status_callback";
        let Some(url) = &self.status_callback else {
            return Ok(None);
        };
        let template = Template::parse(url).map_err(|error| self.invalid(SETTING, error))?;
        if !url.contains("{reference}") {
            return Err(self.invalid(
                SETTING,
                "it must hold {reference}, so that a receipt finds its message",
            ));
        }
        let example = template
            .fill_reference(Uuid::nil())
            .ok_or_else(|| self.invalid(SETTING, "it may hold no placeholder but {reference}"))?;
        let url = http::parse_url(&self.name, SETTING, &example)?;
        // Nothing of ours hears another path, and every message would fail after three days. A proxy may add a prefix.
        let ours = format!("/notifications/sms/{}/{}", self.name, Uuid::nil());
        if !url.path().ends_with(&ours) {
            return Err(self.invalid(
                SETTING,
                format!(
                    "its path must end with /notifications/sms/{}/{{reference}}",
                    self.name
                ),
            ));
        }
        Ok(Some(template))
    }

    /// Returns the token that signs requests; `None` if none are expected.
    pub(super) fn auth_token(&self) -> Result<Option<Secret>, SettingsError> {
        if self.status_callback.is_none() && self.inbound_url.is_none() {
            return Ok(None);
        }
        match (&self.auth_token, &self.api_key_sid) {
            (Some(token), _) => Ok(Some(token.clone())),
            (None, None) => Ok(Some(self.secret.clone())),
            (None, Some(_)) => Err(self.invalid(
                "auth_token",
                "Twilio signs its requests with the auth token of the account, not with an API key: set it",
            )),
        }
    }

    fn invalid(&self, setting: &'static str, reason: impl Into<String>) -> SettingsError {
        SettingsError::invalid(&self.name, setting, reason)
    }
}

impl ProviderSettings<dyn SmsProvider> for TwilioSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Server::of_url(&self.base_url)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn SmsProvider>, SettingsError> {
        Ok(Arc::new(Twilio::new(self.clone())?))
    }
}
