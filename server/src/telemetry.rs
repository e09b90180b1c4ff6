//! Log lines: on standard error, for people or for machines.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use crate::settings::{Log, LogFormat};

/// The rooms whose lines the plain levels speak of; libraries beneath them are heard from `warn` on.
const ROOMS: &[&str] = &[
    "api",
    "app",
    "content",
    "domain",
    "files",
    "providers",
    "queue",
    "server",
    "store",
];

/// Begins to log. Harmless when something logs already.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives(&log.level)).with_context(|| {
        format!(
            "the setting log.level is `{}`: use info, or a filter such as warn,app=debug",
            log.level
        )
    })?;
    let lines = fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    let _ = match log.format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
}

fn directives(level: &str) -> String {
    if !["error", "warn", "info", "debug", "trace", "off"].contains(&level) {
        return level.to_owned();
    }
    let others = if level == "error" || level == "off" {
        level
    } else {
        "warn"
    };
    ROOMS.iter().fold(others.to_owned(), |all, room| {
        format!("{all},{room}={level}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_that_of_our_rooms() {
        assert!(directives("debug").starts_with("warn,api=debug,app=debug"));
        assert_eq!(directives("warn,app=trace"), "warn,app=trace");
    }
}
