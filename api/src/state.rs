use std::{sync::Arc, time::Duration};

use app::App;
use domain::Private;
use providers::amazon::sns::Sns;
use tokio::sync::Semaphore;

use crate::{
    heavy_work::HeavyWork,
    peers::{Network, PeerLimit},
};

/// Unsubscribe requests a second that one address may send: mail programs send them from servers that many share.
const UNSUBSCRIBES_PER_SECOND: u32 = 50;

/// Pages of lists that are made at once: each can take some ten times its size in memory while it is.
const PAGES_AT_ONCE: usize = 8;

/// Spreadsheets that are received and checked at once. Each has a thread, which waits for its client most of the time.
const UPLOADS_AT_ONCE: usize = 64;

/// Settings of the HTTP interface.
#[derive(Clone)]
pub struct Settings {
    /// The client id of internal clients, the `iss` of their tokens (`docs/spec/public-api.md` §3.4).
    pub internal_client_id: String,
    /// The secrets that internal clients may sign with.
    pub internal_secrets: Vec<Private<String>>,
    /// The secrets that programs which test the installation may sign with, as `notify-functional-tests`.
    pub functional_tests_secrets: Vec<Private<String>>,
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
    /// The lowest speed of an upload; a slower one is answered with 408.
    pub least_bytes_per_second: u64,
    /// How many previews, bulk requests and very large messages are worked on at once; half of the processors if absent.
    pub heavy_requests: Option<usize>,
    /// The credentials of providers that deliver inbound SMS.
    pub inbound_sms_credentials: InboundSmsCredentials,
    /// Who may send delivery receipts of text messages.
    pub receipts: ReceiptRules,
    /// Whether to trust the last address of `X-Forwarded-For`, because a proxy of ours adds it.
    pub trust_forwarded_for: bool,
    /// Reads the messages of the development provider, where it is in use.
    pub sink: Option<app::Sink>,
}

/// The credentials of providers that deliver inbound SMS. An empty list rejects every caller (`docs/spec/public-api.md` §22.2).
#[derive(Debug, Clone, Default)]
pub struct InboundSmsCredentials {
    /// The user names of MMG.
    pub mmg_users: Vec<Private<String>>,
    /// The passwords of MMG.
    pub mmg_passwords: Vec<Private<String>>,
    /// The passwords of Firetext; its user name is `notify`.
    pub firetext_passwords: Vec<Private<String>>,
}

/// Who may send delivery receipts of text messages (`docs/spec/public-api.md` §22.1).
#[derive(Debug, Clone)]
pub struct ReceiptRules {
    /// Who may send receipts of MMG.
    pub mmg: ReceiptAccess,
    /// Who may send receipts of Firetext.
    pub firetext: ReceiptAccess,
    /// Receipts a second that one address may send, and five times as many at once.
    pub per_second: u32,
    /// The topics of SNS whose messages are accepted.
    pub sns: Sns,
    /// The passwords of forwarders of Amazon's events; their user name is `amazon`.
    pub amazon_passwords: Vec<Private<String>>,
}

/// Who may send the receipts of one provider. Without passwords and networks, anyone may.
#[derive(Debug, Clone, Default)]
pub struct ReceiptAccess {
    /// User names for Basic authentication.
    pub users: Vec<Private<String>>,
    /// Passwords for Basic authentication.
    pub passwords: Vec<Private<String>>,
    /// Networks that the provider sends from.
    pub networks: Vec<Network>,
}

impl Default for ReceiptRules {
    fn default() -> Self {
        Self {
            mmg: ReceiptAccess::default(),
            firetext: ReceiptAccess::default(),
            // `docs/spec/public-api.md` §22.1.
            per_second: 1000,
            sns: Sns::default(),
            amazon_passwords: Vec::new(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            internal_client_id: "notify-admin".to_owned(),
            // Without a secret no token fits, so internal endpoints are closed until one is set.
            internal_secrets: Vec::new(),
            functional_tests_secrets: Vec::new(),
            // Without a proxy in front, every caller could set this header and `X-Forwarded-For` as it likes.
            trust_forwarded_proto: false,
            git_commit: None,
            build_time: None,
            metrics: Arc::new(String::new),
            // `docs/spec/public-api.md` §2.4.
            serve_timeout: Duration::from_secs(30),
            // Over a window of 20 seconds: `docs/spec/public-api.md` §2.5.
            least_bytes_per_second: 500,
            heavy_requests: None,
            inbound_sms_credentials: InboundSmsCredentials::default(),
            receipts: ReceiptRules::default(),
            trust_forwarded_for: false,
            sink: None,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By hand, because the function that writes metrics has no `Debug`; secrets are left out with it.
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
    pub(crate) heavy_work: Arc<HeavyWork>,
    /// The checks of spreadsheets that are uploaded.
    pub(crate) upload_checks: Arc<HeavyWork>,
    /// The pages of lists that are being made.
    pub(crate) pages: Arc<Semaphore>,
    pub(crate) receipt_limit: Arc<PeerLimit>,
    pub(crate) unsubscribe_limit: Arc<PeerLimit>,
}

impl Api {
    /// Returns the HTTP interface of a platform.
    pub fn new(app: App, settings: Settings) -> Self {
        let heavy_work = HeavyWork::new(settings.heavy_requests);
        Self {
            app,
            upload_checks: Arc::new(heavy_work.with_its_own_queue(UPLOADS_AT_ONCE)),
            receipt_limit: Arc::new(PeerLimit::new(settings.receipts.per_second)),
            unsubscribe_limit: Arc::new(PeerLimit::new(UNSUBSCRIBES_PER_SECOND)),
            heavy_work: Arc::new(heavy_work),
            pages: Arc::new(Semaphore::new(PAGES_AT_ONCE)),
            settings: Arc::new(settings),
        }
    }
}
