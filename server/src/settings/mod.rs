//! The settings of an installation. All of them have defaults.
//!
//! Sources, the later wins: the defaults; the settings file (`--config`, else `PILLARBOX_CONFIG`, else `pillarbox.toml`
//! in the data directory if it exists); the environment (`PILLARBOX_…`, `__` between a group and its setting); the
//! flags. The doc comments of the fields are the reference: `docs/settings.md` and `docs/settings.schema.json` are
//! generated from them.

mod bounds;
mod callbacks;
mod file_downloads;
mod intake;
mod letter_volumes;
mod load;
mod log;
mod providers;
mod receipts;
mod received_texts;
mod reference;
mod schema;
mod warnings;
mod workers;

use std::path::PathBuf;

use ::files::Files;
use ::providers::{Secret, aws::S3Settings};
use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::{
    callbacks::{Callbacks, Ports},
    file_downloads::FileDownloads,
    intake::Intake,
    letter_volumes::LetterVolumes,
    load::{Flags, load},
    log::{Log, LogFormat},
    providers::{ConfiguredProvider, Providers, RunningProviders},
    receipts::Receipts,
    received_texts::ReceivedTexts,
    reference::reference,
    schema::schema,
    warnings::warnings,
    workers::Workers,
};

/// The settings of an installation of Pillarbox.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the settings file"
)]
pub struct Settings {
    /// Directory for everything that the installation owns: the database, files, keys and the sink, unless another
    /// setting moves them. Created, readable by its owner only, if it does not exist. Change it to run several
    /// installations on one machine, or to keep the data on another disk.
    pub data_dir: PathBuf,
    /// Address and port of the HTTP server; port 0 picks a free one. Change it to accept connections from other
    /// machines, preferably behind a proxy that terminates TLS.
    pub listen: String,
    /// Address and port for monitors: health (`/_status`), metrics (`/metrics`) and live counts, apart from the public,
    /// with threads and connections of their own. Metrics and live counts are then no longer served at `listen`, health
    /// still is. Without it, port 6012 of this machine (or a free one, named in the log) if `listen` can be reached from
    /// other machines, else none. Change it so that a monitor on another machine can read it; `listen` serves everything
    /// at one address. A process without the role `api` has it only if it is set.
    pub metrics_listen: Option<String>,
    /// Database: `sqlite:<path>` or `postgres://user:password@host/name` (PostgreSQL 15 or later). Without it, the file
    /// `pillarbox.db` in the data directory. Use PostgreSQL to run on more than one machine.
    #[schemars(with = "Option<String>")]
    pub database: Option<Secret>,
    /// Maximum number of PostgreSQL connections of this process; no effect on SQLite. The process does not start if the
    /// server has fewer left, after those that other clients hold and other Pillarbox processes may open. Raise it when
    /// requests wait for a connection, lower it when the server's `max_connections` is small.
    #[schemars(range(min = 1, max = 100_000))]
    pub database_connections: u32,
    /// Whether to apply new migrations at the start. Turn it off to run `pillarbox migrate` as a step of its own.
    pub migrate_on_start: bool,
    /// Task queue: `database`. There is no other kind yet.
    pub queue: String,
    /// Seconds that a task stays leased to a worker that does not renew the lease; then another worker claims it. Lower
    /// it to recover sooner from the loss of a machine, but not below 15. It need not outlast a provider's timeouts,
    /// because leases are renewed while a provider is waited for. A process that crashes is detected at once by others
    /// with the same data directory.
    #[schemars(range(min = 1, max = 86_400))]
    pub lease_seconds: u64,
    /// Storage of uploaded files: `file:<directory>`, `s3://<bucket>/<folder>` with the settings of `files_s3`, or `memory:` for
    /// tests. Without it, the directory `files` in the data directory. Processes that share a database must share it.
    pub files: Option<String>,
    /// How the bucket of `files` is reached (`docs/files.md`). No effect on other storages.
    pub files_s3: S3Settings,
    /// File with the encryption keys for personal data. Without it, the file `keyring` in the data directory, created
    /// with a new database. Processes that share a database need the same content. Keep a copy of it apart from the
    /// database: without it, sealed data cannot be read.
    pub keyring_file: Option<PathBuf>,
    /// The content of the key file as text, in place of the file: for deployments that pass secrets in the environment.
    /// To rotate, add a line, restart, and run `pillarbox keyring reseal`.
    #[schemars(with = "Option<String>")]
    pub keyring: Option<Secret>,
    /// Client id with which internal clients (these commands, an admin application) sign their tokens.
    pub internal_client_id: String,
    /// Secret with which internal clients sign their tokens. During a rotation, several separated by commas: the first
    /// one signs, all are accepted. Without it, a random secret is created in the data directory.
    #[schemars(with = "Option<String>")]
    pub internal_secret: Option<Secret>,
    /// Secret with which programs that test the installation sign their tokens, with the client id `notify-functional-tests`;
    /// several separated by commas. They may read the messages of the development provider (`/sink`) and nothing else.
    /// Without it, there is no such client. Set it so that tests need not know `internal_secret`.
    #[schemars(with = "Option<String>")]
    pub functional_tests_secret: Option<Secret>,
    /// Whether to trust the `X-Forwarded-Proto` header. Turn it on behind a proxy that sets it, so that links in
    /// responses begin with `https`.
    pub trust_forwarded_proto: bool,
    /// Whether to trust the last address in the `X-Forwarded-For` header. Turn it on behind a proxy that adds it: limits for
    /// each address and the networks under `receipts` then see the callers in place of the proxy.
    pub trust_forwarded_for: bool,
    /// Domain of the sender address of e-mails. Set it before you configure a real e-mail provider.
    pub email_domain: String,
    /// Address of the admin pages, without a slash at the end; some error messages refer to it. Without it, the
    /// platform's own address.
    pub admin_base_url: Option<String>,
    /// Public address of this platform's API, without a slash at the end: links in e-mails begin with it, and print
    /// providers report to it. Without it, the platform's own address.
    pub api_base_url: Option<String>,
    /// Seconds that a request may take before it is answered with a timeout. Raise it for slow uploads.
    #[schemars(range(min = 1, max = 86_400))]
    pub http_serve_timeout_seconds: u64,
    /// Seconds that a connection may take to send the headers of its next request before it is closed; idle connections
    /// are closed by it too. Keep it longer than the idle timeout of a proxy in front of the platform.
    #[schemars(range(min = 1, max = 86_400))]
    pub http_header_timeout_seconds: u64,
    /// Number of connections that clients may have open at a time, at most half of what the operating system lets the
    /// process open. One address may have three quarters of them. Beyond that, those that wait longest for their client
    /// are closed. Raise it for very many clients.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub http_connections: u32,
    /// Bytes a second below which a client is disconnected, measured over 20 seconds: while it takes a response, or sends
    /// a spreadsheet. Lower it for very slow networks; 0 lets a client take as long as it likes.
    #[schemars(range(min = 0, max = 1_u64 << 30))]
    pub http_least_bytes_per_second: u64,
    /// Number of previews, bulk requests and messages above 64 kB that are worked on at the same time, on
    /// threads of their own; 64 times as many wait, and more get 503. Without it, half of the processors. Raise it if
    /// such requests are refused while processors are idle.
    #[schemars(range(min = 1, max = 1_024))]
    pub http_heavy_requests: Option<u16>,
    /// Requests a minute that a service may send for lists and PDFs of letters, with each type of key; more get a 429.
    /// Requests to send and previews have the service's own rate (`pillarbox service update --rate-limit`). Raise it for
    /// services that look for news very often.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub http_reads_per_minute: u32,
    /// Seconds that a shutdown leaves open connections without a request, so that each can be told to end with its next
    /// response. Part of `stop_seconds`. Raise it if clients or a proxy keep connections open for longer between requests.
    #[schemars(range(min = 0, max = 86_400))]
    pub http_drain_seconds: u64,
    /// Price of one fragment of a text message, in millionths of a pound. Set it to the price of your provider.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub sms_rate_micropounds: i64,
    /// Time zone in which a day begins and ends, by its name in the tz database. Retention, billing and statistics count
    /// these days. Change it if your recipients live elsewhere.
    #[schemars(with = "String", extend("default" = app::TimeZone::default().to_string()))]
    pub time_zone: app::TimeZone,
    /// Directory in which the print provider leaves response files, which say line by line which letters were posted
    /// (`NOTIFY-<time>-RSP.TXT`). They are noticed within a minute, and moved to `processed` in it once they are applied. Set
    /// it if the provider writes to a directory of this machine or a mounted share.
    pub letter_responses: Option<PathBuf>,
    /// Whether letters of test keys wait for a simulated receipt, in place of being delivered at once. Turn it on where
    /// people try out how the status of a letter changes.
    pub test_letters_fake_delivery: bool,
    /// Maximum number of rows in a spreadsheet. Raise it for larger jobs: rows are streamed, so it costs no memory.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_spreadsheet_rows: u32,
    /// Maximum size of an uploaded spreadsheet, in bytes. A workbook is held in memory while it is read, CSV is not.
    #[schemars(range(min = 1, max = 1_u64 << 40))]
    pub max_upload_bytes: u64,
    /// How many bytes of messages and files a service may have stored, sealed as they are, with all its keys and in bulk too;
    /// beyond it requests to send get a 429 and jobs do not begin. `pillarbox service update --storage-limit` sets another
    /// limit for one service. Lower it where a disk is shared by many services; raise it for long retention with files.
    #[schemars(range(min = 0, max = 1_u64 << 60))]
    pub storage_limit_bytes: i64,
    /// Virus scanner for uploads: a `ClamAV` daemon at `tcp:<host>:<port>` or `unix:<socket>`. Uploads are rejected while
    /// it cannot be reached. Without it, uploads are not scanned; set it before services send files to the public.
    pub virus_scanner: Option<String>,
    /// Seconds that a shutdown waits for requests and tasks to finish. The rest resumes at the next start. Keep it
    /// shorter than the time after which your supervisor kills the process.
    #[schemars(range(min = 0, max = 86_400))]
    pub stop_seconds: u64,
    /// Log output.
    pub log: Log,
    /// Files by e-mail: where recipients download them.
    pub file_downloads: FileDownloads,
    /// Number of tasks that each worker pool runs at the same time. A delivery task is a batch of up to a hundred
    /// messages; while all of them wait for a provider, it does not count.
    pub workers: Workers,
    /// Providers of each channel.
    #[schemars(with = "schema::ProviderTables")]
    pub providers: Providers,
    /// Inbound SMS: credentials with which MMG and Firetext deliver them, by Basic authentication, each a list separated by
    /// commas, so that one value can be rotated while the other still works; and the words that are read in them.
    pub received_texts: ReceivedTexts,
    /// Delivery receipts: who may send them, and what follows from them. Without these settings anyone may send those of MMG
    /// and Firetext, who cannot sign them; a receipt changes only a notification that waits for one.
    pub receipts: Receipts,
    /// Callbacks to services: which URLs they may go to, and when they are paused.
    pub callbacks: Callbacks,
    /// Telling print providers by e-mail, after each print run, how many letters to expect.
    pub letter_volumes: LetterVolumes,
    /// The intake log: where accepted messages wait while the database is slow or away (`docs/intake.md`).
    pub intake: Intake,
    /// The settings file, if it holds secrets and everybody on the machine can read it.
    #[serde(skip)]
    pub exposed_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("pillarbox-data"),
            listen: "127.0.0.1:6011".to_owned(),
            metrics_listen: None,
            database: None,
            database_connections: 16,
            migrate_on_start: true,
            queue: "database".to_owned(),
            lease_seconds: 30,
            files: None,
            files_s3: S3Settings::default(),
            keyring_file: None,
            keyring: None,
            internal_client_id: "notify-admin".to_owned(),
            internal_secret: None,
            functional_tests_secret: None,
            trust_forwarded_proto: false,
            trust_forwarded_for: false,
            email_domain: "notify.example.com".to_owned(),
            admin_base_url: None,
            api_base_url: None,
            http_serve_timeout_seconds: 30,
            http_header_timeout_seconds: 15,
            http_connections: 4096,
            http_least_bytes_per_second: 500,
            http_heavy_requests: None,
            http_reads_per_minute: 6_000,
            http_drain_seconds: 2,
            sms_rate_micropounds: 23_300,
            time_zone: app::TimeZone::default(),
            letter_responses: None,
            test_letters_fake_delivery: false,
            max_spreadsheet_rows: 100_000,
            max_upload_bytes: 64 << 20,
            storage_limit_bytes: 100 << 30,
            virus_scanner: None,
            stop_seconds: 8,
            log: Log::default(),
            file_downloads: FileDownloads::default(),
            workers: Workers::default(),
            providers: Providers::default(),
            received_texts: ReceivedTexts::default(),
            receipts: Receipts::default(),
            callbacks: Callbacks::default(),
            letter_volumes: LetterVolumes::default(),
            intake: Intake::default(),
            exposed_file: None,
        }
    }
}

impl Settings {
    /// Returns the default settings with another data directory.
    pub fn in_directory(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            ..Self::default()
        }
    }

    /// Returns the address of the database.
    pub fn database_address(&self) -> String {
        match &self.database {
            Some(address) => address.expose().to_owned(),
            None => format!("sqlite:{}", self.data_dir.join("pillarbox.db").display()),
        }
    }

    /// Returns the address of the file storage.
    pub fn files_address(&self) -> String {
        self.files
            .clone()
            .unwrap_or_else(|| format!("file:{}", self.data_dir.join("files").display()))
    }

    /// Opens the file storage. Nothing is sent yet if it is elsewhere.
    pub fn open_files(&self) -> anyhow::Result<Files> {
        let address = self.files_address();
        if !address.starts_with("s3:") {
            return Ok(Files::open(&address)?);
        }
        let files = self.files_s3.files("files_s3", &address);
        files.with_context(|| format!("cannot keep files at `{address}`"))
    }

    /// Returns whether any setting is a secret.
    fn has_secrets(&self) -> bool {
        let received = &self.received_texts;
        let secrets = [
            &self.database,
            &self.keyring,
            &self.internal_secret,
            &self.functional_tests_secret,
            &self.file_downloads.service_token,
            &received.mmg_passwords,
            &received.firetext_passwords,
        ];
        // Nearly every provider has a password or a token; which of its settings that is, only its kind knows.
        secrets.iter().any(|secret| secret.is_some())
            || self.files_s3.has_secrets()
            || self.providers.are_configured()
    }

    /// Returns the directory of the sink.
    pub fn sink_directory(&self) -> PathBuf {
        self.data_dir.join("sink")
    }

    /// Returns the settings that `app` takes.
    pub(crate) fn rules(&self) -> app::Settings {
        let own_address = || format!("http://{}", self.listen);
        let files_root = self.file_downloads.root.as_deref();
        app::Settings {
            email_domain: self.email_domain.clone(),
            admin_base_url: self.admin_base_url.clone().unwrap_or_else(own_address),
            files_root: files_root
                .map_or_else(own_address, |root| root.trim_end_matches('/').to_owned()),
            max_file_bytes: self.file_downloads.max_bytes,
            api_base_url: self.api_base_url.clone().unwrap_or_else(own_address),
            sms_rate: app::Money {
                micropounds: self.sms_rate_micropounds,
            },
            test_letters_fake_delivery: self.test_letters_fake_delivery,
            reads_per_minute: self.http_reads_per_minute,
            max_spreadsheet_rows: self.max_spreadsheet_rows,
            // Less than the whole, so that what providers did not answer can still be recorded.
            stop_grace: std::time::Duration::from_secs(self.stop_seconds) * 5 / 8,
            max_upload_bytes: self.max_upload_bytes,
            storage_limit_bytes: self.storage_limit_bytes,
            sms_keywords: self.received_texts.keywords(),
            suppress_hard_bounces: self.receipts.suppress_hard_bounces,
            suppress_complaints: self.receipts.suppress_complaints,
            intake: self.intake.rules(),
            callback_notice: self.callbacks.notice(),
            letter_volumes: self.letter_volumes.notice(),
            callback_pause_after: std::time::Duration::from_mins(
                self.callbacks.pause_after_minutes,
            ),
            time_zone: self.time_zone.clone(),
            ..app::Settings::default()
        }
    }
}

/// Returns the values of a setting that are separated by commas.
pub(crate) fn split_list(text: Option<&Secret>) -> Vec<domain::Private<String>> {
    let all = text.map(Secret::expose).unwrap_or_default().split(',');
    all.map(str::trim)
        .filter(|one| !one.is_empty())
        .map(|one| one.to_owned().into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_match_those_of_app() {
        let (ours, theirs) = (Settings::default().rules(), app::Settings::default());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let settings = Settings {
            database: Some("postgres://ada:hunter2@db/pillarbox".into()),
            internal_secret: Some("hunter2".into()),
            functional_tests_secret: Some("hunter2".into()),
            keyring: Some("1 hunter2".into()),
            file_downloads: FileDownloads {
                service_token: Some("hunter2".into()),
                ..FileDownloads::default()
            },
            received_texts: ReceivedTexts {
                mmg_passwords: Some("hunter2".into()),
                ..ReceivedTexts::default()
            },
            ..Settings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
