//! Log lines: on standard error, for people or for machines.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::IsTerminal as _,
    panic::{self, PanicHookInfo},
};

use anyhow::Context as _;
use tracing::error;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use crate::settings::{Log, LogFormat};

/// Begins to log. Harmless when something logs already.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives(&log.level)).with_context(|| {
        format!(
            "the setting log.level is `{}`: use info, or a filter such as warn,pillarbox_app=debug",
            log.level
        )
    })?;
    let lines = fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    let begun = match log.format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    if begun.is_ok() {
        panic::set_hook(Box::new(tell_where_it_failed));
    }
    Ok(())
}

/// Says where the program failed, and not in which words: they may quote what it was working on, which is never logged.
fn tell_where_it_failed(failure: &PanicHookInfo<'_>) {
    let place = failure.location().map_or_else(
        || "an unknown place".to_owned(),
        |place| format!("{}:{}", place.file(), place.line()),
    );
    let backtrace = Backtrace::capture();
    let path = match backtrace.status() {
        BacktraceStatus::Captured => backtrace.to_string(),
        _ => "RUST_BACKTRACE=1 shows how it came there".to_owned(),
    };
    error!("the program failed at {place}, which is a fault of its own: report it. {path}");
}

/// Returns the filter for a setting: a plain level is that of our own packages, and other crates stay at `warn`.
fn directives(level: &str) -> String {
    if !["error", "warn", "info", "debug", "trace", "off"].contains(&level) {
        return level.to_owned();
    }
    let others = if level == "error" || level == "off" {
        level
    } else {
        "warn"
    };
    // A target in a filter is a prefix: this one matches `pillarbox_app`, `pillarbox_queue` and all others of ours.
    format!("{others},pillarbox={level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_that_of_our_packages() {
        assert_eq!(directives("debug"), "warn,pillarbox=debug");
        assert_eq!(
            directives("warn,pillarbox_app=trace"),
            "warn,pillarbox_app=trace"
        );
    }
}
