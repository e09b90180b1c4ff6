//! Upload of spreadsheets.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use reqwest::Body;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::{client::Client, commands::target};

/// Source of the bytes of a spreadsheet.
#[derive(Debug, Clone)]
pub(in crate::commands) enum Source {
    /// A file, streamed.
    File(PathBuf),
    /// Name and bytes of a file that is compiled into the program.
    Embedded(&'static str, &'static [u8]),
}

/// A spreadsheet with its service and template.
#[derive(Debug)]
pub(in crate::commands) struct Spreadsheet {
    pub(in crate::commands) source: Source,
    pub(in crate::commands) service: Uuid,
    pub(in crate::commands) template: Value,
    /// Encoding of a text that is not UTF-8.
    pub(in crate::commands) encoding: Option<String>,
}

/// The result of a check, as the platform returns it.
#[derive(Debug, Deserialize)]
pub(in crate::commands) struct CheckReport {
    /// Id for the job to create; only if the file is valid and was stored.
    pub(in crate::commands) id: Option<Uuid>,
    pub(in crate::commands) valid: bool,
    /// Number of rows.
    #[serde(rename = "notification_count")]
    pub(in crate::commands) rows: u64,
    #[serde(default)]
    pub(in crate::commands) error_counts: Map<String, Value>,
    #[serde(default)]
    pub(in crate::commands) errors: Vec<Value>,
    /// Errors of the file as a whole.
    #[serde(default)]
    pub(in crate::commands) problems: Vec<String>,
    #[serde(default)]
    pub(in crate::commands) missing_column_headers: Vec<String>,
    #[serde(default)]
    pub(in crate::commands) duplicate_recipient_column_headers: Vec<String>,
    /// What the sender should know though it is no error.
    #[serde(default)]
    pub(in crate::commands) warnings: Vec<String>,
}

impl CheckReport {
    pub(in crate::commands) fn rows_with_errors(&self) -> u64 {
        self.error_counts
            .get("rows_with_errors")
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }
}

impl Source {
    pub(in crate::commands) fn name(&self) -> String {
        match self {
            Self::File(path) => path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            Self::Embedded(name, _) => (*name).to_owned(),
        }
    }

    async fn body(&self) -> anyhow::Result<Body> {
        match self {
            Self::Embedded(_, bytes) => Ok(Body::from(*bytes)),
            Self::File(path) => Ok(Body::wrap_stream(ReaderStream::with_capacity(
                open(path).await?,
                64 << 10,
            ))),
        }
    }
}

async fn open(path: &Path) -> anyhow::Result<tokio::fs::File> {
    let file = tokio::fs::File::open(path)
        .await
        .with_context(|| format!("cannot read {}", path.display()))?;
    if !file.metadata().await.is_ok_and(|found| found.is_file()) {
        bail!("cannot read {}: it is not a file", path.display());
    }
    Ok(file)
}

impl Spreadsheet {
    /// Looks up the service and the template of a spreadsheet.
    pub(super) async fn find(
        client: &Client,
        path: PathBuf,
        service: &target::ServiceArg,
        template: &str,
        encoding: Option<String>,
    ) -> anyhow::Result<Self> {
        // A missing file is reported before anything is requested.
        open(&path).await?;
        let service = service.find(client).await?;
        let template = target::find_template(client, service, template).await?;
        Ok(Self {
            source: Source::File(path),
            service,
            template,
            encoding,
        })
    }

    /// Uploads the file to be checked; with `store`, the platform stores it for a job if it is valid.
    pub(super) async fn upload(
        &self,
        client: &Client,
        sender: Option<Uuid>,
        store: bool,
    ) -> anyhow::Result<CheckReport> {
        let mut query = vec![
            ("template_id", target::id_of(&self.template)?.to_string()),
            ("file_name", self.source.name()),
            ("check_only", (!store).to_string()),
        ];
        query.extend(self.encoding.clone().map(|name| ("encoding", name)));
        query.extend(sender.map(|id| ("sender_id", id.to_string())));
        let path = format!("/service/{}/spreadsheet", self.service);
        let response = client
            .upload(&path, &query, self.source.body().await?)
            .await;
        let response = response.with_context(|| format!("cannot use {}", self.source.name()))?;
        serde_json::from_value(response)
            .context("the response of the platform is not a check report")
    }

    /// Returns whether its rows become letters.
    pub(super) fn is_of_letters(&self) -> bool {
        self.template["template_type"] == "letter"
    }

    /// Returns the name of the template.
    pub(in crate::commands) fn template_name(&self) -> &str {
        self.template["name"].as_str().unwrap_or_default()
    }
}
