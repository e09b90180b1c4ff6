//! Command line options.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures how fast the platform is. Build it with `--profile dist`; other profiles are not comparable.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Options {
    /// Parts to measure; by default all but growth and held-transaction.
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// Databases to measure; PostgreSQL is left out without an address.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    pub(crate) database: Databases,
    /// Address of a PostgreSQL server on which databases may be created and dropped.
    #[arg(long, env = "PILLARBOX_TEST_DATABASE", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Channels to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Channel::Sms, Channel::Email])]
    pub(crate) channel: Vec<Channel>,
    /// Accept: numbers of concurrent connections, one measurement for each.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    pub(crate) connections: Vec<usize>,
    /// Accept: seconds of measurement after two of warm-up.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Job: numbers of rows, one measurement for each.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    pub(crate) rows: Vec<u32>,
    /// Deliver: number of messages.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) messages: u32,
    /// Noisy neighbour: number of queued messages of one service while another sends its own.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) backlog: u32,
    /// Growth: how many messages the table holds, one measurement for each number. Ten million take minutes to write
    /// and about 6 GB of disk for each database.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 10_000_000])]
    pub(crate) kept: Vec<u32>,
    /// Responses: number of lines.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) lines: u32,
    /// Letters: number of letters.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) letters: u32,
    /// Held transaction: for how many seconds.
    #[arg(long, default_value_t = 300)]
    pub(crate) held_seconds: u64,
    /// Where databases and files are made: a directory on the disk to be measured. By default the one for temporary files.
    #[arg(long)]
    pub(crate) directory: Option<PathBuf>,
    /// Print one JSON object for each measurement.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Messages accepted over HTTP, each durable when it is answered.
    Accept,
    /// A job, from the first byte of its spreadsheet to its last row.
    Job,
    /// Sending of stored messages.
    Deliver,
    /// Waiting time of one service's messages behind a million of another's.
    NoisyNeighbour,
    /// Messages accepted over HTTP and sent to a provider that answers at once, at the same time.
    EverythingOn,
    /// Callbacks to a local receiver that answers at once.
    Callbacks,
    /// A response file of the print provider, applied to stored and archived letters.
    Responses,
    /// Pages of letters made from a template, and the memory that it takes.
    Letters,
    /// Requests for the status beside large previews: the 99th percentile is to be below 100 ms.
    Previews,
    /// Sending to a provider that is slow: how much of its concurrency is used.
    SlowProvider,
    /// Cost of a message in a large table: `make bench-growth`.
    Growth,
    /// Tasks claimed and completed while another transaction is held open; PostgreSQL only.
    HeldTransaction,
    /// Time from the start of the program to its first response.
    Start,
    /// Validation of recipients and rendering of messages alone.
    Content,
}

/// Databases to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Databases {
    /// `SQLite`.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// Both.
    Both,
}

/// Channels of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channel {
    /// SMS.
    Sms,
    /// E-mail.
    Email,
}

impl Channel {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

impl Options {
    pub(crate) fn parts(&self) -> Vec<Part> {
        if self.part.is_empty() {
            let all = Part::value_variants().iter().copied();
            all.filter(|part| !matches!(part, Part::Growth | Part::HeldTransaction))
                .collect()
        } else {
            self.part.clone()
        }
    }
}
