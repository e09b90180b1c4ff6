//! Logging in: the token, and changing password and API key.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::{
    Client, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};

use super::DvlaSettings;
use crate::{
    RejectReason, Secret, SendError, SettingsError,
    http::{self, Reply},
    letter::{ChangingCredentials, Credentials},
};

/// A token is replaced this long before it expires, so that it does not expire on its way.
const EXPIRY_MARGIN_SECONDS: i64 = 60;

/// Logs in to the print service.
pub(super) struct Login {
    client: Client,
    username: String,
    authenticate: Url,
    password: Url,
    new_api_key: Url,
    configured: Credentials,
    credentials: Mutex<Credentials>,
    token: Mutex<Option<Token>>,
    /// Held while a token is fetched, so that a hundred letters log in once.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    value: Secret,
    expires_at: Timestamp,
}

impl Login {
    pub(super) fn new(client: Client, settings: &DvlaSettings) -> Result<Self, SettingsError> {
        let configured = Credentials {
            password: settings.password.clone(),
            next_password: None,
            api_key: settings.api_key.clone(),
        };
        Ok(Self {
            client,
            username: settings.username.clone(),
            authenticate: settings.endpoint("thirdparty-access/v1/authenticate")?,
            password: settings.endpoint("thirdparty-access/v1/password")?,
            new_api_key: settings.endpoint("thirdparty-access/v1/new-api-key")?,
            credentials: Mutex::new(configured.clone()),
            configured,
            token: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the headers of a request at this time.
    pub(super) async fn headers(&self, now: Timestamp) -> Result<HeaderMap, SendError> {
        let token = self.token(now).await?;
        let key = self.credentials().api_key;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, secret_header(&token)?);
        headers.insert("x-api-key", secret_header(&key)?);
        Ok(headers)
    }

    /// Forgets the token, so that the next request logs in.
    pub(super) fn forget_token(&self) {
        *lock(&self.token) = None;
    }

    fn credentials(&self) -> Credentials {
        lock(&self.credentials).clone()
    }

    async fn token(&self, now: Timestamp) -> Result<Secret, SendError> {
        if let Some(token) = self.valid_token(now) {
            return Ok(token);
        }
        let _fetching = self.fetching.lock().await;
        // Another letter may have logged in meanwhile.
        if let Some(token) = self.valid_token(now) {
            return Ok(token);
        }
        let token = self.log_in(now).await?;
        *lock(&self.token) = Some(token.clone());
        Ok(token.value)
    }

    fn valid_token(&self, now: Timestamp) -> Option<Secret> {
        let token = lock(&self.token);
        let token = token.as_ref()?;
        let is_valid = token.expires_at.as_second() - now.as_second() > EXPIRY_MARGIN_SECONDS;
        is_valid.then(|| token.value.clone())
    }

    async fn log_in(&self, now: Timestamp) -> Result<Token, SendError> {
        let credentials = self.credentials();
        let mut reply = self.log_in_with(&credentials.password).await?;
        // A change whose answer did not arrive may have been made.
        if let Some(next) = &credentials.next_password
            && is_refused(reply.status)
        {
            reply = self.log_in_with(next).await?;
        }
        if !reply.status.is_success() {
            return Err(login_error(&reply));
        }
        let value = reply
            .json()
            .and_then(|json| Some(json.get("id-token")?.as_str()?.to_owned()));
        let value = value.ok_or_else(|| {
            SendError::unavailable(reply.detail("the provider's answer to our login has no token"))
        })?;
        Ok(Token {
            // A token that does not say when it expires is used once.
            expires_at: expiry_of(&value).unwrap_or(now),
            value: value.into(),
        })
    }

    async fn log_in_with(&self, password: &Secret) -> Result<Reply, SendError> {
        let body = json!({"userName": self.username, "password": password.expose()});
        let request = self.client.post(self.authenticate.clone()).json(&body);
        // Whatever becomes of a login, no letter was sent.
        http::send_request(request)
            .await
            .map_err(|error| SendError::Unavailable {
                detail: error.detail().clone(),
            })
    }
}

#[async_trait]
impl ChangingCredentials for Login {
    fn configured(&self) -> Credentials {
        self.configured.clone()
    }

    fn set(&self, credentials: Credentials) {
        // The token outlives the password that it was fetched with.
        *lock(&self.credentials) = credentials;
    }

    async fn accepts_password(&self, password: &Secret) -> Result<bool, SendError> {
        let reply = self.log_in_with(password).await?;
        if is_refused(reply.status) {
            return Ok(false);
        }
        if reply.status.is_success() {
            Ok(true)
        } else {
            Err(login_error(&reply))
        }
    }

    async fn change_password(&self, new: &Secret) -> Result<(), SendError> {
        let old = self.credentials().password;
        let body = json!({
            "userName": self.username, "password": old.expose(), "newPassword": new.expose(),
        });
        let request = self.client.post(self.password.clone()).json(&body);
        let reply = http::send_request(request).await?;
        match reply.status {
            status if status.is_success() => Ok(()),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                let detail = reply.detail("the provider refuses the new password");
                Err(SendError::rejected(RejectReason::Message, detail))
            }
            // Whatever else it says, it may have changed the password before it failed.
            _ => Err(SendError::unknown(
                reply.detail("the provider has not confirmed the new password"),
            )),
        }
    }

    async fn change_api_key(&self, now: Timestamp) -> Result<Secret, SendError> {
        let headers = self.headers(now).await?;
        let request = self.client.post(self.new_api_key.clone()).headers(headers);
        let reply = http::send_request(request).await?;
        if !reply.status.is_success() {
            if is_refused(reply.status) {
                self.forget_token();
            }
            return Err(reply.error_for_status(None));
        }
        let json = reply.json().unwrap_or(Value::Null);
        match json["newApiKey"].as_str().filter(|key| !key.is_empty()) {
            Some(key) => Ok(key.into()),
            None => Err(SendError::unknown(
                reply.detail("the provider's answer has no API key"),
            )),
        }
    }
}

fn login_error(reply: &Reply) -> SendError {
    match reply.error_for_status(None) {
        throttled @ SendError::Throttled { .. } => throttled,
        error => SendError::Unavailable {
            detail: error.detail().clone(),
        },
    }
}

fn is_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Returns when a token expires. Its signature is the provider's own matter.
fn expiry_of(token: &str) -> Option<Timestamp> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

fn secret_header(secret: &Secret) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::from_str(secret.expose())
        .map_err(|_| SendError::unavailable("the API key or token cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_of_a_token_is_read() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub": "a", "exp": 1772442000}"#);
        let expiry = expiry_of(&format!("e30.{claims}.signature"));
        assert_eq!(expiry, Some("2026-03-02T09:00:00Z".parse().unwrap()));
        for token in ["", "a", "a.b.c", "e30.e30.x"] {
            assert_eq!(expiry_of(token), None, "{token}");
        }
    }
}
