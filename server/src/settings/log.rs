//! Log output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Log output.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Format of log lines: `text` for people, `json` for log collectors.
    pub format: LogFormat,
    /// Log level: `error`, `warn`, `info`, `debug` or `trace`; or a filter such as `warn,pillarbox_app=debug`. Raise it
    /// to investigate a problem. Recipients and message contents are not logged at any level.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
