//! The settings of an Amazon SES account.

use std::{path::Path, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{SERVICE, Ses};
use crate::{
    EmailProvider, SettingsError,
    aws::{Access, AwsKeys},
    settings::{ProviderSettings, ReceiptWay, Server, require_positive},
};

/// The settings of an Amazon SES account in one region.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SesSettings {
    /// The identifier of the provider's row. Default `ses`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The region, such as `eu-west-2`. Required, unless the environment has `AWS_REGION` or `AWS_DEFAULT_REGION`.
    #[serde(default)]
    pub region: Option<String>,
    /// The root of the API. Default: Amazon's for the region. Set it for a VPC endpoint, or for tests.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// `{ access_key_id = "…", secret_access_key = "…" }`, and `session_token` for temporary keys. Default: those of the
    /// environment (`AWS_ACCESS_KEY_ID` …), else of the role of a Kubernetes service account, a container or an EC2
    /// instance.
    #[serde(default)]
    pub credentials: Option<AwsKeys>,
    /// The configuration set of all messages. Default: that of the sending identity.
    #[serde(default)]
    pub configuration_set: Option<String>,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
    /// Whether SES reports bounces, complaints and deliveries to the platform, through SNS or a queue. Default no. Without
    /// them, acceptance is final.
    #[serde(default)]
    pub reports_delivery: bool,
}

fn default_name() -> String {
    "ses".to_owned()
}

const fn default_timeout_seconds() -> u64 {
    10
}

const fn default_concurrency() -> usize {
    20
}

impl SesSettings {
    /// Settings for an account in this region, with defaults for everything else.
    pub fn in_region(region: impl Into<String>) -> Self {
        Self {
            name: default_name(),
            region: Some(region.into()),
            endpoint: None,
            credentials: None,
            configuration_set: None,
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            reports_delivery: false,
        }
    }

    /// Returns what the client of the API needs to know.
    pub(super) fn access(&self) -> Access<'_> {
        Access {
            provider: &self.name,
            service: SERVICE,
            region: self.region.as_deref(),
            endpoint: self.endpoint.as_deref(),
            keys: self.credentials.as_ref(),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)
    }
}

impl ProviderSettings<dyn EmailProvider> for SesSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        self.access().server()
    }

    fn receipt_way(&self) -> Option<ReceiptWay> {
        self.reports_delivery.then_some(ReceiptWay::AmazonEvents)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn EmailProvider>, SettingsError> {
        Ok(Arc::new(Ses::new(self.clone())?))
    }
}
