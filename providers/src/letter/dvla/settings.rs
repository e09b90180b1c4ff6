//! The settings of the print service.

use std::{path::Path, sync::Arc};

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Dvla;
use crate::{
    LetterProvider, Secret, Server, SettingsError, http,
    settings::{ProviderSettings, require_positive},
};

/// The settings of the DVLA's print service: one HTTP request for each letter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DvlaSettings {
    /// The identifier of the provider's row. Default `dvla`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The address of the print service, to which `/thirdparty-access/v1/…` and `/print-request/v1/…` are appended.
    pub base_url: String,
    /// The user name to log in with.
    pub username: String,
    /// The password to log in with. With `change_credentials` it is where changing begins: once the platform has changed it,
    /// the new one is kept in the database, encrypted, and used until another password stands here.
    pub password: Secret,
    /// The API key, as for `password`.
    pub api_key: Secret,
    /// Whether the platform changes the API key on the first Tuesday of each month at 09:00 UTC, and the password on the
    /// Wednesday after it. Switch it off if another program logs in with the same name. Default true.
    #[serde(default = "default_change_credentials")]
    pub change_credentials: bool,
    /// Letters sent at the same time. Default 4.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: usize,
    /// Seconds to wait for each answer of the service. Default 30.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// E-mail addresses that are told in each print run how many letters to expect. Default: none.
    #[serde(default)]
    pub volumes_to: Vec<String>,
}

fn default_name() -> String {
    "dvla".to_owned()
}

const fn default_change_credentials() -> bool {
    true
}

const fn default_concurrency() -> usize {
    4
}

const fn default_timeout_seconds() -> u64 {
    30
}

impl DvlaSettings {
    fn invalid(&self, setting: &'static str, reason: &str) -> SettingsError {
        SettingsError::invalid(&self.name, setting, reason)
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for (setting, value) in [
            ("username", self.username.as_str()),
            ("password", self.password.expose()),
            ("api_key", self.api_key.expose()),
        ] {
            if value.is_empty() {
                return Err(self.invalid(setting, "it must not be empty"));
            }
        }
        if self
            .api_key
            .expose()
            .chars()
            .any(|one| !one.is_ascii_graphic())
        {
            return Err(self.invalid("api_key", "it must be letters, digits and signs of ASCII"));
        }
        if let Some(wrong) = self.volumes_to.iter().find(|one| !one.contains('@')) {
            let reason = format!("`{wrong}` is no e-mail address");
            return Err(self.invalid("volumes_to", &reason));
        }
        require_positive(&self.name, "concurrency", self.concurrency)?;
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)
    }

    /// Returns the address of a part of the service.
    pub(super) fn endpoint(&self, path: &str) -> Result<Url, SettingsError> {
        let base = self.base_url.trim_end_matches('/');
        http::parse_url(&self.name, "base_url", &format!("{base}/{path}"))
    }
}

impl ProviderSettings<dyn LetterProvider> for DvlaSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Server::of_url(&self.base_url)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn LetterProvider>, SettingsError> {
        Ok(Arc::new(Dvla::new(self.clone())?))
    }
}
