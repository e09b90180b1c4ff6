//! `pillarbox token`: a token for one request with `curl`.

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{Place, up::known_demo};
use crate::{
    client,
    data_dir::DataDir,
    screen::{say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The API key to make it with: `<name>-<service id>-<secret>` [default: the demo service's]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// A UUID as text.
const UUID_LENGTH: usize = 36;

impl Token {
    pub(super) fn run(self, place: &Place) -> anyhow::Result<()> {
        let key = match self.key {
            Some(key) => key,
            None => {
                let (settings, _) = place.settings(None)?;
                let demo = known_demo(&DataDir::new(&settings.data_dir))?;
                demo.context(
                    "there is no demo service in this data directory: give a key with --key",
                )?
                .api_key
            }
        };
        let (service, secret) =
            parts(&key).context("that is no API key such as name-<service id>-<secret>")?;
        let token = client::token(service, secret);
        if place.json {
            say_json(&json!({"token": token}));
        } else {
            say(token);
        }
        Ok(())
    }
}

/// The service's id and the secret at the end of an API key.
pub(super) fn parts(key: &str) -> Option<(&str, &str)> {
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
    fn a_key_is_taken_apart_from_its_end() {
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
