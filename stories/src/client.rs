//! An HTTP client for the platform's router, without a network in between.

use std::sync::Arc;

use api::Api;
use app::App;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::sns::FakeSns;

/// The issuer that internal clients sign their tokens with.
pub const INTERNAL_CLIENT: &str = "notify-admin";
/// The secret of internal clients.
pub const INTERNAL_SECRET: &str = "an internal secret of the stories";
/// Secret of programs that test the installation.
pub const FUNCTIONAL_TESTS_SECRET: &str = "a secret of functional tests";

/// The user name that MMG sends inbound SMS with.
pub const MMG_USER: &str = "mmg of the stories";
/// The password that providers send inbound SMS with.
pub const INBOUND_PASSWORD: &str = "a password of the stories";

/// A client of one process of the platform.
#[derive(Debug)]
pub struct TestClient(Router);

/// A response of the platform.
#[derive(Debug)]
pub struct TestResponse {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Body as JSON; null if it is not JSON.
    pub json: Value,
    /// Body as bytes.
    pub bytes: Bytes,
    /// Body as text.
    pub text: String,
}

impl TestResponse {
    /// Returns the message of the first error, in either error format; empty without an error.
    pub fn message(&self) -> &str {
        self.json["errors"][0]["message"]
            .as_str()
            .or(self.json["message"].as_str())
            .unwrap_or_default()
    }

    /// Returns the `data` of an internal response.
    pub fn data(&self) -> &Value {
        &self.json["data"]
    }
}

impl TestClient {
    pub(crate) fn of(app: &App, sns: &Arc<FakeSns>) -> Self {
        Self(api::router(Api::new(
            app.clone(),
            api::Settings {
                internal_client_id: INTERNAL_CLIENT.to_owned(),
                internal_secrets: vec![INTERNAL_SECRET.to_owned().into()],
                functional_tests_secrets: vec![FUNCTIONAL_TESTS_SECRET.to_owned().into()],
                inbound_sms_credentials: api::InboundSmsCredentials {
                    mmg_users: vec![MMG_USER.to_owned().into()],
                    mmg_passwords: vec![
                        "an old password".to_owned().into(),
                        INBOUND_PASSWORD.to_owned().into(),
                    ],
                    firetext_passwords: vec![INBOUND_PASSWORD.to_owned().into()],
                },
                receipts: api::ReceiptRules {
                    sns: sns.receiver(),
                    amazon_passwords: vec![INBOUND_PASSWORD.to_owned().into()],
                    ..api::ReceiptRules::default()
                },
                ..api::Settings::default()
            },
        )))
    }

    /// Sends a request with these headers and returns the response.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> TestResponse {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(body.into())
            .expect("the request is well-formed");
        let response = self
            .0
            .clone()
            .oneshot(request)
            .await
            .expect("the router is infallible");
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20)
            .await
            .expect("the body can be read");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        TestResponse {
            status: head.status,
            headers: head.headers,
            json,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    /// Returns the router behind the client.
    pub(crate) const fn router(&self) -> &Router {
        &self.0
    }
}
