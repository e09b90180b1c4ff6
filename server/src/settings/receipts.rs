use ::providers::Secret;
use anyhow::{Context as _, bail};
use schemars::JsonSchema;
use serde::Deserialize;

use super::split_list;

/// Who may send delivery receipts of text messages.
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
    /// Receipts a second that one address may send where neither passwords nor networks are set; five times as many at
    /// once. Raise it if a provider reports faster.
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
        }
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
        if self.per_second == 0 {
            bail!("the setting receipts.per_second is 0: it must be at least 1");
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
