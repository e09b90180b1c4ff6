//! `pillarbox token`: a token for requests with `curl`.

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{CommandContext, up::read_demo_access};
use crate::{
    client,
    data_dir::DataDir,
    terminal::{print_json, print_line},
};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// API key to sign with: `<name>-<service id>-<secret>` [default: that of the demo service]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Length of a UUID as text.
const UUID_LENGTH: usize = 36;

impl Token {
    pub(super) fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let key = self.key.map_or_else(|| demo_api_key(context), Ok)?;
        let (service, secret) = parts(&key).context(
            "the API key is not valid: it must have the form name-<service id>-<secret>",
        )?;
        let token = client::token(service, secret);
        if context.json {
            print_json(&json!({"token": token}));
        } else {
            print_line(token);
        }
        Ok(())
    }
}

fn demo_api_key(context: &CommandContext) -> anyhow::Result<String> {
    let (settings, _) = context.settings(None)?;
    let demo = read_demo_access(&DataDir::new(&settings.data_dir))?
        .context("there is no demo service in this data directory: give an API key with --key")?;
    Ok(demo.api_key)
}

/// Returns the service id and the secret at the end of an API key.
pub(super) fn parts(key: &str) -> Option<(&str, &str)> {
    // From the end, because the name of a key may contain hyphens.
    let (rest, secret) = key.split_at_checked(key.len().checked_sub(UUID_LENGTH)?)?;
    let rest = rest.strip_suffix('-')?;
    let (_, service) = rest.split_at_checked(rest.len().checked_sub(UUID_LENGTH)?)?;
    let both_ids = [service, secret]
        .iter()
        .all(|one| one.parse::<uuid::Uuid>().is_ok());
    both_ids.then_some((service, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split_from_its_end() {
        let (service, secret) = (
            "26785a09-ab16-4eb0-8407-a37497a57506",
            "3d844edf-8d35-48ac-975b-e847b4f122b0",
        );
        assert_eq!(
            parts(&format!("a-b-{service}-{secret}")),
            Some((service, secret))
        );
        assert_eq!(parts(secret), None);
        assert_eq!(parts("é"), None);
    }
}
