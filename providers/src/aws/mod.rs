//! What the APIs of Amazon Web Services have in common: endpoints, signatures, credentials, error codes.
//!
//! `docs/decisions/amazon.md` tells why only the signatures come from Amazon's SDK.

mod credentials;
#[cfg(test)]
mod fetching_tests;
mod s3;
mod sources;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign},
    sign::v4,
};
use jiff::Timestamp;
use reqwest::{Client, Url};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use self::s3::{S3Encryption, S3Settings};
use self::{credentials::CredentialCache, sources::Source};
use crate::{
    Secret, SendError, Server, SettingsError,
    http::{self, Reply},
};

/// Keys of an AWS user, or of a session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsKeys {
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The token of a session, for temporary keys.
    #[serde(default)]
    pub session_token: Option<Secret>,
}

/// An API of AWS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The name in signatures.
    pub(crate) signing_name: &'static str,
    /// The first part of its host names.
    pub(crate) host: &'static str,
}

/// Settings that all APIs have.
pub(crate) struct Access<'a> {
    pub(crate) provider: &'a str,
    pub(crate) service: Service,
    pub(crate) region: Option<&'a str>,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) keys: Option<&'a AwsKeys>,
    pub(crate) timeout: Duration,
}

impl Access<'_> {
    /// Returns the server of the API; `None` if the settings are wrong.
    pub(crate) fn server(&self) -> Option<Server> {
        let region = region(self, &environment_variable).ok()?;
        Server::of_url(endpoint(self, &region).ok()?.as_str())
    }
}

/// A client for one API in one region.
pub(crate) struct Api {
    client: Client,
    service: Service,
    region: String,
    endpoint: Url,
    credentials: CredentialCache,
}

impl Api {
    /// Checks the settings and builds the client. Credentials are fetched when the first message is sent.
    pub(crate) fn new(access: &Access<'_>) -> Result<Self, SettingsError> {
        Self::in_environment(access, &environment_variable)
    }

    fn in_environment(
        access: &Access<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let region = region(access, variable)?;
        let source = Source::find(access.keys, &region, variable)
            .map_err(|reason| SettingsError::invalid(access.provider, "credentials", reason))?;
        Ok(Self {
            client: http::client(access.provider, access.timeout)?,
            service: access.service,
            endpoint: endpoint(access, &region)?,
            region,
            credentials: CredentialCache::new(access.provider, source)?,
        })
    }

    /// Signs and sends a request. `path` begins with a slash.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: &Value,
        at: Timestamp,
    ) -> Result<Reply, SendError> {
        // Fails only for times that no operating system has.
        let now = SystemTime::try_from(at)
            .map_err(|_| SendError::unavailable("the time is not one that can be signed"))?;
        let credentials = self.credentials.get(now).await?;
        let mut url = self.endpoint.clone();
        url.set_path(path);
        let body = body.to_string();
        let signature = self
            .sign(&url, headers, body.as_bytes(), credentials, now)
            .map_err(|_| SendError::unavailable("the request could not be signed"))?;
        let mut request = self.client.post(url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        let reply = http::send_request(request).await?;
        if is_credential_error(&reply) {
            // Sessions can be revoked before they expire.
            self.credentials.forget().await;
        }
        Ok(reply)
    }

    fn sign(
        &self,
        url: &Url,
        headers: &[(&'static str, &'static str)],
        body: &[u8],
        credentials: Credentials,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, SigningError> {
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.signing_name)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .expect("all parameters are given")
            .into();
        let headers = headers.iter().copied();
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new("POST", url.as_str(), headers, body)?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        let signature = instructions.headers();
        Ok(signature
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn region(
    access: &Access<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, SettingsError> {
    let invalid = |reason: &str| SettingsError::invalid(access.provider, "region", reason);
    let region = access.region.map(str::to_owned);
    let region = region
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .ok_or_else(|| invalid("set it, or the environment variable AWS_REGION"))?;
    // It becomes part of a host name.
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || !region.bytes().all(is_name) {
        return Err(invalid(
            "it must be the name of a region, such as eu-west-2",
        ));
    }
    Ok(region)
}

fn endpoint(access: &Access<'_>, region: &str) -> Result<Url, SettingsError> {
    let url = access.endpoint.map_or_else(
        || format!("https://{}.{}", access.service.host, domain(region)),
        str::to_owned,
    );
    let url = http::parse_url(access.provider, "endpoint", &url)?;
    if url.path() == "/" && url.query().is_none() {
        Ok(url)
    } else {
        let reason = "it must be a host, without a path";
        Err(SettingsError::invalid(access.provider, "endpoint", reason))
    }
}

/// Returns the domain of the APIs in a region.
fn domain(region: &str) -> String {
    // China has a domain of its own.
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{region}.amazonaws.com{suffix}")
}

/// Returns the code of an error: the name of an exception.
pub(crate) fn error_code(reply: &Reply) -> Option<String> {
    let json = reply.json();
    let of_body = |name| json.as_ref()?.get(name)?.as_str();
    let code = reply
        .header("x-amzn-errortype")
        .or_else(|| of_body("__type"))
        .or_else(|| of_body("code"))?;
    // A namespace may stand before it, and a URL after it.
    let code = code.split(':').next()?;
    code.rsplit('#').next().map(str::to_owned)
}

fn is_credential_error(reply: &Reply) -> bool {
    // Other exceptions are not looked for in the body of each success.
    !reply.status.is_success()
        && error_code(reply).is_some_and(|code| {
            matches!(
                code.as_str(),
                "ExpiredTokenException"
                    | "ExpiredToken"
                    | "InvalidClientTokenId"
                    | "UnrecognizedClientException"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SES: Service = Service {
        signing_name: "ses",
        host: "email",
    };

    fn access<'a>(region: Option<&'a str>, endpoint: Option<&'a str>) -> Access<'a> {
        Access {
            provider: "ses",
            service: SES,
            region,
            endpoint,
            keys: None,
            timeout: Duration::from_secs(10),
        }
    }

    fn url(
        region: Option<&str>,
        endpoint: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<String, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let api = Api::in_environment(&access(region, endpoint), &variable);
        api.map(|api| api.endpoint.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_region_decides_the_host() {
        let variables = [
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_REGION", "cn-north-1"),
        ];
        for (region, endpoint, variables, expected) in [
            (
                Some("eu-west-2"),
                None,
                &variables[..],
                "https://email.eu-west-2.amazonaws.com/",
            ),
            (
                None,
                None,
                &variables[..],
                "https://email.cn-north-1.amazonaws.com.cn/",
            ),
            (
                None,
                None,
                &variables[..1],
                "https://email.eu-west-1.amazonaws.com/",
            ),
            (
                Some("eu-west-2"),
                Some("http://127.0.0.1:5000"),
                &[],
                "http://127.0.0.1:5000/",
            ),
        ] {
            assert_eq!(url(region, endpoint, variables).unwrap(), expected);
        }
    }

    #[test]
    fn a_region_or_endpoint_that_cannot_work_is_refused() {
        assert!(url(None, None, &[]).unwrap_err().contains("AWS_REGION"));
        for region in ["", "eu/west", "EU West", "evil.example#"] {
            assert!(url(Some(region), None, &[]).is_err(), "{region}");
        }
        for endpoint in [
            "127.0.0.1",
            "https://aws.example/path",
            "https://aws.example/?a",
        ] {
            assert!(
                url(Some("eu-west-2"), Some(endpoint), &[]).is_err(),
                "{endpoint}"
            );
        }
    }
}
