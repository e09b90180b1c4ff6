//! A limit for the log lines of libraries: one that complains about each piece of a bad file or a bad connection must not fill
//! the disk, or hide what matters.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{Event, Metadata, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// Lines of one library in [`WINDOW`].
const MAX_LINES: u32 = 100;

const WINDOW: Duration = Duration::from_mins(1);

/// Prefix of the targets of our own packages, which have no limit.
const OURS: &str = "pillarbox";

/// Passes a limited number of lines of each library; ours all pass.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    libraries: Mutex<HashMap<String, Lines>>,
}

#[derive(Debug)]
struct Lines {
    since: Instant,
    passed: u32,
}

impl LogLimit {
    fn admits(&self, target: &str, now: Instant) -> bool {
        if target.starts_with(OURS) {
            return true;
        }
        let library = target.split(':').next().unwrap_or_default();
        let mut libraries = self
            .libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lines = libraries.entry(library.to_owned()).or_insert(Lines {
            since: now,
            passed: 0,
        });
        if now.duration_since(lines.since) >= WINDOW {
            *lines = Lines {
                since: now,
                passed: 0,
            };
        }
        if lines.passed == MAX_LINES {
            // A line about it would have to pass the same filter.
            metrics::counter!("pillarbox_log_lines_left_out_total", "library" => library.to_owned())
                .increment(1);
            return false;
        }
        lines.passed += 1;
        true
    }
}

impl<S> Filter<S> for LogLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        // Lines that come through the `log` crate have its name as their target, and share one limit.
        self.admits(event.metadata().target(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_logs_much_is_cut_off_for_the_rest_of_the_minute() {
        let (limit, start) = (LogLimit::default(), Instant::now());
        let passed = |target: &str, now| (0..1000).filter(|_| limit.admits(target, now)).count();
        assert_eq!(passed("lopdf::reader", start), 100);
        assert_eq!(passed("lopdf::parser", start), 0, "it is the same library");
        assert_eq!(passed("sqlx::query", start), 100, "others are not affected");
        assert_eq!(passed("pillarbox_queue::runner", start), 1000);
        assert_eq!(passed("lopdf::reader", start + WINDOW), 100);
    }
}
