//! The schedule. The clock only enqueues tasks, in UTC; each task does everything that is due, whenever it runs.

use std::time::Duration;

use domain::Timestamp;
use queue::{Enqueue as _, TaskOutcome};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{App, tasks};

/// A task that the clock enqueues.
#[derive(Debug, Clone, Copy)]
struct ScheduleEntry {
    kind: &'static str,
    when: When,
}

/// When an entry is due, in UTC.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Every this many minutes, counted from midnight.
    Every(i64),
    /// Every day at this hour and minute. Nothing is due from 23:00 to 24:00, when the local date differs between
    /// summer and winter (`docs/spec/workers.md` §3).
    Daily(i64, i64),
}

impl When {
    /// Returns the last minute at or before `minute` at which the entry is due; both count from 1970.
    const fn last(self, minute: i64) -> i64 {
        const DAY: i64 = 24 * 60;
        match self {
            Self::Every(minutes) => minute - minute.rem_euclid(DAY).rem_euclid(minutes),
            Self::Daily(hour, past) => {
                let today = minute - minute.rem_euclid(DAY) + hour * 60 + past;
                if today <= minute { today } else { today - DAY }
            }
        }
    }
}

const fn every(minutes: i64, kind: &'static str) -> ScheduleEntry {
    ScheduleEntry {
        kind,
        when: When::Every(minutes),
    }
}

const fn daily(hour: i64, minute: i64, kind: &'static str) -> ScheduleEntry {
    ScheduleEntry {
        kind,
        when: When::Daily(hour, minute),
    }
}

/// The schedule (`docs/spec/workers.md` §3).
const SCHEDULE: &[ScheduleEntry] = &[
    // The reference looks every fifteen minutes; here a job starts in the minute it was scheduled for.
    every(1, tasks::RUN_SCHEDULED_JOBS),
    every(1, tasks::CHECK_JOB_STATUS),
    every(1, tasks::CHECK_FOR_RESPONSE_FILES),
    every(1, tasks::UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS),
    every(1, tasks::REDUCE_SLOW_PROVIDERS),
    every(1, tasks::GENERATE_SMS_DELIVERY_STATS),
    // Reading adds what waits to be moved, so nobody sees how often it is.
    every(1, tasks::FOLD_STATUS_CHANGES),
    every(5, tasks::TEND_PROVIDERS),
    every(10, tasks::CHECK_FOR_MISSING_ROWS),
    every(15, tasks::REPLAY_CREATED_NOTIFICATIONS),
    every(10, tasks::PROBE_PAUSED_CALLBACKS),
    // An expired file is refused at once; deleting its bytes is less urgent.
    every(10, tasks::REMOVE_EXPIRED_DOCUMENTS),
    every(15, tasks::REMOVE_IDEMPOTENCY_KEYS),
    every(60, tasks::REPORT_OVERDUE_JOBS),
    every(60, tasks::PREPARE_PARTITIONS),
    every(10, tasks::LETTERS_STILL_UNSCANNED),
    daily(7, 0, tasks::LETTERS_STILL_CREATED),
    daily(7, 0, tasks::LETTERS_IN_TECHNICAL_FAILURE),
    daily(8, 0, tasks::MISSING_SORTED_COUNTS),
    // They look whether it is the day of the month, so that a day without a clock is made up for.
    daily(9, 0, tasks::CHANGE_PRINT_API_KEY),
    daily(9, 0, tasks::CHANGE_PRINT_PASSWORD),
    daily(19, 0, tasks::LETTERS_STILL_SENDING),
    daily(20, 0, tasks::LETTERS_STILL_UNSCANNED_NIGHTLY),
    daily(22, 30, tasks::MISSING_ACKNOWLEDGEMENTS),
    daily(0, 5, tasks::TIMEOUT_SENDING),
    daily(0, 5, tasks::ARCHIVE_UNSUBSCRIBE_REQUESTS),
    daily(0, 30, tasks::NIGHTLY_STATUS_FACTS),
    daily(1, 40, tasks::DELETE_INBOUND_SMS),
    daily(3, 0, tasks::DELETE_OLD_NOTIFICATIONS),
    daily(4, 0, tasks::REMOVE_JOB_FILES),
    daily(4, 20, tasks::DELETE_CALLBACK_ATTEMPTS),
    // One of them is within the window of local time, in winter the second and in summer the first.
    daily(16, 50, tasks::CHECK_TIME_TO_COLLATE),
    daily(17, 50, tasks::CHECK_TIME_TO_COLLATE),
    // After the deletions of the night.
    daily(5, 10, tasks::AUDIT_STORAGE),
    daily(2, 30, tasks::REPLAY_CREATED_THIS_WEEK),
    // At weekends too, unlike the reference: abuse does not rest.
    daily(10, 30, tasks::CHECK_SENDERS),
];

/// How far back missed entries are looked for, in minutes. More than the interval of the rarest entry has no use.
const CATCH_UP_MINUTES: i64 = 24 * 60;

/// Enqueues what is due, minute by minute, until `stop`. What was due while no clock ran is enqueued once, at the
/// start.
pub async fn run(app: &App, stop: CancellationToken) {
    let mut fired = minute_of(app.clock.now()) - CATCH_UP_MINUTES;
    while !stop.is_cancelled() {
        let minute = minute_of(app.clock.now());
        // After the clock was put back, nothing would be enqueued until it is where it was. A second task for the
        // same minute has the same id and is not enqueued.
        fired = fired.min(minute);
        match fire_since(app, fired, minute).await {
            Ok(()) => fired = minute,
            Err(fault) => warn!(
                error = &fault as &dyn std::error::Error,
                "the clock cannot enqueue, will try again"
            ),
        }
        let next = start_of(minute + 1);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(next.since(app.clock.now()).max(Duration::from_millis(50))) => {}
        }
    }
}

/// Enqueues what is due in the minute that begins at `minute`.
pub async fn fire(app: &App, minute: Timestamp) -> Result<(), store::Error> {
    let minute = minute_of(minute);
    fire_since(app, minute - 1, minute).await
}

/// Enqueues, once each, what was due after the minute `after` up to `minute`.
async fn fire_since(app: &App, after: i64, minute: i64) -> Result<(), store::Error> {
    let tasks = due(after, minute)
        // The id is a function of kind and time, so a second clock enqueues nothing twice.
        .map(|(kind, at)| tasks::periodic(kind, start_of(at)))
        .collect();
    let mut tx = app.write().await?;
    tx.enqueue(tasks).await?;
    app.commit_and_notify(tx, &[tasks::PERIODIC]).await
}

/// Returns what is due after the minute `after` up to `minute`, each entry once, at its last time.
fn due(after: i64, minute: i64) -> impl Iterator<Item = (&'static str, i64)> {
    let last = move |entry: &ScheduleEntry| (entry.kind, entry.when.last(minute));
    SCHEDULE.iter().map(last).filter(move |(_, at)| *at > after)
}

const fn minute_of(now: Timestamp) -> i64 {
    now.unix_seconds().div_euclid(60)
}

const fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_unix_seconds(minute * 60)
}

/// Returns the moment at which the minute of `now` began.
pub fn start_of_minute(now: Timestamp) -> Timestamp {
    start_of(minute_of(now))
}

/// Creates the partitions of the days ahead, on a database that partitions by day.
pub(crate) async fn prepare_partitions(app: &App) -> TaskOutcome {
    if app.partitions.prepare().await {
        TaskOutcome::Completed
    } else {
        tasks::retry_periodic(tasks::PREPARE_PARTITIONS)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn minute(text: &str) -> i64 {
        minute_of(text.parse().unwrap())
    }

    #[test]
    fn the_last_due_time_is_not_in_the_future() {
        for (when, now, last) in [
            (
                When::Every(1),
                "2026-03-29T01:30:59Z",
                "2026-03-29T01:30:00Z",
            ),
            (
                When::Every(15),
                "2026-03-29T01:29:00Z",
                "2026-03-29T01:15:00Z",
            ),
            (
                When::Every(10),
                "2026-03-29T00:00:00Z",
                "2026-03-29T00:00:00Z",
            ),
            (
                When::Daily(0, 5),
                "2026-10-25T00:05:00Z",
                "2026-10-25T00:05:00Z",
            ),
            (
                When::Daily(0, 5),
                "2026-10-25T00:04:59Z",
                "2026-10-24T00:05:00Z",
            ),
            (
                When::Daily(2, 30),
                "2026-01-01T00:00:00Z",
                "2025-12-31T02:30:00Z",
            ),
        ] {
            assert_eq!(when.last(minute(now)), minute(last), "{when:?} at {now}");
        }
    }

    /// Returns how many entries each kind has.
    fn entries() -> BTreeMap<&'static str, i64> {
        let mut entries = BTreeMap::new();
        for entry in SCHEDULE {
            *entries.entry(entry.kind).or_default() += 1;
        }
        entries
    }

    /// Returns how often each kind is enqueued by a clock that wakes at each of these minutes.
    fn fired(mut after: i64, wakes: impl Iterator<Item = i64>) -> BTreeMap<&'static str, i64> {
        let mut fired = BTreeMap::new();
        for minute in wakes {
            for (kind, _) in due(after, minute) {
                *fired.entry(kind).or_default() += 1;
            }
            after = minute;
        }
        fired
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_a_day_like_any_other() {
        for day in ["2026-03-29", "2026-10-25", "2026-07-01"] {
            let start = minute(&format!("{day}T00:00:00Z"));
            let fired = fired(start - 1, start..start + 24 * 60);
            for entry in SCHEDULE {
                let times = match entry.when {
                    When::Every(minutes) => 24 * 60 / minutes,
                    When::Daily(..) => entries()[entry.kind],
                };
                assert_eq!(fired[entry.kind], times, "{} on {day}", entry.kind);
            }
        }
    }

    #[test]
    fn what_was_due_in_a_week_without_a_clock_is_fired_once() {
        let start = minute("2026-03-25T12:00:00Z");
        let back = start + 7 * 24 * 60;
        let fired = fired(start, [back, back + 1].into_iter());
        for entry in SCHEDULE {
            let each_minute = matches!(entry.when, When::Every(1));
            assert_eq!(
                fired[entry.kind],
                if each_minute {
                    2
                } else {
                    entries()[entry.kind]
                },
                "{}",
                entry.kind
            );
        }
    }

    #[test]
    fn no_daily_task_runs_between_23_00_and_24_00() {
        for entry in SCHEDULE {
            if let When::Daily(hour, _) = entry.when {
                assert_ne!(hour, 23, "{}", entry.kind);
            }
        }
    }
}
