//! The file service over HTTP.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use domain::Private;
use reqwest::{Client, Url};
use serde::Serialize;

use super::{FileService, Upload, UploadError};
use crate::{Detail, Secret, SettingsError, http, settings::require_positive};

/// The settings of a file service.
#[derive(Debug, Clone)]
pub struct HttpFileServiceSettings {
    /// The root of its internal API, `https://files.internal`.
    pub root: String,
    /// The bearer token.
    pub token: Secret,
    /// Seconds for a whole exchange, the file included.
    pub timeout_seconds: u64,
}

/// A file service over HTTP.
pub struct HttpFileService {
    client: Client,
    root: Url,
    token: Secret,
}

impl fmt::Debug for HttpFileService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFileService")
            .field("root", &self.root.as_str())
            .finish_non_exhaustive()
    }
}

const NAME: &str = "file service";

#[derive(Serialize)]
struct Body<'a> {
    document: &'a str,
    is_csv: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_period: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

impl HttpFileService {
    /// Checks the settings and builds the client.
    pub fn new(settings: HttpFileServiceSettings) -> Result<Self, SettingsError> {
        let root = http::parse_url(NAME, "service", settings.root.trim_end_matches('/'))?;
        if settings.token.expose().is_empty() {
            return Err(SettingsError::invalid(
                NAME,
                "service_token",
                "the file service needs one",
            ));
        }
        require_positive(NAME, "service_timeout_seconds", settings.timeout_seconds)?;
        Ok(Self {
            client: http::client(NAME, Duration::from_secs(settings.timeout_seconds))?,
            root,
            token: settings.token,
        })
    }
}

#[async_trait]
impl FileService for HttpFileService {
    async fn upload(&self, upload: &Upload) -> Result<Private<String>, UploadError> {
        let failed = |words: &'static str| UploadError::Failed(Detail::from(words));
        let url = format!(
            "{}/services/{}/documents",
            self.root.as_str().trim_end_matches('/'),
            upload.service_id
        );
        let body = Body {
            document: upload.document.reveal(),
            is_csv: upload.is_csv,
            confirmation_email: upload
                .confirmation_email
                .as_ref()
                .map(|it| it.reveal().as_str()),
            retention_period: upload.retention_period.as_deref(),
            filename: upload.filename.as_ref().map(|it| it.reveal().as_str()),
        };
        let request = self
            .client
            .post(url)
            .bearer_auth(self.token.expose())
            .json(&body);
        let reply = http::send_request(request)
            .await
            .map_err(|error| UploadError::Failed(error.detail().clone()))?;
        let json = reply.json();
        let text = |pointer: &str| Some(json.as_ref()?.pointer(pointer)?.as_str()?.to_owned());
        match reply.status.as_u16() {
            200..=299 => text("/document/url")
                .map(Private::new)
                .ok_or_else(|| failed("its answer holds no link")),
            400 | 413 => match text("/error") {
                Some(reason) => Err(UploadError::Refused(reason)),
                None => Err(UploadError::Failed(
                    reply.detail("it refuses the file without a reason"),
                )),
            },
            _ => Err(UploadError::Failed(
                reply.detail("it answers with an error"),
            )),
        }
    }
}
