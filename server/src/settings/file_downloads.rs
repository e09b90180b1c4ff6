//! Files by e-mail.

use ::providers::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

/// Files by e-mail: where recipients download them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileDownloads {
    /// Address with which download links begin, without a slash at the end: a host name of yours that leads to this
    /// platform's paths under `/d/`, preferably used for nothing else. Without it, the platform's own address. Set it
    /// before services send files to the public.
    pub root: Option<String>,
    /// Maximum size of a file, in bytes. No effect if files are stored by another service.
    #[schemars(range(min = 1, max = 1_u64 << 40))]
    pub max_bytes: u64,
    /// Internal address of a file service of your own, such as `https://files.internal`, which stores the files in place
    /// of this platform.
    pub service: Option<String>,
    /// Bearer token for the file service.
    #[schemars(with = "Option<String>")]
    pub service_token: Option<Secret>,
    /// Seconds to wait for the file service to store a file.
    #[schemars(range(min = 1, max = 86_400))]
    pub service_timeout_seconds: u64,
}

impl Default for FileDownloads {
    fn default() -> Self {
        Self {
            root: None,
            max_bytes: 2 << 20,
            service: None,
            service_token: None,
            service_timeout_seconds: 30,
        }
    }
}
