use std::path::PathBuf;

use ::providers::{Secret, amazon::sns::Sns};
use anyhow::{Context as _, bail};
use schemars::JsonSchema;
use serde::Deserialize;

use super::split_list;

/// Who may send delivery receipts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Receipts {
    /// User names of MMG for Basic authentication, separated by commas. Give MMG the URL with name and password in it.
    #[schemars(with = "Option<String>")]
    pub mmg_users: Option<Secret>,
    /// Passwords of MMG, separated by commas. With one, receipts without it are refused.
    #[schemars(with = "Option<String>")]
    pub mmg_passwords: Option<Secret>,
    /// Networks that MMG sends from, such as `192.0.2.0/24`, separated by commas. With one, receipts from elsewhere are
    /// refused.
    pub mmg_networks: Option<String>,
    /// User names of Firetext, as for MMG.
    #[schemars(with = "Option<String>")]
    pub firetext_users: Option<Secret>,
    /// Passwords of Firetext, as for MMG.
    #[schemars(with = "Option<String>")]
    pub firetext_passwords: Option<Secret>,
    /// Networks that Firetext sends from, as for MMG.
    pub firetext_networks: Option<String>,
    /// ARNs of the SNS topics to which SES and AWS End User Messaging publish events, separated by commas. Subscribe
    /// `https://<this platform>/notifications/amazon/sns` to them; the subscription is confirmed by itself. Messages of
    /// other topics are refused.
    pub sns_topics: Option<String>,
    /// Passwords, separated by commas, of programs that read the events from a queue and post them to
    /// `/notifications/amazon/events`, with the user name `amazon`.
    #[schemars(with = "Option<String>")]
    pub amazon_passwords: Option<Secret>,
    /// The maildir into which a mail server delivers what is sent to the `return_path` of SMTP providers. Processes with the role
    /// `worker` read it every ten seconds and remove the reports; other messages are moved to its folder `cur`.
    pub bounce_maildir: Option<PathBuf>,
    /// Whether an address from which an e-mail came back for good gets nothing more from the service that sent it. Turn it
    /// off if your relay calls too much permanent.
    pub suppress_hard_bounces: bool,
    /// Whether a recipient who complained about an e-mail gets nothing more from the service that sent it.
    pub suppress_complaints: bool,
    /// Receipts a second that one address may send where neither passwords nor networks are set; five times as many at
    /// once. Raise it if a provider reports faster.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_second: u32,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            mmg_users: None,
            mmg_passwords: None,
            mmg_networks: None,
            firetext_users: None,
            firetext_passwords: None,
            firetext_networks: None,
            sns_topics: None,
            amazon_passwords: None,
            bounce_maildir: None,
            suppress_hard_bounces: true,
            suppress_complaints: true,
            per_second: 1000,
        }
    }
}

impl Receipts {
    /// Returns the rules as `api` takes them.
    pub(crate) fn rules(&self) -> api::ReceiptRules {
        let access = |users: &Option<Secret>,
                      passwords: &Option<Secret>,
                      networks: &Option<String>| api::ReceiptAccess {
            users: split_list(users.as_ref()),
            passwords: split_list(passwords.as_ref()),
            // `check` has refused a list that cannot be parsed.
            networks: networks_of(networks.as_ref()).unwrap_or_default(),
        };
        api::ReceiptRules {
            mmg: access(&self.mmg_users, &self.mmg_passwords, &self.mmg_networks),
            firetext: access(
                &self.firetext_users,
                &self.firetext_passwords,
                &self.firetext_networks,
            ),
            per_second: self.per_second,
            sns: Sns::new(self.sns_topics()),
            amazon_passwords: split_list(self.amazon_passwords.as_ref()),
        }
    }

    /// Returns whether anyone may report events of Amazon.
    pub(super) fn takes_amazon_events(&self) -> bool {
        !self.sns_topics().is_empty() || !split_list(self.amazon_passwords.as_ref()).is_empty()
    }

    fn sns_topics(&self) -> Vec<String> {
        let all = self.sns_topics.as_deref().unwrap_or_default().split(',');
        all.map(str::trim)
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Fails if a list cannot mean what it seems to: a rule that is left out would admit everybody.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (provider, users, passwords, networks) in [
            (
                "mmg",
                &self.mmg_users,
                &self.mmg_passwords,
                &self.mmg_networks,
            ),
            (
                "firetext",
                &self.firetext_users,
                &self.firetext_passwords,
                &self.firetext_networks,
            ),
        ] {
            networks_of(networks.as_ref())
                .with_context(|| format!("the setting receipts.{provider}_networks is invalid"))?;
            let is_empty = |list: &Option<Secret>| split_list(list.as_ref()).is_empty();
            // User names without passwords would check nothing.
            if is_empty(users) != is_empty(passwords) {
                bail!(
                    "the settings receipts.{provider}_users and receipts.{provider}_passwords need each other: set both \
                     or neither"
                );
            }
        }
        for topic in self.sns_topics() {
            // A typing mistake would refuse every receipt of the topic, days later.
            let is_arn = topic.starts_with("arn:") && topic.split(':').count() == 6;
            if !is_arn || topic.split(':').nth(2) != Some("sns") {
                bail!(
                    "the setting receipts.sns_topics is invalid: `{topic}` is no ARN of a topic, such as \
                     arn:aws:sns:eu-west-2:123456789012:receipts"
                );
            }
        }
        Ok(())
    }
}

fn networks_of(list: Option<&String>) -> Result<Vec<api::Network>, api::NotANetwork> {
    let all = list.map(String::as_str).unwrap_or_default().split(',');
    all.map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::parse)
        .collect()
}
