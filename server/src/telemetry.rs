//! Logging to standard error, as text or JSON.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::IsTerminal as _,
    panic::{self, PanicHookInfo},
};

use anyhow::Context as _;
use tracing::error;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    log_limit::LogLimit,
    settings::{Log, LogFormat},
};

/// Installs the log subscriber and a panic hook. Does nothing if the process already has a subscriber.
pub fn start(log: &Log) -> anyhow::Result<()> {
    // Not `EnvFilter`: filtering by span fields would bring a regular expression engine into every build.
    let filter = directives(&log.level).parse::<Targets>().with_context(|| {
        format!(
            "the setting log.level is `{}`: use error, warn, info, debug, trace, or a filter such as warn,pillarbox_app=debug",
            log.level
        )
    })?
    // The client of the intake log's broker logs frames and messages, with the password among them.
    .with_target("lapin", LevelFilter::OFF);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match log.format {
        LogFormat::Text => registry
            .with(lines.with_filter(LogLimit::default()))
            .try_init(),
        LogFormat::Json => registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_filter(LogLimit::default()),
            )
            .try_init(),
    };
    if installed.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Logs where the program panicked, without the panic message, which may quote personal data.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map_or_else(
        || "an unknown location".to_owned(),
        |at| format!("{}:{}", at.file(), at.line()),
    );
    let backtrace = Backtrace::capture();
    let trace = match backtrace.status() {
        BacktraceStatus::Captured => backtrace.to_string(),
        _ => "set RUST_BACKTRACE=1 for a backtrace".to_owned(),
    };
    error!("panic at {location}: this is a bug, please report it. {trace}");
}

/// Returns the filter for `log.level`: a plain level applies to our own packages, other crates stay at `warn`.
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
    fn a_plain_level_applies_to_our_packages() {
        assert_eq!(directives("debug"), "warn,pillarbox=debug");
        assert_eq!(
            directives("warn,pillarbox_app=trace"),
            "warn,pillarbox_app=trace"
        );
    }
}
