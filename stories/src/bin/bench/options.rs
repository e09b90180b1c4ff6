//! What can be asked for.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures how fast the platform is. Build it with `--profile dist`; other profiles are not comparable.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Options {
    /// Measure only these; by default all but growth.
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// On which databases; PostgreSQL is left out unless its address is known.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    pub(crate) database: Databases,
    /// A PostgreSQL server on which databases may be made and dropped.
    #[arg(long, env = "PILLARBOX_TEST_DATABASE", hide_env_values = true)]
    pub(crate) postgres: Option<String>,
    /// Which channels.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Channel::Sms, Channel::Email])]
    pub(crate) channel: Vec<Channel>,
    /// Accept: how many connections at once, one measurement for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    pub(crate) connections: Vec<usize>,
    /// Accept: for how many seconds, after two to warm up.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Job: how many rows, one measurement for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    pub(crate) rows: Vec<u32>,
    /// Deliver: how many messages.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) messages: u32,
    /// Neighbour: how many messages of one service wait when another sends its own.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) backlog: u32,
    /// Growth: how many messages the table holds, one measurement for each number. Ten million take minutes to write
    /// and about 6 GB of disk for each database.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 10_000_000])]
    pub(crate) kept: Vec<u32>,
    /// Where databases and files are made: a directory on the disk to be measured. By default the one for temporary files.
    #[arg(long)]
    pub(crate) directory: Option<PathBuf>,
    /// One JSON object a measurement.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Messages through the HTTP endpoint, each durable when it is answered.
    Accept,
    /// A spreadsheet, from its first byte to its last row kept.
    Job,
    /// Messages that are kept, handed over.
    Deliver,
    /// How long one service's message waits behind a million of another's.
    NoisyNeighbour,
    /// What a message costs in a table that has grown: `make bench-growth`.
    Growth,
    /// From the start of the program to its first answer.
    Start,
    /// What messages say and to whom, without anything around it.
    Content,
}

/// Which databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Databases {
    /// The embedded one.
    Sqlite,
    /// The one that scales out.
    Postgres,
    /// Both.
    Both,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channel {
    /// Texts.
    Sms,
    /// E-mails.
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
            all.filter(|part| *part != Part::Growth).collect()
        } else {
            self.part.clone()
        }
    }
}
