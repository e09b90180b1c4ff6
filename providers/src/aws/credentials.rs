//! Credentials in use, kept until shortly before they expire.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use reqwest::Client;
use tokio::sync::Mutex;

use super::sources::Source;
use crate::{SendError, SettingsError, http};

/// How long before they expire credentials are replaced. AWS has new ones five minutes before.
const REFRESH_BEFORE: Duration = Duration::from_mins(4);

/// The services that give credentials are on this machine or its host, and answer at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct CredentialCache {
    source: Source,
    client: Client,
    cached: Mutex<Option<Credentials>>,
}

impl CredentialCache {
    pub(super) fn new(provider: &str, source: Source) -> Result<Self, SettingsError> {
        let client = if source.is_beside_us() {
            http::direct_client(provider, TIMEOUT)?
        } else {
            http::client(provider, TIMEOUT)?
        };
        Ok(Self {
            source,
            client,
            cached: Mutex::new(None),
        })
    }

    /// Returns credentials that are valid at `now`.
    pub(super) async fn get(&self, now: SystemTime) -> Result<Credentials, SendError> {
        if let Source::Keys(credentials) = &self.source {
            return Ok(credentials.clone());
        }
        // Held while they are fetched, so that many messages at once ask once.
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = &*cached
            && lasts_until(credentials, now + REFRESH_BEFORE)
        {
            return Ok(credentials.clone());
        }
        match (self.source.fetch(&self.client).await, &*cached) {
            (Ok(fetched), _) => {
                *cached = Some(fetched.clone());
                Ok(fetched)
            }
            // The old ones still work for a few minutes; one of the next messages will get new ones.
            (Err(_), Some(credentials)) if lasts_until(credentials, now) => Ok(credentials.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Makes the next message fetch credentials again.
    pub(super) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}

fn lasts_until(credentials: &Credentials, time: SystemTime) -> bool {
    credentials.expiry().is_none_or(|expiry| time < expiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_of_the_settings_are_used_without_asking_anybody() {
        let keys = Credentials::new("AKID", "hunter2", None, None, "test");
        let cache = CredentialCache::new("ses", Source::Keys(keys.clone())).unwrap();
        let found = cache.get(SystemTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(found.access_key_id(), "AKID");
    }

    #[test]
    fn credentials_without_expiry_last() {
        let now = SystemTime::UNIX_EPOCH;
        let until = |expiry| Credentials::new("AKID", "hunter2", None, expiry, "test");
        assert!(lasts_until(&until(None), now));
        assert!(lasts_until(&until(Some(now + TIMEOUT)), now));
        assert!(!lasts_until(&until(Some(now)), now));
    }
}
