//! A spreadsheet on its way to the platform.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use reqwest::Body;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::{client::Client, commands::target};

/// Where a spreadsheet's bytes come from.
#[derive(Debug, Clone)]
pub(in crate::commands) enum Source {
    /// A file, read as it is sent.
    File(PathBuf),
    /// Bytes of the program itself.
    Embedded(&'static str, &'static [u8]),
}

/// A spreadsheet, and what it is for.
#[derive(Debug)]
pub(in crate::commands) struct Sheet {
    pub(in crate::commands) source: Source,
    pub(in crate::commands) service: Uuid,
    pub(in crate::commands) template: Value,
}

/// What the platform says of a spreadsheet.
#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Checked {
    /// The id of the job that can be made of it.
    pub(in crate::commands) id: Option<Uuid>,
    pub(in crate::commands) valid: bool,
    /// How many rows there are.
    #[serde(rename = "notification_count")]
    pub(in crate::commands) rows: u64,
    #[serde(default)]
    pub(in crate::commands) error_counts: Map<String, Value>,
    #[serde(default)]
    pub(in crate::commands) errors: Vec<Value>,
    /// Sentences about the file as a whole.
    #[serde(default)]
    pub(in crate::commands) problems: Vec<String>,
}

impl Checked {
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
        bail!("cannot read {}: it is no file", path.display());
    }
    Ok(file)
}

impl Sheet {
    /// The spreadsheet for a service and a template that are named. The file is looked at first: it is the nearest.
    pub(super) async fn find(
        client: &Client,
        path: PathBuf,
        service: &target::ServiceArg,
        template: &str,
    ) -> anyhow::Result<Self> {
        open(&path).await?;
        let service = service.find(client).await?;
        let template = target::find_template(client, service, template).await?;
        Ok(Self {
            source: Source::File(path),
            service,
            template,
        })
    }

    /// Sends the file to be checked and, if `keep`, to be kept for a job.
    pub(super) async fn upload(
        &self,
        client: &Client,
        sender: Option<Uuid>,
        keep: bool,
    ) -> anyhow::Result<Checked> {
        let mut query = vec![
            ("template_id", target::id_of(&self.template)?.to_string()),
            ("file_name", self.source.name()),
            ("check_only", (!keep).to_string()),
        ];
        query.extend(sender.map(|id| ("sender_id", id.to_string())));
        let path = format!("/service/{}/spreadsheet", self.service);
        let answer = client
            .upload(&path, &query, self.source.body().await?)
            .await;
        let answer = answer.with_context(|| format!("cannot use {}", self.source.name()))?;
        serde_json::from_value(answer).context("the platform answered something that is no answer")
    }

    /// What people call the template.
    pub(in crate::commands) fn template_name(&self) -> &str {
        self.template["name"].as_str().unwrap_or_default()
    }
}
