//! Amazon S3, and servers that behave like it: settings, credentials and HTTP for the buckets of `files`.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use files::{
    Files,
    s3::{Address, Bucket, BucketSettings, Encryption},
};
use http_body_util::BodyExt as _;
use object_store::{
    CredentialProvider,
    aws::AwsCredential,
    client::{
        HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use reqwest::{Client, Request, StatusCode, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Access, AwsKeys, Service, credentials::CredentialCache, domain, environment_variable, region,
    sources::Source,
};
use crate::{Secret, Server, SettingsError, http, settings::require_positive};

const S3: Service = Service {
    signing_name: "s3",
    host: "s3",
};

/// The region that servers of others are signed for if none is set; few of them look at it.
const REGION_OF_OTHERS: &str = "us-east-1";

/// How buckets are reached.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// Region of the bucket, such as `eu-west-2`. Without it, `AWS_REGION` or `AWS_DEFAULT_REGION` of the environment; with an
    /// `endpoint`, `us-east-1`.
    pub region: Option<String>,
    /// Root of the API, such as `https://minio.example.com`. Without it, Amazon's for the region. Set it for servers of others
    /// and for VPC endpoints.
    pub endpoint: Option<String>,
    /// Whether the bucket is the first part of the path (`https://host/bucket/…`), in place of the host
    /// (`https://bucket.host/…`). Without it, only with an `endpoint`, or if the bucket has a dot in its name. Set it if a
    /// server of others wants its buckets in the host.
    pub path_style: Option<bool>,
    /// Encryption by the server: `bucket` as the bucket says, `AES256` with keys of S3, `aws:kms` with `kms_key`. Personal data
    /// is sealed before it is uploaded. Set it if a policy of the bucket demands the header.
    pub encryption: S3Encryption,
    /// Id or ARN of a key of the key management service, for `aws:kms`.
    pub kms_key: Option<String>,
    /// Whether the server checks and stores a SHA-256 of each upload; the signature covers the content in any case. Turn it off
    /// for servers that refuse the header.
    pub checksums: bool,
    /// Id of the access key. Without it, the credentials of the environment (`AWS_ACCESS_KEY_ID` …), else of the role of a
    /// Kubernetes service account, a container or an EC2 instance.
    pub access_key_id: Option<String>,
    /// Secret access key.
    #[schemars(with = "Option<String>")]
    pub secret_access_key: Option<Secret>,
    /// Token of a session, for temporary keys.
    #[schemars(with = "Option<String>")]
    pub session_token: Option<Secret>,
    /// Seconds that an answer, or the next piece of a file, is waited for. Raise it for slow networks: a part of 5 MiB must be
    /// uploaded in this time.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
}

/// How a server encrypts what it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum S3Encryption {
    /// As the bucket says.
    #[serde(rename = "bucket")]
    Bucket,
    /// With keys of S3.
    #[serde(rename = "AES256")]
    S3,
    /// With a key of the key management service.
    #[serde(rename = "aws:kms")]
    Kms,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            path_style: None,
            encryption: S3Encryption::Bucket,
            kms_key: None,
            checksums: true,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            timeout_seconds: 15,
        }
    }
}

impl S3Settings {
    /// Opens a bucket as a file storage. `name` is what errors call it. Nothing is sent yet.
    pub fn files(&self, name: &str, address: &str) -> Result<Files, SettingsError> {
        Ok(Files::in_bucket(self.bucket(name, "files", address)?))
    }

    /// Returns the bucket at an address, which the setting `setting` holds.
    pub(crate) fn bucket(
        &self,
        name: &str,
        setting: &'static str,
        address: &str,
    ) -> Result<Bucket, SettingsError> {
        let address: Address = address
            .parse()
            .map_err(|error| SettingsError::invalid(name, setting, format!("{error}")))?;
        require_positive(name, "timeout_seconds", self.timeout_seconds)?;
        let keys = self.keys(name)?;
        let timeout = Duration::from_secs(self.timeout_seconds);
        let region = self.signing_region(name)?;
        let source = Source::find(keys.as_ref(), &region, &environment_variable)
            .map_err(|reason| SettingsError::invalid(name, "credentials", reason))?;
        let credentials = Arc::new(S3Credentials(CredentialCache::new(name, source)?));
        let client = HttpClient::new(S3Client {
            client: http::streaming_client(name, timeout)?,
            credentials: Arc::clone(&credentials),
        });
        let settings = BucketSettings {
            path_style: self
                .path_style
                .unwrap_or_else(|| self.endpoint.is_some() || address.bucket.contains('.')),
            endpoint: self.endpoint(name, &region)?,
            encryption: self.encryption(name)?,
            checksums: self.checksums,
            address,
            region,
        };
        Bucket::new(settings, credentials, client).map_err(|error| SettingsError::Connection {
            provider: name.to_owned(),
            source: error.into(),
        })
    }

    /// Returns the server of the API, without the bucket in its name; `None` if the settings are wrong.
    pub fn server(&self) -> Option<Server> {
        let region = self.signing_region("").ok()?;
        Server::of_url(&self.endpoint("", &region).ok()?)
    }

    /// Returns whether any of these settings is a secret.
    pub const fn has_secrets(&self) -> bool {
        self.secret_access_key.is_some() || self.session_token.is_some()
    }

    fn signing_region(&self, name: &str) -> Result<String, SettingsError> {
        let access = Access {
            provider: name,
            service: S3,
            region: self.region.as_deref(),
            endpoint: self.endpoint.as_deref(),
            keys: None,
            timeout: Duration::from_secs(self.timeout_seconds),
        };
        match region(&access, &environment_variable) {
            Err(_) if self.endpoint.is_some() && self.region.is_none() => {
                Ok(REGION_OF_OTHERS.to_owned())
            }
            found => found,
        }
    }

    fn keys(&self, name: &str) -> Result<Option<AwsKeys>, SettingsError> {
        match (&self.access_key_id, &self.secret_access_key) {
            (Some(id), Some(secret)) => Ok(Some(AwsKeys {
                access_key_id: id.clone(),
                secret_access_key: secret.clone(),
                session_token: self.session_token.clone(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(SettingsError::invalid(
                name,
                "secret_access_key",
                "set it too, or neither it nor access_key_id",
            )),
            (None, Some(_)) => Err(SettingsError::invalid(
                name,
                "access_key_id",
                "set it too, or neither it nor secret_access_key",
            )),
        }
    }

    fn endpoint(&self, name: &str, region: &str) -> Result<String, SettingsError> {
        let Some(endpoint) = &self.endpoint else {
            return Ok(format!("https://{}.{}", S3.host, domain(region)));
        };
        let url = http::parse_url(name, "endpoint", endpoint)?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            let reason = "it must be a host, and a path if the server has one";
            return Err(SettingsError::invalid(name, "endpoint", reason));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    fn encryption(&self, name: &str) -> Result<Encryption, SettingsError> {
        match (self.encryption, &self.kms_key) {
            (S3Encryption::Bucket, None) => Ok(Encryption::Bucket),
            (S3Encryption::S3, None) => Ok(Encryption::S3),
            (S3Encryption::Kms, Some(key)) => Ok(Encryption::Kms(key.clone())),
            (S3Encryption::Kms, None) => Err(SettingsError::invalid(
                name,
                "kms_key",
                "set it, or let the bucket choose with encryption = \"bucket\"",
            )),
            (_, Some(_)) => Err(SettingsError::invalid(
                name,
                "encryption",
                "set it to `aws:kms`, or leave out kms_key",
            )),
        }
    }
}

/// The credentials of all requests to a bucket.
struct S3Credentials(CredentialCache);

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials")
    }
}

#[async_trait]
impl CredentialProvider for S3Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        #[expect(
            clippy::disallowed_methods,
            reason = "requests to S3 are signed with the system's time, so their credentials have to be valid then"
        )]
        let now = std::time::SystemTime::now();
        let found = self.0.get(now).await;
        let found = found.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(CredentialsError::provider_error(error.to_string())),
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}

/// Our HTTP client, for `object_store`.
struct S3Client {
    client: Client,
    credentials: Arc<S3Credentials>,
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Client")
    }
}

#[async_trait]
impl HttpService for S3Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let response = self.client.execute(request).await.map_err(http_error)?;
        if matches!(
            response.status(),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            // Sessions can be revoked before they expire; S3 answers with 400 to one that has expired.
            self.credentials.0.forget().await;
        }
        let (parts, body) = ::http::Response::from(response).into_parts();
        let body = HttpResponseBody::new(body.map_err(http_error));
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// Says of an error whether repeating the request can help.
fn http_error(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_builder() {
        HttpErrorKind::Unknown
    } else {
        // A kept connection that the server has closed, or one that broke.
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: serde_json::Value) -> S3Settings {
        serde_json::from_value(toml).unwrap()
    }

    fn refusal(toml: serde_json::Value) -> String {
        let refused = settings(toml).files("files", "s3://notify");
        refused.unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        use serde_json::json;
        for (toml, why) in [
            (json!({"region": "eu/west"}), "name of a region"),
            (
                json!({"region": "eu-west-2", "access_key_id": "AKID"}),
                "secret_access_key",
            ),
            (
                json!({"region": "eu-west-2", "secret_access_key": "hunter2"}),
                "access_key_id",
            ),
            (
                json!({"region": "eu-west-2", "encryption": "aws:kms"}),
                "kms_key",
            ),
            (json!({"region": "eu-west-2", "kms_key": "x"}), "encryption"),
            (json!({"endpoint": "minio"}), "endpoint"),
            (json!({"endpoint": "https://a@minio"}), "endpoint"),
            (
                json!({"region": "eu-west-2", "timeout_seconds": 0}),
                "timeout_seconds",
            ),
        ] {
            let refused = refusal(toml);
            assert!(refused.contains(why), "{refused}");
            assert!(!refused.contains("hunter2"));
        }
        let address = S3Settings::default().files("files", "s3://../x");
        assert!(address.unwrap_err().to_string().contains("s3://<bucket>"));
    }

    #[test]
    fn a_server_of_others_needs_no_region() {
        let settings = settings(serde_json::json!({"endpoint": "http://127.0.0.1:9000/"}));
        let files = settings.files("files", "s3://notify/a").unwrap();
        assert_eq!(files.address(), "s3://notify/a");
        let server = settings.server().unwrap();
        assert_eq!(server.to_string(), "127.0.0.1:9000");
        assert!(!server.is_encrypted);
    }
}
