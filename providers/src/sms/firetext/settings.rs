//! The settings of a Firetext account.

use std::{path::Path, sync::Arc};

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Firetext;
use crate::{
    Secret, SettingsError, SmsProvider, http,
    settings::{ProviderSettings, Server, require_positive},
};

/// The settings of a Firetext account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiretextSettings {
    /// The identifier of the provider's row. Default `firetext`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The key of the account for numbers in the home country.
    pub api_key: Secret,
    /// The key for numbers in other countries. Default: none, and Firetext gets no such numbers.
    #[serde(default)]
    pub international_api_key: Option<Secret>,
    /// The URL of requests. Default `https://www.firetext.co.uk/api/sendsms/json`.
    #[serde(default = "default_url")]
    pub url: String,
    /// The URL to which Firetext sends delivery receipts: `https://<your host>/notifications/sms/firetext`. Default: the one
    /// that is set up in the account.
    #[serde(default)]
    pub receipt_url: Option<String>,
    /// Whether Firetext sends delivery receipts. Default yes. Without them, acceptance is final.
    #[serde(default = "default_reports_delivery")]
    pub reports_delivery: bool,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
}

fn default_name() -> String {
    "firetext".to_owned()
}

fn default_url() -> String {
    "https://www.firetext.co.uk/api/sendsms/json".to_owned()
}

const fn default_reports_delivery() -> bool {
    true
}

const fn default_timeout_seconds() -> u64 {
    10
}

const fn default_concurrency() -> usize {
    20
}

impl FiretextSettings {
    /// Settings for the account with this key, with defaults for everything else.
    pub fn with_key(api_key: impl Into<Secret>) -> Self {
        Self {
            name: default_name(),
            api_key: api_key.into(),
            international_api_key: None,
            url: default_url(),
            receipt_url: None,
            reports_delivery: true,
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let keys = [
            ("api_key", Some(&self.api_key)),
            ("international_api_key", self.international_api_key.as_ref()),
        ];
        // An empty one, from a variable that is not set, would be refused with each message.
        for (setting, key) in keys {
            if key.is_some_and(|key| key.expose().is_empty()) {
                return Err(SettingsError::invalid(&self.name, setting, "it is empty"));
            }
        }
        if let Some(url) = &self.receipt_url {
            http::parse_url(&self.name, "receipt_url", url)?;
        }
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)
    }

    pub(super) fn url(&self) -> Result<Url, SettingsError> {
        http::parse_url(&self.name, "url", &self.url)
    }
}

impl ProviderSettings<dyn SmsProvider> for FiretextSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Server::of_url(&self.url)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn SmsProvider>, SettingsError> {
        Ok(Arc::new(Firetext::new(self.clone())?))
    }
}
