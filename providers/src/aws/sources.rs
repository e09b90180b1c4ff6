//! Where credentials come from: the settings, the environment, the role of a container or of a machine.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use super::{AwsKeys, domain};
use crate::{
    SendError,
    http::{self, Reply},
};

/// A variable of the environment, by its name.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The service of a container's host.
const CONTAINER_HOST: &str = "http://169.254.170.2";

const MACHINE_HOST: &str = "http://169.254.169.254";

/// Where credentials come from.
pub(super) enum Source {
    /// Given once and for all.
    Keys(Credentials),
    /// A role that a token in a file may assume, as in Kubernetes.
    WebIdentity(WebIdentity),
    /// A service beside the container, as in ECS and EKS.
    Container(Container),
    /// The metadata service of an EC2 instance, version 2.
    Machine(Url),
    /// None: no message can be sent.
    Nowhere,
}

pub(super) struct WebIdentity {
    url: Url,
    role: String,
    session: String,
    token_file: PathBuf,
}

pub(super) struct Container {
    url: Url,
    token: Option<String>,
    token_file: Option<PathBuf>,
}

impl Source {
    /// Finds the source in Amazon's order: settings, environment, web identity, container, machine.
    pub(super) fn find(
        keys: Option<&AwsKeys>,
        region: &str,
        variable: Variable<'_>,
    ) -> Result<Self, String> {
        if let Some(keys) = keys {
            return from_settings(keys).map(Self::Keys);
        }
        if let Some(keys) = from_variables(variable) {
            return Ok(Self::Keys(keys));
        }
        if let Some(identity) = WebIdentity::find(region, variable)? {
            return Ok(Self::WebIdentity(identity));
        }
        if let Some(container) = Container::find(variable)? {
            return Ok(Self::Container(container));
        }
        if variable("AWS_EC2_METADATA_DISABLED").as_deref() == Some("true") {
            return Ok(Self::Nowhere);
        }
        let host = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let host = host.unwrap_or_else(|| MACHINE_HOST.to_owned());
        parse("AWS_EC2_METADATA_SERVICE_ENDPOINT", &host).map(Self::Machine)
    }

    /// Whether it is reached without a proxy.
    pub(super) const fn is_beside_us(&self) -> bool {
        matches!(self, Self::Container(_) | Self::Machine(_))
    }

    /// Fetches credentials. Every error means that no message was sent.
    pub(super) async fn fetch(&self, client: &Client) -> Result<Credentials, SendError> {
        match self {
            Self::Keys(credentials) => Ok(credentials.clone()),
            Self::WebIdentity(identity) => identity.fetch(client).await,
            Self::Container(container) => container.fetch(client).await,
            Self::Machine(url) => fetch_from_machine(client, url).await,
            Self::Nowhere => Err(SendError::unavailable(
                "there are no AWS credentials: set them in the provider's settings or the environment",
            )),
        }
    }
}

fn from_settings(keys: &AwsKeys) -> Result<Credentials, String> {
    let token = keys.session_token.as_ref();
    let (id, secret) = (&keys.access_key_id, keys.secret_access_key.expose());
    if id.is_empty() || secret.is_empty() {
        return Err("access_key_id and secret_access_key must not be empty".to_owned());
    }
    let token = token.map(|token| token.expose().to_owned());
    Ok(Credentials::new(id, secret, token, None, "settings"))
}

fn from_variables(variable: Variable<'_>) -> Option<Credentials> {
    let (id, secret) = (
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    let token = variable("AWS_SESSION_TOKEN");
    Some(Credentials::new(id, secret, token, None, "environment"))
}

fn parse(name: &str, url: &str) -> Result<Url, String> {
    // The value may hold a token.
    Url::parse(url).map_err(|_| format!("the environment variable {name} is not a URL"))
}

impl WebIdentity {
    fn find(region: &str, variable: Variable<'_>) -> Result<Option<Self>, String> {
        let (Some(file), Some(role)) = (
            variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
            variable("AWS_ROLE_ARN"),
        ) else {
            return Ok(None);
        };
        let url = variable("AWS_ENDPOINT_URL_STS")
            .unwrap_or_else(|| format!("https://sts.{}", domain(region)));
        Ok(Some(Self {
            url: parse("AWS_ENDPOINT_URL_STS", &url)?,
            role,
            session: variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "pillarbox".to_owned()),
            token_file: file.into(),
        }))
    }

    async fn fetch(&self, client: &Client) -> Result<Credentials, SendError> {
        let token = read_token(&self.token_file).await?;
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role),
            ("RoleSessionName", &self.session),
            ("WebIdentityToken", &token),
        ];
        let request = client.post(self.url.clone()).form(&form);
        // Its own format is XML.
        let reply = ask(request.header("accept", "application/json")).await?;
        let found = reply.json().and_then(|json| {
            let path =
                "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";
            credentials(json.pointer(path)?, "web identity")
        });
        found.ok_or_else(not_understood)
    }
}

impl Container {
    fn find(variable: Variable<'_>) -> Result<Option<Self>, String> {
        let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("{CONTAINER_HOST}{path}"));
        let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        let Some(url) = relative.or_else(|| variable(name)) else {
            return Ok(None);
        };
        let url = parse(name, &url)?;
        if url.scheme() != "https" && !is_beside_us(&url) {
            return Err(format!(
                "the environment variable {name} must begin with https, or be an address of this machine"
            ));
        }
        Ok(Some(Self {
            url,
            token: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        }))
    }

    async fn fetch(&self, client: &Client) -> Result<Credentials, SendError> {
        let mut request = client.get(self.url.clone());
        let token = match &self.token_file {
            // Read each time: it is replaced while we run.
            Some(file) => Some(read_token(file).await?),
            None => self.token.clone(),
        };
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let reply = ask(request).await?;
        let found = reply
            .json()
            .and_then(|json| credentials(&json, "container"));
        found.ok_or_else(not_understood)
    }
}

/// Whether a URL is one of those to which credentials may be sent unencrypted.
fn is_beside_us(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) => {
            // The hosts of ECS and EKS.
            let hosts = [
                Ipv4Addr::new(169, 254, 170, 2),
                Ipv4Addr::new(169, 254, 170, 23),
            ];
            ip.is_loopback() || hosts.contains(&ip)
        }
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || host == "[fd00:ec2::23]",
        Err(_) => host == "localhost",
    }
}

async fn fetch_from_machine(client: &Client, host: &Url) -> Result<Credentials, SendError> {
    let at = |path: &str| {
        let mut url = host.clone();
        url.set_path(path);
        url
    };
    // Version 2: without a token of its own, the service answers any program that can make this machine send a request.
    let token = client
        .put(at("/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = ask_for_text(token).await?;
    let get = |path: &str| {
        let request = client.get(at(path));
        request.header("x-aws-ec2-metadata-token", &token)
    };
    let roles = "/latest/meta-data/iam/security-credentials/";
    let role = ask_for_text(get(roles)).await?;
    let role = role.lines().next().unwrap_or_default();
    let reply = ask(get(&format!("{roles}{role}"))).await?;
    let found = reply.json().and_then(|json| credentials(&json, "machine"));
    found.ok_or_else(not_understood)
}

async fn ask_for_text(request: RequestBuilder) -> Result<String, SendError> {
    let reply = ask(request).await?;
    let text = reply.text().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(not_understood)
}

/// Sends a request for credentials. No error is [`SendError::Unknown`], because no message is sent.
async fn ask(request: RequestBuilder) -> Result<Reply, SendError> {
    let failed = "the AWS credentials cannot be fetched";
    let reply = http::send_request(request).await;
    let reply = reply.map_err(|_| SendError::unavailable(failed))?;
    if reply.status.is_success() {
        Ok(reply)
    } else {
        Err(SendError::unavailable(reply.detail(failed)))
    }
}

fn not_understood() -> SendError {
    SendError::unavailable("what was fetched are no AWS credentials")
}

async fn read_token(file: &Path) -> Result<String, SendError> {
    let token = files::settings_file::read_text_apart(file).await;
    let token = token
        .map_err(|_| SendError::unavailable("the token for AWS credentials cannot be read"))?;
    Ok(token.trim().to_owned())
}

fn credentials(json: &Value, source: &'static str) -> Option<Credentials> {
    let text = |name: &str| json.get(name)?.as_str();
    // Only STS calls it by its full name.
    let token = text("Token").or_else(|| text("SessionToken"));
    Some(Credentials::new(
        text("AccessKeyId")?,
        text("SecretAccessKey")?,
        token.map(str::to_owned),
        json.get("Expiration").and_then(expiry),
        source,
    ))
}

/// Parses a time, which STS writes in seconds and the others as text.
fn expiry(value: &Value) -> Option<SystemTime> {
    match value {
        Value::String(text) => text.parse::<Timestamp>().ok()?.try_into().ok(),
        Value::Number(seconds) => {
            let since = Duration::try_from_secs_f64(seconds.as_f64()?).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(since)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Source, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Source::find(None, "eu-west-2", &variable)
    }

    #[test]
    fn sources_are_found_in_amazons_order() {
        let container = (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "/v2/credentials/x",
        );
        let identity = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ];
        let keys = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ];
        assert!(matches!(find(&[]), Ok(Source::Machine(_))));
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        assert!(matches!(find(&[off]), Ok(Source::Nowhere)));
        assert!(matches!(find(&[container]), Ok(Source::Container(_))));
        let all = [container, identity[0], identity[1]];
        assert!(matches!(find(&all), Ok(Source::WebIdentity(_))));
        let all = [container, identity[0], identity[1], keys[0], keys[1]];
        assert!(matches!(find(&all), Ok(Source::Keys(_))));
    }

    #[test]
    fn credentials_come_encrypted_or_from_beside_us() {
        for (url, allowed) in [
            ("https://vault.example/keys", true),
            ("http://127.0.0.1:4242/keys", true),
            ("http://localhost/keys", true),
            ("http://169.254.170.23/keys", true),
            ("http://[fd00:ec2::23]/keys", true),
            ("http://vault.example/keys", false),
            ("http://169.254.169.254/keys", false),
            ("vault", false),
        ] {
            let found = find(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)]);
            assert_eq!(found.is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn both_forms_of_expiry_are_read() {
        let read = |expiration: Value| {
            let json =
                json!({"AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": expiration});
            credentials(&json, "test").unwrap().expiry()
        };
        let expected = SystemTime::UNIX_EPOCH + Duration::from_hours(498_900);
        assert_eq!(read(json!("2026-11-30T12:00:00Z")), Some(expected));
        assert_eq!(read(json!(1.796_04E9)), Some(expected));
        assert_eq!(read(Value::Null), None);
    }
}
