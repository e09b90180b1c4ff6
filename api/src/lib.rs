//! HTTP in and out. [`mod@router`] is the table of contents: every route, and who may call it.
//!
//! A handler takes apart the request, calls one thing in `app`, and shapes the answer. Public wording – every error
//! text that a client may show – lives in [`problem`].

mod answer;
pub mod callers;
mod documents;
mod headers;
mod internal;
mod letters;
mod methods;
mod openapi;
mod patience;
pub mod problem;
mod receipts;
pub mod router;
mod status;
mod unsubscribe;
mod v2;

use std::{sync::Arc, time::Duration};

use app::App;
use domain::Private;

pub use openapi::document as openapi;
pub use router::router;

/// What the HTTP side needs to know beside the platform itself.
#[derive(Clone)]
pub struct Settings {
    /// The name that internal clients sign with (`docs/spec/public-api.md` §3.4).
    pub internal_client_id: String,
    /// The secrets that internal clients may sign with.
    pub internal_secrets: Vec<Private<String>>,
    /// Believe `X-Forwarded-Proto`, because a proxy of ours sets it.
    pub trust_forwarded_proto: bool,
    /// The commit that the program was built from, for `/_status`.
    pub git_commit: Option<String>,
    /// When it was built, for the same.
    pub build_time: Option<String>,
    /// Writes the metrics in the text form of Prometheus.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// How long a request may take before its caller is told that it took too long.
    pub serve_timeout: Duration,
    /// What providers sign in with when they bring us texts.
    pub text_bringers: TextBringers,
    /// Reads what the development sink has kept, where there is one.
    pub sink: Option<app::Sink>,
}

/// What providers sign in with when they bring us texts; nobody can while there is nothing here
/// (`docs/spec/public-api.md` §22.2).
#[derive(Debug, Clone, Default)]
pub struct TextBringers {
    /// The names that MMG may use.
    pub mmg_users: Vec<Private<String>>,
    /// Its passwords.
    pub mmg_passwords: Vec<Private<String>>,
    /// The passwords of Firetext, whose name is `notify`.
    pub firetext_passwords: Vec<Private<String>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("internal_client_id", &self.internal_client_id)
            .finish_non_exhaustive()
    }
}

/// What every handler is given. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    /// The platform.
    pub app: App,
    pub(crate) settings: Arc<Settings>,
}

impl Api {
    /// Over this platform.
    pub fn new(app: App, settings: Settings) -> Self {
        Self {
            app,
            settings: Arc::new(settings),
        }
    }
}
