//! The description of a provider's HTTP interface, and the check that it can work.

use std::{collections::BTreeMap, fmt};

use reqwest::{
    Method, Url,
    header::{HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::template::{JsonTemplate, Template},
    Body,
};
use crate::{Secret, SettingsError};

/// A provider's HTTP interface, as the settings describe it.
///
/// Texts in `body` may hold the gaps `{to}` (international digits), `{to_plus}` (the same with a plus), `{content}`,
/// `{sender}` and `{reference}` (our notification id); a header may hold `{reference}`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSmsSettings {
    /// The identifier of the provider's row.
    pub name: String,
    /// Where requests go.
    pub url: String,
    /// `POST`, the default, `PUT` or `GET`.
    #[serde(default = "default_method")]
    pub method: String,
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How we log in. Default: not at all.
    #[serde(default)]
    pub auth: HttpAuth,
    /// What a request says.
    pub body: HttpBody,
    /// What an answer must say, beside having a status of success. Default: nothing.
    #[serde(default)]
    pub success: Option<Expected>,
    /// Where in a JSON answer the provider's own reference is, as a JSON pointer (`/messages/0/id`).
    #[serde(default)]
    pub reference: Option<String>,
    /// Where in a JSON answer the provider's error code is, as a JSON pointer.
    #[serde(default)]
    pub error_code: Option<String>,
    /// Error codes by which the provider refuses the number for good. Other refusals are retried, for they may as well
    /// be a mistake in these settings.
    #[serde(default)]
    pub recipient_refused: Vec<String>,
    /// Error codes by which the provider refuses the text for good.
    #[serde(default)]
    pub message_refused: Vec<String>,
    /// Seconds for a whole exchange. Default 10 (workers, section 7.1).
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// Requests at the same time. Default 20.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Whether the provider sends us receipts. Default no.
    #[serde(default)]
    pub reports_delivery: bool,
    /// Whether it takes numbers outside the home country. Default no.
    #[serde(default)]
    pub supports_international: bool,
}

impl fmt::Debug for HttpSmsSettings {
    /// Keys of providers stand in URLs, headers and bodies alike; none of these is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSmsSettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How we log in to an HTTP interface.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpAuth {
    /// Not at all, or by a header or field of the settings.
    #[default]
    None,
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
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

/// What a request says.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// JSON, as a table of the settings or as text that is JSON.
    Json(Value),
    /// Fields of a form; with `GET`, of the query.
    Form(BTreeMap<String, String>),
}

/// What a place in a JSON answer must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The place, as a JSON pointer (`/code`).
    pub pointer: String,
    /// What it must hold. `0` and `"0"` are the same.
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
    /// The settings of an interface at `url`, all else being left at its default.
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
            supports_international: false,
        }
    }

    fn wrong(&self, setting: &'static str, why: impl Into<String>) -> SettingsError {
        SettingsError::Wrong {
            provider: self.name.clone(),
            setting,
            why: why.into(),
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.timeout_seconds == 0 {
            return Err(self.wrong("timeout_seconds", "it must be at least 1"));
        }
        if self.concurrency == 0 {
            return Err(self.wrong("concurrency", "it must be at least 1"));
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
                return Err(self.wrong(setting, "a JSON pointer begins with a slash"));
            }
        }
        Ok(())
    }

    pub(super) fn url(&self) -> Result<Url, SettingsError> {
        let url = Url::parse(&self.url).map_err(|error| self.wrong("url", error.to_string()))?;
        if matches!(url.scheme(), "https" | "http") {
            Ok(url)
        } else {
            Err(self.wrong("url", "it must begin with https:// or http://"))
        }
    }

    pub(super) fn method(&self) -> Result<Method, SettingsError> {
        match self.method.as_str() {
            "POST" => Ok(Method::POST),
            "PUT" => Ok(Method::PUT),
            "GET" => Ok(Method::GET),
            _ => Err(self.wrong("method", "it must be POST, PUT or GET")),
        }
    }

    pub(super) fn body(&self) -> Result<Body, SettingsError> {
        let wrong = |why: String| self.wrong("body", why);
        match &self.body {
            HttpBody::Json(_) if self.method == "GET" => {
                Err(wrong("a GET has a form, no JSON".to_owned()))
            }
            HttpBody::Json(Value::String(text)) => {
                let json = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
                JsonTemplate::parse(&json).map(Body::Json).map_err(wrong)
            }
            HttpBody::Json(json) => JsonTemplate::parse(json).map(Body::Json).map_err(wrong),
            HttpBody::Form(fields) => fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), Template::parse(value)?)))
                .collect::<Result<_, _>>()
                .map(Body::Form)
                .map_err(wrong),
        }
    }

    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, Template)>, SettingsError> {
        self.headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).map_err(|_| {
                    self.wrong("headers", format!("{name:?} is not a header's name"))
                })?;
                let template =
                    Template::parse(value.expose()).map_err(|why| self.wrong("headers", why))?;
                let may_be_sent = template
                    .fill_reference(Uuid::nil())
                    .is_some_and(|value| HeaderValue::try_from(value).is_ok());
                if may_be_sent {
                    Ok((name, template))
                } else {
                    let why = format!("{name} must be one line, with no gap but {{reference}}");
                    Err(self.wrong("headers", why))
                }
            })
            .collect()
    }
}
