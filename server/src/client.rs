//! The commands' way to a running platform: HTTP, as an internal client.

use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::{Clock as _, Private};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::{data_dir::DataDir, outside::SystemClock, secrets, settings::Settings};

/// Long enough for the check of the largest file; a dead platform is found by the connection.
const PATIENCE: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(5);

/// A platform to speak to.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    issuer: String,
    secret: Private<String>,
}

/// The platform said no.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// Why, for people.
    pub message: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// A token that `issuer` makes now with `secret`; good for half a minute.
pub fn token(issuer: &str, secret: &str) -> String {
    let claims = Claims {
        iss: issuer,
        iat: SystemClock.now().unix_seconds(),
    };
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .expect("two plain claims can be signed")
}

impl Client {
    /// Finds the platform: at `url` if one is given, else where the data directory says.
    pub fn find(settings: &Settings, url: Option<&str>) -> anyhow::Result<Self> {
        let directory = settings.data_dir.display();
        let url = match url {
            Some(url) => url.to_owned(),
            None => match DataDir::new(&settings.data_dir).running()? {
                Some(running) => running.url,
                None => bail!(
                    "nothing is running in {directory}: start it with `pillarbox up`, or say where it runs with --data-dir or --url"
                ),
            },
        };
        let Some(secrets) = secrets::existing_internal_secrets(settings)? else {
            bail!(
                "there is no secret to sign with in {directory}: give the platform's in PILLARBOX_INTERNAL_SECRET"
            );
        };
        Self::new(&url, &settings.internal_client_id, secrets[0].clone())
    }

    /// Speaks to the platform at `url` as `issuer`.
    pub fn new(url: &str, issuer: &str, secret: Private<String>) -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this client speaks to our own platform, not to a provider"
        )]
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .no_proxy()
            .build();
        let http = http.context("cannot set up an HTTP client")?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            issuer: issuer.to_owned(),
            secret,
        })
    }

    /// Where it speaks to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `data` of the answer to a GET.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        data(
            self.send(self.request(Method::GET, path).query(query))
                .await,
        )
    }

    /// The `data` of the answer to a POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        data(self.send(self.request(Method::POST, path).json(body)).await)
    }

    /// The `data` of the answer to a POST of bytes.
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

    /// The whole answer to a GET, for endpoints that put nothing around it.
    pub async fn get_bare(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// The whole answer to a POST, for endpoints that put nothing around it.
    pub async fn post_bare(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let token = token(&self.issuer, self.secret.reveal());
        self.http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => bail!(
                "nothing answers at {}: start the platform with `pillarbox up`, or say where it runs with --data-dir or --url",
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
        let status = answer.status();
        let body = answer
            .bytes()
            .await
            .with_context(|| format!("the connection to {} broke", self.url))?;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        Err(Refusal {
            status,
            message: sentence(status, &value),
        }
        .into())
    }
}

fn data(answer: anyhow::Result<Value>) -> anyhow::Result<Value> {
    answer.map(|mut value| value.get_mut("data").map(Value::take).unwrap_or_default())
}

/// What an answer that says no says, in either shape.
fn sentence(status: StatusCode, body: &Value) -> String {
    let said = words(&body["message"]).or_else(|| words(&body["errors"][0]["message"]));
    match (status, said) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(said)) if said.contains("oken") => {
            format!(
                "the platform does not accept our secret ({said}): give its own in PILLARBOX_INTERNAL_SECRET"
            )
        }
        (StatusCode::INTERNAL_SERVER_ERROR, _) => {
            "the platform failed; its log says why".to_owned()
        }
        (_, Some(said)) => said.trim().to_owned(),
        (_, None) => format!("the platform answered {status}"),
    }
}

fn words(message: &Value) -> Option<String> {
    match message {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => joined(items.iter().filter_map(words)),
        Value::Object(members) => joined(
            members
                .iter()
                .filter_map(|(key, value)| Some(format!("{key}: {}", words(value)?))),
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
    fn a_refusal_of_either_shape_is_a_sentence() {
        let old =
            json!({"result": "error", "message": {"name": ["Missing data for required field."]}});
        assert_eq!(
            sentence(StatusCode::BAD_REQUEST, &old),
            "name: Missing data for required field."
        );
        let v2 = json!({"status_code": 404, "errors": [{"error": "NoResultFound", "message": "No result found"}]});
        assert_eq!(sentence(StatusCode::NOT_FOUND, &v2), "No result found");
        assert_eq!(
            sentence(StatusCode::BAD_GATEWAY, &Value::Null),
            "the platform answered 502 Bad Gateway"
        );
    }
}
