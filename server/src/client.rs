//! HTTP client of the commands for a running platform, which they access as an internal client.

use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::{Clock as _, Private};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::{data_dir::DataDir, secrets, settings::Settings, system::SystemClock};

/// Long enough to check the largest file. A platform that does not run is detected by the connect timeout.
const TIMEOUT: Duration = Duration::from_mins(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for one platform.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    issuer: String,
    secret: Private<String>,
}

/// An error response of the platform.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// The error for people, as one line.
    pub message: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// Returns a token of `issuer`, signed with `secret`; valid for 30 seconds.
pub fn token(issuer: &str, secret: &str) -> String {
    let claims = Claims {
        iss: issuer,
        iat: SystemClock.machine_time().unix_seconds(),
    };
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .expect("two plain claims can be signed")
}

impl Client {
    /// Creates a client for the platform at `url`, or for the one that `running.json` in the data directory names.
    pub fn find(settings: &Settings, url: Option<&str>) -> anyhow::Result<Self> {
        let directory = settings.data_dir.display();
        let url = match url {
            Some(url) => url.to_owned(),
            None => match DataDir::new(&settings.data_dir).running()? {
                Some(running) => running.url,
                None => bail!(
                    "nothing is running in {directory}: start it with `pillarbox up`, or give its location with --data-dir or --url"
                ),
            },
        };
        let Some(secrets) = secrets::existing_internal_secrets(settings)? else {
            bail!(
                "there is no secret to sign requests with in {directory}: set PILLARBOX_INTERNAL_SECRET to that of the platform"
            );
        };
        Self::new(&url, &settings.internal_client_id, secrets[0].clone())
    }

    /// Creates a client for the platform at `url` that signs as `issuer`.
    pub fn new(url: &str, issuer: &str, secret: Private<String>) -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this client calls our own platform, not a provider"
        )]
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // The platform is on this machine or this network: a proxy would only see the token.
            .no_proxy()
            .build();
        let http = http.context("cannot create an HTTP client")?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            issuer: issuer.to_owned(),
            secret,
        })
    }

    /// Returns the base URL of the platform.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks the platform whether it works. Fails if it does not answer, or its database is away.
    pub async fn check_health(&self) -> anyhow::Result<()> {
        let answer = self.http.get(format!("{}/_status", self.url)).send().await;
        let answer = answer.context("it does not answer: it may have crashed, see its log")?;
        if answer.status() != StatusCode::OK {
            bail!(
                "it answers with {}, so its database may be away: see its log",
                answer.status()
            );
        }
        Ok(())
    }

    /// Sends a GET and returns the `data` of the response.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        data(
            self.send(self.request(Method::GET, path).query(query))
                .await,
        )
    }

    /// Posts JSON and returns the `data` of the response.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        data(self.send(self.request(Method::POST, path).json(body)).await)
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send(self.request(Method::DELETE, path)).await?;
        Ok(())
    }

    /// Posts bytes and returns the `data` of the response.
    pub async fn upload(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: Body,
    ) -> anyhow::Result<Value> {
        data(
            self.send(self.request(Method::POST, path).query(query).body(body))
                .await,
        )
    }

    /// Sends a GET and returns the whole response, for endpoints without a `data` member.
    pub async fn get_raw(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts JSON and returns the whole response, for endpoints without a `data` member.
    pub async fn post_raw(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A token is valid for 30 seconds, so each request gets a new one.
        let token = token(&self.issuer, self.secret.reveal());
        self.http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => bail!(
                "nothing answers at {}: start the platform with `pillarbox up`, or give its location with --data-dir or --url",
                self.url
            ),
            Err(error) if error.is_builder() => {
                bail!("`{}` is not a URL such as http://127.0.0.1:6011", self.url)
            }
            Err(_) => bail!(
                "the connection to {} broke: is the platform still running?",
                self.url
            ),
        };
        let status = response.status();
        let body = response
            .bytes()
            .await
            .with_context(|| format!("the connection to {} broke", self.url))?;
        // A proxy in between may respond with HTML; then only the status can be reported.
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        Err(ApiError {
            status,
            message: error_message(status, &value),
        }
        .into())
    }
}

fn data(response: anyhow::Result<Value>) -> anyhow::Result<Value> {
    response.map(|mut value| value.get_mut("data").map(Value::take).unwrap_or_default())
}

/// Returns the message of an error response, in either of the two response formats.
fn error_message(status: StatusCode, body: &Value) -> String {
    let message =
        message_text(&body["message"]).or_else(|| message_text(&body["errors"][0]["message"]));
    match (status, message) {
        // `Token` or `token`, depending on the response format.
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(message))
            if message.contains("oken") =>
        {
            format!(
                "the platform does not accept our secret ({message}): set PILLARBOX_INTERNAL_SECRET to that of the platform"
            )
        }
        (StatusCode::INTERNAL_SERVER_ERROR, _) => {
            "the platform had an internal error; see its log".to_owned()
        }
        (_, Some(message)) => message.trim().to_owned(),
        (_, None) => format!("the platform answered {status}"),
    }
}

fn message_text(message: &Value) -> Option<String> {
    match message {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => joined(items.iter().filter_map(message_text)),
        Value::Object(members) => joined(
            members
                .iter()
                .filter_map(|(key, value)| Some(format!("{key}: {}", message_text(value)?))),
        ),
        _ => None,
    }
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_of_either_format_becomes_a_message() {
        let old =
            json!({"result": "error", "message": {"name": ["Missing data for required field."]}});
        assert_eq!(
            error_message(StatusCode::BAD_REQUEST, &old),
            "name: Missing data for required field."
        );
        let v2 = json!({"status_code": 404, "errors": [{"error": "NoResultFound", "message": "No result found"}]});
        assert_eq!(error_message(StatusCode::NOT_FOUND, &v2), "No result found");
        assert_eq!(
            error_message(StatusCode::BAD_GATEWAY, &Value::Null),
            "the platform answered 502 Bad Gateway"
        );
    }
}
