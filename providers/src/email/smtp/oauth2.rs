//! Access tokens of OAuth 2 (RFC 6749), fetched when they are needed.

use std::time::Duration;

use reqwest::{Client, Url};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use crate::{Secret, SettingsError, http};

/// Where to fetch access tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Settings {
    /// The URL of the token endpoint.
    pub token_url: String,
    /// The id of the client that is registered there.
    pub client_id: String,
    /// The secret of the client.
    pub client_secret: Secret,
    /// The refresh token of a user. Default: none, the client acts for itself (client credentials).
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// The scope to ask for, such as `https://outlook.office365.com/.default`.
    #[serde(default)]
    pub scope: Option<String>,
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// How long before it expires a token is replaced.
const REFRESH_BEFORE: Duration = Duration::from_mins(1);

/// For servers that do not say how long their tokens last.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);

/// A client of a token endpoint.
pub(super) struct OAuth2 {
    settings: OAuth2Settings,
    client: Client,
    url: Url,
    cached: Mutex<Option<AccessToken>>,
}

struct AccessToken {
    token: String,
    fresh_until: Instant,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl OAuth2 {
    pub(super) fn new(provider: &str, settings: OAuth2Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            client: http::client(provider, TIMEOUT)?,
            url: http::parse_url(provider, "oauth2", &settings.token_url)?,
            settings,
            cached: Mutex::new(None),
        })
    }

    /// Returns an access token that has some time left; `None` if the endpoint gives none.
    pub(super) async fn token(&self) -> Option<String> {
        // Held while it is fetched, so that many connections at once ask once.
        let mut cached = self.cached.lock().await;
        if let Some(one) = &*cached
            && Instant::now() < one.fresh_until
        {
            return Some(one.token.clone());
        }
        let fetched = self.fetch().await?;
        let token = fetched.token.clone();
        *cached = Some(fetched);
        Some(token)
    }

    /// Makes the next connection fetch a token again.
    pub(super) async fn forget(&self) {
        *self.cached.lock().await = None;
    }

    async fn fetch(&self) -> Option<AccessToken> {
        let settings = &self.settings;
        let mut form = vec![
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.client_secret.expose()),
        ];
        match &settings.refresh_token {
            Some(token) => form.extend([
                ("grant_type", "refresh_token"),
                ("refresh_token", token.expose()),
            ]),
            None => form.push(("grant_type", "client_credentials")),
        }
        form.extend(settings.scope.as_deref().map(|scope| ("scope", scope)));
        let request = self.client.post(self.url.clone()).form(&form);
        let reply = http::send_request(request).await.ok()?;
        if !reply.status.is_success() {
            return None;
        }
        let reply: TokenReply = serde_json::from_value(reply.json()?).ok()?;
        let lifetime = reply
            .expires_in
            .map_or(DEFAULT_LIFETIME, Duration::from_secs);
        Some(AccessToken {
            token: reply.access_token,
            fresh_until: Instant::now() + lifetime.saturating_sub(REFRESH_BEFORE),
        })
    }
}
