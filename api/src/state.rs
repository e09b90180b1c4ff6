use std::{sync::Arc, time::Duration};

use app::App;
use domain::Private;

/// Settings of the HTTP interface.
#[derive(Clone)]
pub struct Settings {
    /// The client id of internal clients, the `iss` of their tokens (`docs/spec/public-api.md` §3.4).
    pub internal_client_id: String,
    /// The secrets that internal clients may sign with.
    pub internal_secrets: Vec<Private<String>>,
    /// Whether to trust `X-Forwarded-Proto`, because a proxy of ours sets it.
    pub trust_forwarded_proto: bool,
    /// The commit that the program was built from, for `/_status`.
    pub git_commit: Option<String>,
    /// The time of the build, for `/_status`.
    pub build_time: Option<String>,
    /// Writes the metrics in the text format of Prometheus.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// How long a request may take before it is answered with 504.
    pub serve_timeout: Duration,
    /// The credentials of providers that deliver inbound SMS.
    pub inbound_sms_credentials: InboundSmsCredentials,
    /// Reads the messages of the development provider, where it is in use.
    pub sink: Option<app::Sink>,
}

/// The credentials of providers that deliver inbound SMS. An empty list admits nobody (`docs/spec/public-api.md` §22.2).
#[derive(Debug, Clone, Default)]
pub struct InboundSmsCredentials {
    /// The user names of MMG.
    pub mmg_users: Vec<Private<String>>,
    /// The passwords of MMG.
    pub mmg_passwords: Vec<Private<String>>,
    /// The passwords of Firetext; its user name is `notify`.
    pub firetext_passwords: Vec<Private<String>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("internal_client_id", &self.internal_client_id)
            .finish_non_exhaustive()
    }
}

/// The state of every handler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    /// The platform.
    pub app: App,
    pub(crate) settings: Arc<Settings>,
}

impl Api {
    /// Returns the HTTP interface of a platform.
    pub fn new(app: App, settings: Settings) -> Self {
        Self {
            app,
            settings: Arc::new(settings),
        }
    }
}
