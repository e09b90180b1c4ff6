//! The settings of an MMG account.

use std::{path::Path, sync::Arc};

use reqwest::{Url, header::HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Mmg;
use crate::{
    Secret, SettingsError, SmsProvider, http,
    settings::{ProviderSettings, Server, require_positive},
};

/// The settings of an MMG account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MmgSettings {
    /// The identifier of the provider's row. Default `mmg`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The key of the account as it follows `Authorization: Basic`.
    pub api_key: Secret,
    /// The URL of requests. Default `https://api.mmg.co.uk/jsonv2a/api.php`.
    #[serde(default = "default_url")]
    pub url: String,
    /// The URL to which MMG sends delivery receipts: `https://<your host>/notifications/sms/mmg`. Default: the one that MMG
    /// has set up for the account.
    #[serde(default)]
    pub receipt_url: Option<String>,
    /// Whether MMG sends delivery receipts. Default yes. Without them, acceptance is final.
    #[serde(default = "default_true")]
    pub reports_delivery: bool,
    /// Codes in the `Error` of a reply that refuse the recipient for good. Others are retried, because they may as well be a
    /// mistake in these settings. MMG gives the list of its codes to its customers.
    #[serde(default)]
    pub recipient_refused: Vec<String>,
    /// Codes in the `Error` of a reply that refuse the message for good.
    #[serde(default)]
    pub message_refused: Vec<String>,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
    /// Whether it takes numbers outside the home country. Default yes.
    #[serde(default = "default_true")]
    pub supports_international: bool,
}

fn default_name() -> String {
    "mmg".to_owned()
}

fn default_url() -> String {
    "https://api.mmg.co.uk/jsonv2a/api.php".to_owned()
}

const fn default_timeout_seconds() -> u64 {
    10
}

const fn default_concurrency() -> usize {
    20
}

const fn default_true() -> bool {
    true
}

impl MmgSettings {
    /// Settings for the account with this key, with defaults for everything else.
    pub fn with_key(api_key: impl Into<Secret>) -> Self {
        Self {
            name: default_name(),
            api_key: api_key.into(),
            url: default_url(),
            receipt_url: None,
            reports_delivery: true,
            recipient_refused: Vec::new(),
            message_refused: Vec::new(),
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            supports_international: true,
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(url) = &self.receipt_url {
            http::parse_url(&self.name, "receipt_url", url)?;
        }
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)
    }

    pub(super) fn url(&self) -> Result<Url, SettingsError> {
        http::parse_url(&self.name, "url", &self.url)
    }

    pub(super) fn authorization(&self) -> Result<HeaderValue, SettingsError> {
        let key = self.api_key.expose();
        let value = HeaderValue::try_from(format!("Basic {key}"));
        match value {
            Ok(mut value) if !key.is_empty() => {
                // Keeps it out of the debug output of requests.
                value.set_sensitive(true);
                Ok(value)
            }
            _ => Err(SettingsError::invalid(
                &self.name,
                "api_key",
                "it must be one line of text",
            )),
        }
    }
}

impl ProviderSettings<dyn SmsProvider> for MmgSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Server::of_url(&self.url)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn SmsProvider>, SettingsError> {
        Ok(Arc::new(Mmg::new(self.clone())?))
    }
}
