//! How an installation is set up. Works with none given.
//!
//! Later wins: the defaults; the settings file (`--config`, else `PILLARBOX_CONFIG`, else `pillarbox.toml` in the data
//! directory if there is one); the environment (`PILLARBOX_…`, `__` between a group and its setting); the flags.

pub mod described;
mod load;
mod providers;
mod reference;
mod warnings;

use std::path::PathBuf;

use ::providers::Secret;
use serde::Deserialize;

use self::described::{Shown, described};
pub use self::{
    load::{Flags, load},
    providers::{ConfiguredProvider, Providers},
    reference::reference,
    warnings::warnings,
};

described! {
    /// All settings of an installation.
    pub struct Settings {
        /// Where the platform keeps what is its own: the database, files, keys and the sink, as long as no other place
        /// is set for them. Made, readable for nobody else, when it is not there. Change it to run several on one
        /// machine, or to keep the data on a disk of its own.
        pub data_dir: PathBuf = PathBuf::from("pillarbox-data"),
        /// The address and port to answer HTTP on; port 0 takes any that is free. Change it to be reached from other
        /// machines, best with a proxy before it that speaks TLS.
        pub listen: String = "127.0.0.1:6011".to_owned(),
        /// The database: `sqlite:<path>` or `postgres://user:password@host/name` (PostgreSQL 15 or later). Without it,
        /// the file `pillarbox.db` in the data directory. Change it to run on more than one machine.
        pub database: Option<Secret> = None,
        /// How many connections to PostgreSQL this process may hold. Has no effect on SQLite. A process for which the
        /// server has too few, beside what others hold and other processes of Pillarbox may hold, does not start.
        pub database_connections: u32 = 16,
        /// Whether to bring the tables up to date at the start. Turn it off to run `pillarbox migrate` by hand.
        pub migrate_on_start: bool = true,
        /// Where tasks wait: `database`. There is no other kind yet.
        pub queue: String = "database".to_owned(),
        /// How long, in seconds, a worker that fell silent keeps its task before another takes it over. Shorter means
        /// that work goes on sooner after a machine is lost; it must not be shorter than a provider takes to answer. A
        /// process that is killed is not waited for: others with its data directory see at once that it is dead.
        pub lease_seconds: u64 = 30,
        /// Where uploaded files are kept: `file:<directory>`, or `memory:` for tests. Without it, the directory
        /// `files` in the data directory. Processes that share a database must share it.
        pub files: Option<String> = None,
        /// The file with the keys that seal personal data; processes that share a database must share its content.
        /// Without it, the file `keyring` in the data directory, made when the database is new. Keep a copy of it apart
        /// from the database: what is sealed cannot be read without it.
        pub keyring_file: Option<PathBuf> = None,
        /// The same keys as text, in place of the file: for deployments that hand secrets over in the environment. A
        /// rotation then is a new text and `pillarbox keyring reseal`.
        pub keyring: Option<Secret> = None,
        /// The name that internal clients – these commands, the console, an admin application – sign with.
        pub internal_client_id: String = "notify-admin".to_owned(),
        /// The secret that internal clients sign with; several, separated by commas, while it is being changed: the
        /// first signs, all are accepted. Without it, a secret of its own is made in the data directory.
        pub internal_secret: Option<Secret> = None,
        /// Whether to believe `X-Forwarded-Proto`. Turn it on behind a proxy that sets it, so that links begin with
        /// `https`.
        pub trust_forwarded_proto: bool = false,
        /// The domain that e-mails come from. Set it before a real provider is given e-mails.
        pub email_domain: String = "notify.example.com".to_owned(),
        /// Where people find the admin pages, without a slash at the end; some error texts name it. Without it, the
        /// platform's own address.
        pub admin_base_url: Option<String> = None,
        /// Where programs reach this platform from outside, without a slash at the end: links in e-mails begin with it,
        /// and print providers report to it. Without it, the platform's own address.
        pub api_base_url: Option<String> = None,
        /// How long, in seconds, a request may take before its caller is told that it took too long.
        pub http_serve_timeout_seconds: u64 = 30,
        /// How long, in seconds, a connection may take to bring the headers of its next request; then it is closed.
        /// Idle connections are closed by it too, so let a proxy drop its own sooner.
        pub http_header_timeout_seconds: u64 = 15,
        /// What a fragment of a text message costs, in millionths of a pound. Set it to what your provider takes.
        pub sms_rate_micropounds: i64 = 23_300,
        /// The time zone in which a day begins and ends, by its name in the tz database. Days count for retention,
        /// billing and statistics. Change it where your recipients live elsewhere.
        pub time_zone: app::TimeZone = app::TimeZone::default(),
        /// Whether letters that are sent with a test key wait for a receipt that is made up, instead of being delivered at
        /// once. Turn it on where people try out how letters change.
        pub test_letters_fake_delivery: bool = false,
        /// The most rows that a spreadsheet may have. Raise it for larger jobs: rows are read as they come, so it costs
        /// no memory.
        pub max_spreadsheet_rows: u32 = 100_000,
        /// The largest spreadsheet that is taken, in bytes. A workbook is held in memory while it is read, CSV is not.
        pub max_upload_bytes: u64 = 64 << 20,
        /// Who looks for viruses in what services upload: the daemon of `ClamAV` at `tcp:<host>:<port>` or `unix:<socket>`.
        /// While it is away, files are refused. Without it, nobody looks.
        pub virus_scanner: Option<String> = None,
        /// How long, in seconds, a stop waits for what is in hand. What is not finished then is taken up at the next
        /// start. Lower it where the platform is killed sooner than that.
        pub stop_seconds: u64 = 8,
    }
    groups {
        /// What is logged and how.
        pub log: Log,
        /// Files by e-mail.
        pub file_downloads: FileDownloads,
        /// How many tasks are worked on at once.
        pub workers: Workers,
        /// Who takes messages from us.
        pub providers: Providers,
        /// What providers sign in with when they bring us texts.
        pub received_texts: ReceivedTexts,
    }
}

described! {
    /// What is logged and how.
    pub struct Log {
        /// `text` for people, `json` for machines.
        pub format: LogFormat = LogFormat::Text,
        /// `error`, `warn`, `info`, `debug` or `trace`; or a filter such as `warn,pillarbox_app=debug`. Raise it to see more of
        /// what happens; recipients and contents are logged at no level.
        pub level: String = "info".to_owned(),
    }
}

described! {
    /// Files by e-mail: where recipients download them.
    pub struct FileDownloads {
        /// What the links in e-mails begin with, without a slash at the end: a name of yours that leads to this
        /// platform's paths under `/d/`, best one of its own. Without it, the platform's own address. Set it before
        /// files are sent to real people.
        pub root: Option<String> = None,
        /// The largest file, in bytes. Has no effect where files go to another service.
        pub max_bytes: u64 = 2 << 20,
        /// The internal root of a file service of your own, such as `https://files.internal`, to which files go instead
        /// of being kept here.
        pub service: Option<String> = None,
        /// What that service knows us by: its bearer token.
        pub service_token: Option<Secret> = None,
        /// How long, in seconds, that service may take for a file.
        pub service_timeout_seconds: u64 = 30,
    }
}

described! {
    /// What providers sign in with, by Basic authentication, when they bring us the texts that people write to our
    /// services' numbers. Several values are separated by commas, so that one can be changed while the other works.
    pub struct ReceivedTexts {
        /// The names that MMG may sign in with. Without one, it cannot.
        pub mmg_users: Option<Secret> = None,
        /// The passwords of MMG.
        pub mmg_passwords: Option<Secret> = None,
        /// The passwords of Firetext, whose name is `notify`. Without one, it cannot sign in.
        pub firetext_passwords: Option<Secret> = None,
    }
}

impl ReceivedTexts {
    /// The same as the HTTP side takes them.
    pub(crate) fn bringers(&self) -> api::TextBringers {
        api::TextBringers {
            mmg_users: listed(self.mmg_users.as_ref()),
            mmg_passwords: listed(self.mmg_passwords.as_ref()),
            firetext_passwords: listed(self.firetext_passwords.as_ref()),
        }
    }
}

fn listed(text: Option<&Secret>) -> Vec<domain::Private<String>> {
    let all = text.map(Secret::expose).unwrap_or_default().split(',');
    all.map(str::trim)
        .filter(|one| !one.is_empty())
        .map(|one| one.to_owned().into())
        .collect()
}

described! {
    /// How many tasks each pool of workers has in hand at once; a delivery task is about a hundred messages.
    pub struct Workers {
        /// Deliveries of e-mails. Raise it when e-mails wait while the provider is idle.
        pub send_email_tasks: u32 = 4,
        /// Deliveries of text messages. Raise it when texts wait while the provider is idle.
        pub send_sms_tasks: u32 = 4,
        /// Deliveries of letters.
        pub send_letter_tasks: u32 = 2,
        /// Spreadsheets whose rows are being kept. Raise it when many services send large jobs at the same time.
        pub job_tasks: u32 = 4,
        /// Receipts of texts that are recorded. One task is up to a hundred of them.
        pub sms_callbacks: u32 = 2,
        /// Receipts of letters that are recorded.
        pub letter_callbacks: u32 = 2,
        /// Receipts that are made up for test keys and simulated recipients.
        pub research_mode_tasks: u32 = 2,
        /// What the clock starts.
        pub periodic_tasks: u32 = 2,
    }
}

impl Workers {
    /// The pools of the platform, as large as these settings say.
    pub fn pools(&self) -> Vec<queue::Pool> {
        app::tasks::POOLS
            .iter()
            .map(|pool| queue::Pool {
                workers: self.of(pool),
                ..pool.clone()
            })
            .collect()
    }

    fn of(&self, pool: &queue::Pool) -> u32 {
        let workers = match pool.name {
            "send-email-tasks" => self.send_email_tasks,
            "send-sms-tasks" => self.send_sms_tasks,
            "send-letter-tasks" => self.send_letter_tasks,
            "job-tasks" => self.job_tasks,
            "sms-callbacks" => self.sms_callbacks,
            "letter-callbacks" => self.letter_callbacks,
            "research-mode-tasks" => self.research_mode_tasks,
            "periodic-tasks" => self.periodic_tasks,
            _ => pool.workers,
        };
        // A pool without workers would let its tasks wait for ever.
        workers.max(1)
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

impl Shown for LogFormat {
    fn shown(&self) -> Option<String> {
        Some(match self {
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        })
    }
}

impl Settings {
    /// Settings that differ from the defaults in the data directory alone.
    pub fn in_directory(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            ..Self::default()
        }
    }

    /// The address of the database.
    pub fn database_address(&self) -> String {
        match &self.database {
            Some(address) => address.expose().to_owned(),
            None => format!("sqlite:{}", self.data_dir.join("pillarbox.db").display()),
        }
    }

    /// The address of the files.
    pub fn files_address(&self) -> String {
        self.files
            .clone()
            .unwrap_or_else(|| format!("file:{}", self.data_dir.join("files").display()))
    }

    /// Where the sink keeps messages.
    pub fn sink_directory(&self) -> PathBuf {
        self.data_dir.join("sink")
    }

    /// The rules of the platform, as `app` takes them.
    pub(crate) fn rules(&self) -> app::Settings {
        app::Settings {
            email_domain: self.email_domain.clone(),
            admin_base_url: self
                .admin_base_url
                .clone()
                .unwrap_or_else(|| format!("http://{}", self.listen)),
            files_root: self.file_downloads.root.as_deref().map_or_else(
                || format!("http://{}", self.listen),
                |root| root.trim_end_matches('/').to_owned(),
            ),
            max_file_bytes: self.file_downloads.max_bytes,
            api_base_url: self
                .api_base_url
                .clone()
                .unwrap_or_else(|| format!("http://{}", self.listen)),
            sms_rate: app::Money {
                micropounds: self.sms_rate_micropounds,
            },
            test_letters_fake_delivery: self.test_letters_fake_delivery,
            max_spreadsheet_rows: self.max_spreadsheet_rows,
            max_upload_bytes: self.max_upload_bytes,
            time_zone: self.time_zone.clone(),
            ..app::Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_are_those_of_the_program_unless_set() {
        assert_eq!(Workers::default().pools(), app::tasks::POOLS);
    }

    #[test]
    fn every_pool_can_be_set() {
        let workers = Workers {
            send_email_tasks: 91,
            send_sms_tasks: 92,
            send_letter_tasks: 93,
            job_tasks: 94,
            research_mode_tasks: 95,
            periodic_tasks: 96,
            sms_callbacks: 97,
            letter_callbacks: 98,
        };
        assert!(
            workers.pools().iter().all(|pool| pool.workers > 90),
            "{:?}",
            workers.pools()
        );
    }

    #[test]
    fn the_rules_have_the_defaults_of_the_room_that_keeps_them() {
        let (ours, theirs) = (Settings::default().rules(), app::Settings::default());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn several_passwords_are_separated_by_commas() {
        let received_texts = ReceivedTexts {
            firetext_passwords: Some("old, new,".into()),
            ..ReceivedTexts::default()
        };
        let bringers = received_texts.bringers();
        let passwords: Vec<_> = bringers
            .firetext_passwords
            .iter()
            .map(|one| one.reveal().as_str())
            .collect();
        assert_eq!(passwords, ["old", "new"]);
        assert!(bringers.mmg_passwords.is_empty());
    }

    #[test]
    fn settings_print_no_secret() {
        let settings = Settings {
            database: Some("postgres://ada:hunter2@db/pillarbox".into()),
            internal_secret: Some("hunter2".into()),
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
