//! Credentials that the platform changes at a print provider, and keeps (`docs/spec/letters.md` §7.2).

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Secret, SendError};

/// What a provider logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The password.
    pub password: Secret,
    /// The password of a change that has begun and whose outcome is not known: used where the provider refuses `password`.
    pub next_password: Option<Secret>,
    /// The API key.
    pub api_key: Secret,
}

/// A login whose credentials the platform changes. The platform sets those that it keeps before it sends, so that all
/// processes use the same.
#[async_trait]
pub trait ChangingCredentials: Send + Sync {
    /// Returns the credentials of the settings.
    fn configured(&self) -> Credentials;

    /// Sets the credentials of the next requests.
    fn set(&self, credentials: Credentials);

    /// Returns whether the provider accepts a password.
    async fn accepts_password(&self, password: &Secret) -> Result<bool, SendError>;

    /// Changes the password. After [`SendError::Unknown`] it may have been changed.
    async fn change_password(&self, new: &Secret) -> Result<(), SendError>;

    /// Lets the provider make another API key, and returns it.
    async fn change_api_key(&self, now: Timestamp) -> Result<Secret, SendError>;
}
