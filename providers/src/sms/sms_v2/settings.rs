//! The settings of an account at AWS End User Messaging SMS.

use std::{path::Path, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{SERVICE, SmsV2};
use crate::{
    SettingsError, SmsProvider,
    aws::{Access, AwsKeys},
    settings::{ProviderSettings, ReceiptWay, Server, require_positive},
};

/// The settings of an account at AWS End User Messaging SMS in one region.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmsV2Settings {
    /// The identifier of the provider's row. Default `sms-v2`.
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
    /// The sender of all messages: a phone number, sender id or pool, by its id or ARN. Default: each message's own sender,
    /// which must be a sender id of the account.
    #[serde(default)]
    pub origination_identity: Option<String>,
    /// `transactional` or `promotional`. Default `transactional`.
    #[serde(default)]
    pub message_type: MessageType,
    /// The configuration set of all messages. Default: that of the account.
    #[serde(default)]
    pub configuration_set: Option<String>,
    /// The most that one fragment may cost, in US dollars, such as `"0.10"`. Default: no limit.
    #[serde(default)]
    pub max_price: Option<String>,
    /// Seconds that AWS tries to deliver a message, 5 to 259,200. Default: three days.
    #[serde(default)]
    #[schemars(range(min = 5, max = 259_200))]
    pub time_to_live_seconds: Option<u32>,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
    /// Whether AWS reports deliveries to the platform, through SNS or a queue. Default no. Without them, acceptance is
    /// final.
    #[serde(default)]
    pub reports_delivery: bool,
    /// Whether it takes numbers outside the home country. Default yes.
    #[serde(default = "default_supports_international")]
    pub supports_international: bool,
}

/// The type of messages, which decides about routes and opening hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    /// Expected by the recipient.
    #[default]
    Transactional,
    /// Advertising.
    Promotional,
}

impl MessageType {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Transactional => "TRANSACTIONAL",
            Self::Promotional => "PROMOTIONAL",
        }
    }
}

fn default_name() -> String {
    "sms-v2".to_owned()
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

impl SmsV2Settings {
    /// Settings for an account in this region, with defaults for everything else.
    pub fn in_region(region: impl Into<String>) -> Self {
        Self {
            name: default_name(),
            region: Some(region.into()),
            endpoint: None,
            credentials: None,
            origination_identity: None,
            message_type: MessageType::default(),
            configuration_set: None,
            max_price: None,
            time_to_live_seconds: None,
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            reports_delivery: false,
            supports_international: true,
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
        let invalid = |setting, reason| SettingsError::invalid(&self.name, setting, reason);
        if self
            .max_price
            .as_deref()
            .is_some_and(|price| !is_price(price))
        {
            return Err(invalid("max_price", "it must be an amount such as 0.10"));
        }
        // AWS would refuse each message with others.
        let is_refused = |seconds| !(5..=259_200).contains(&seconds);
        if self.time_to_live_seconds.is_some_and(is_refused) {
            return Err(invalid("time_to_live_seconds", "it must be 5 to 259200"));
        }
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)
    }
}

/// Whether a text is an amount as AWS takes it: at most two digits, and at most five after the point.
fn is_price(text: &str) -> bool {
    let (dollars, rest) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str, most| {
        (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    are_digits(dollars, 2) && are_digits(rest, 5)
}

impl ProviderSettings<dyn SmsProvider> for SmsV2Settings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        self.access().server()
    }

    fn receipt_way(&self) -> Option<ReceiptWay> {
        self.reports_delivery.then_some(ReceiptWay::AmazonEvents)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn SmsProvider>, SettingsError> {
        Ok(Arc::new(SmsV2::new(self.clone())?))
    }
}
