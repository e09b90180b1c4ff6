//! The description of a provider's HTTP API, and its checks.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use reqwest::{
    Method, Url,
    header::{HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::template::{JsonTemplate, Template},
    Body, HttpSms,
    receipts::ReceiptRule,
};
use crate::{
    Secret, SettingsError, SmsProvider, http,
    settings::{ProviderSettings, Server, require_positive},
};

/// The description of a provider's HTTP API.
///
/// Strings in `body` may hold the placeholders `{to}` (international digits), `{to_plus}` (the same with a plus), `{content}`,
/// `{sender}` and `{reference}` (the notification's id); a header may hold `{reference}`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSmsSettings {
    /// The identifier of the provider's row.
    pub name: String,
    /// The URL of requests.
    pub url: String,
    /// `POST`, `PUT` or `GET`. Default `POST`.
    #[serde(default = "default_method")]
    pub method: String,
    /// Additional headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Authentication. Default: none.
    #[serde(default)]
    pub auth: HttpAuth,
    /// The content of a request.
    pub body: HttpBody,
    /// What a reply with a successful status must contain to count as success. Default: nothing.
    #[serde(default)]
    pub success: Option<Expected>,
    /// JSON pointer to the provider's id of the message in its reply (`/messages/0/id`).
    #[serde(default)]
    pub reference: Option<String>,
    /// JSON pointer to the provider's error code in its reply.
    #[serde(default)]
    pub error_code: Option<String>,
    /// Error codes that refuse the recipient for good. Others are retried, because they may as well be a mistake in these
    /// settings.
    #[serde(default)]
    pub recipient_refused: Vec<String>,
    /// Error codes that refuse the message for good.
    #[serde(default)]
    pub message_refused: Vec<String>,
    /// Seconds for a whole exchange. Default 10.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The most requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
    /// Whether the provider sends delivery receipts, and messages wait for them. Default no. Needs `receipts`.
    #[serde(default)]
    pub reports_delivery: bool,
    /// How to read the delivery receipts that the provider posts to
    /// `https://<this platform>/notifications/sms/<name>`. Default: none are accepted.
    #[serde(default)]
    pub receipts: Option<ReceiptRule>,
    /// Whether it takes numbers outside the home country. Default no.
    #[serde(default)]
    pub supports_international: bool,
}

impl fmt::Debug for HttpSmsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // API keys stand in URLs, headers and bodies alike, so none of these is shown.
        f.debug_struct("HttpSmsSettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Authentication of requests.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpAuth {
    /// None, or by one of `headers` or a field of `body`.
    #[default]
    None,
    /// `Authorization: Basic …`.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: Secret,
    },
}

/// The content of a request.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// JSON, as a table or as a string of JSON.
    Json(Value),
    /// Form fields; with `GET`, query parameters.
    Form(BTreeMap<String, String>),
}

/// A value that a JSON reply must contain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// JSON pointer (`/code`).
    pub pointer: String,
    /// The expected value. `0` and `"0"` are equal.
    pub equals: Value,
}

fn default_method() -> String {
    "POST".to_owned()
}

const fn default_timeout_seconds() -> u64 {
    10
}

const fn default_concurrency() -> usize {
    20
}

impl HttpSmsSettings {
    /// Settings for an API at `url`, with defaults for everything else.
    pub fn new(name: impl Into<String>, url: impl Into<String>, body: HttpBody) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            method: default_method(),
            headers: BTreeMap::new(),
            auth: HttpAuth::None,
            body,
            success: None,
            reference: None,
            error_code: None,
            recipient_refused: Vec::new(),
            message_refused: Vec::new(),
            timeout_seconds: default_timeout_seconds(),
            concurrency: default_concurrency(),
            reports_delivery: false,
            receipts: None,
            supports_international: false,
        }
    }

    fn invalid(&self, setting: &'static str, reason: impl Into<String>) -> SettingsError {
        SettingsError::invalid(&self.name, setting, reason)
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        require_positive(&self.name, "concurrency", self.concurrency)?;
        if self.reports_delivery && self.receipts.is_none() {
            return Err(self.invalid(
                "reports_delivery",
                "it needs `receipts`, which says how to read them: without, every message would time out after three days",
            ));
        }
        if let Some(rule) = &self.receipts {
            rule.check()
                .map_err(|reason| self.invalid("receipts", reason))?;
        }
        let pointers = [
            (
                "success",
                self.success.as_ref().map(|success| &success.pointer),
            ),
            ("reference", self.reference.as_ref()),
            ("error_code", self.error_code.as_ref()),
        ];
        for (setting, pointer) in pointers {
            if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
                return Err(self.invalid(setting, "a JSON pointer begins with a slash"));
            }
        }
        Ok(())
    }

    pub(super) fn url(&self) -> Result<Url, SettingsError> {
        http::parse_url(&self.name, "url", &self.url)
    }

    pub(super) fn method(&self) -> Result<Method, SettingsError> {
        match self.method.as_str() {
            "POST" => Ok(Method::POST),
            "PUT" => Ok(Method::PUT),
            "GET" => Ok(Method::GET),
            _ => Err(self.invalid("method", "it must be POST, PUT or GET")),
        }
    }

    pub(super) fn body(&self) -> Result<Body, SettingsError> {
        let invalid = |reason: String| self.invalid("body", reason);
        match &self.body {
            HttpBody::Json(_) if self.method == "GET" => {
                Err(invalid("a GET request has a form, not JSON".to_owned()))
            }
            HttpBody::Json(Value::String(text)) => {
                let json =
                    serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
                JsonTemplate::parse(&json).map(Body::Json).map_err(invalid)
            }
            HttpBody::Json(json) => JsonTemplate::parse(json).map(Body::Json).map_err(invalid),
            HttpBody::Form(fields) => fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), Template::parse(value)?)))
                .collect::<Result<_, _>>()
                .map(Body::Form)
                .map_err(invalid),
        }
    }

    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, Template)>, SettingsError> {
        self.headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).map_err(|_| {
                    self.invalid("headers", format!("{name:?} is not a header name"))
                })?;
                let template = Template::parse(value.expose())
                    .map_err(|error| self.invalid("headers", error))?;
                let may_be_sent = template
                    .fill_reference(Uuid::nil())
                    .is_some_and(|value| HeaderValue::try_from(value).is_ok());
                if may_be_sent {
                    Ok((name, template))
                } else {
                    let reason =
                        format!("{name} must be one line, with no placeholder but {{reference}}");
                    Err(self.invalid("headers", reason))
                }
            })
            .collect()
    }
}

impl ProviderSettings<dyn SmsProvider> for HttpSmsSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Server::of_url(&self.url)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn SmsProvider>, SettingsError> {
        Ok(Arc::new(HttpSms::new(self.clone())?))
    }
}
