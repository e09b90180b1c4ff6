//! Alarms about letters (`docs/spec/letters.md` §14). Each is a scheduled task that counts what should not be there, sets a
//! gauge to it, and logs a line that says what to do. A check that finds nothing sets its gauge to 0.

use std::time::Duration;

use domain::{NotificationStatus, Timestamp};
use jiff::{ToSpan as _, civil::Date};
use providers::letter::file_drop::{DropError, name_without_ending};
use queue::TaskOutcome;
use store::letter_alarms;
use templates::letter_timings::{Calendar, deadline_of, from_london, to_london};
use tracing::{error, warn};

use super::stuck_notifications;
use crate::{App, audit, letters::has_pages, tasks};

/// A letter is scanned within minutes. Younger ones are still on their way.
const SCANNED_WITHIN: Duration = Duration::from_mins(10);
/// How far back the frequent look for unscanned letters goes.
const UNSCANNED_WINDOW: Duration = Duration::from_hours(2);
/// The same of the nightly look, whose letters are scanned again up to [`RESCAN_FOR`] after they were created.
const UNSCANNED_NIGHTLY: Duration = Duration::from_hours(5 * 24);
const RESCAN_FOR: Duration = Duration::from_hours(3 * 24);
/// How far back technical failures are counted.
const FAILURE_WINDOW: Duration = Duration::from_hours(3 * 24);
/// A response file is processed within minutes.
const PROCESSED_WITHIN: Duration = Duration::from_hours(1);
/// How far back response files without counts are looked for.
const COUNTS_WINDOW: Duration = Duration::from_hours(3 * 24);
/// A zip is acknowledged within an hour.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_hours(1);
/// How far back unacknowledged zips are looked for. A day more than the above, so that each zip is looked for once.
const ACKNOWLEDGED_WINDOW: Duration = Duration::from_hours(25);
/// How long operators can list response files.
const LISTED_FOR: Duration = Duration::from_hours(90 * 24);
/// Response files of one look.
const MAX_FILES: u32 = 10_000;

/// Alarms of letters that were to be printed yesterday and still wait. Letters of a weekend are reported on Monday.
pub(crate) async fn still_created(app: &App) -> TaskOutcome {
    let today = today(app);
    if today.weekday().to_monday_zero_offset() > 4 {
        return TaskOutcome::Completed;
    }
    let yesterday = today.yesterday().unwrap_or(today);
    let before = timestamp(deadline_of(yesterday));
    let found = count(
        app,
        NotificationStatus::Created,
        Timestamp::default(),
        before,
    )
    .await;
    conclude(tasks::LETTERS_STILL_CREATED, "still-created", found, |n| {
        error!(
            "Letters still in 'created' status: {n} letters were created before 17.30 yesterday and still have 'created' \
             status. See `pillarbox queue dead`, then start the print run again"
        );
    })
}

/// Alarms of letters that failed in the last three days.
pub(crate) async fn technical_failures(app: &App) -> TaskOutcome {
    let now = app.clock.now();
    let after = now.minus(FAILURE_WINDOW);
    let found = count(app, NotificationStatus::TechnicalFailure, after, now).await;
    conclude(
        tasks::LETTERS_IN_TECHNICAL_FAILURE,
        "technical-failure",
        found,
        |n| {
            error!(
                "Letters in 'technical-failure' status: {n} letters have 'technical-failure' status. The log says why: \
                 search it for their ids, and send them again once the cause is mended"
            );
        },
    )
}

/// Alarms of letters that a print provider has had for two of its working days without reporting on them.
pub(crate) async fn still_sending(app: &App) -> TaskOutcome {
    let (today, calendar) = (today(app), Calendar::Dvla);
    if !calendar.is_working_day(today) {
        return TaskOutcome::Completed;
    }
    let day = calendar.previous_working_day(calendar.previous_working_day(today));
    let next_day = day.saturating_add(1.day());
    let before = timestamp(from_london(next_day.at(0, 0, 0, 0)));
    let found =
        async { letter_alarms::count_sent_before(&mut app.read().await?, before).await }.await;
    conclude(tasks::LETTERS_STILL_SENDING, "still-sending", found, |n| {
        error!(
            "Letters still sending: There are {n} letters in the 'sending' state from {}. Ask the print provider for its \
             response files, or what became of them",
            day.strftime("%A %d %B")
        );
    })
}

/// Scans letters again that have waited for their scan for ten minutes to two hours.
pub(crate) async fn still_unscanned(app: &App) -> TaskOutcome {
    let now = app.clock.now();
    let between = (now.minus(UNSCANNED_WINDOW), now.minus(SCANNED_WITHIN));
    look_for_unscanned(app, tasks::LETTERS_STILL_UNSCANNED, between, between.0).await
}

/// Alarms every night of letters that have waited for their scan for up to five days; those of the last three are scanned
/// again.
pub(crate) async fn still_unscanned_nightly(app: &App) -> TaskOutcome {
    let now = app.clock.now();
    let between = (now.minus(UNSCANNED_NIGHTLY), now.minus(SCANNED_WITHIN));
    let rescanned_from = now.minus(RESCAN_FOR);
    look_for_unscanned(
        app,
        tasks::LETTERS_STILL_UNSCANNED_NIGHTLY,
        between,
        rescanned_from,
    )
    .await
}

async fn look_for_unscanned(
    app: &App,
    kind: &'static str,
    between: (Timestamp, Timestamp),
    rescanned_from: Timestamp,
) -> TaskOutcome {
    let found = try_look_for_unscanned(app, between, rescanned_from).await;
    conclude(kind, "still-unscanned", found, |n| {
        error!(
            "Letters still pending virus check: {n} letters cannot be scanned: their PDF is missing, or they have waited for \
             more than three days. Ask their services to send them again, and see whether the virus scanner runs"
        );
    })
}

/// Scans letters again, and returns how many could not be.
async fn try_look_for_unscanned(
    app: &App,
    (after, before): (Timestamp, Timestamp),
    rescanned_from: Timestamp,
) -> Result<u64, store::Error> {
    let waiting = stuck_notifications::list_unscanned(app, (after, before)).await?;
    let mut lost = 0;
    for (service, stuck) in waiting {
        let letter = stuck.id;
        let created = domain::generated_at(letter.as_uuid()).unwrap_or_default();
        if created < rescanned_from {
            lost += 1;
        } else if has_pages(app, service, letter).await {
            warn!(
                notification.id = %letter, service.id = %service,
                "letter {letter} still waits for its virus scan and is scanned again"
            );
            // Harmless if a scan is under way: it acts only on a letter that waits for one.
            stuck_notifications::enqueue_letter(app, service, stuck).await?;
        } else {
            warn!(
                notification.id = %letter, service.id = %service,
                "letter {letter} waits for its virus scan, and its PDF is missing"
            );
            lost += 1;
        }
    }
    Ok(lost)
}

/// Why acknowledgements cannot be looked for.
#[derive(Debug, thiserror::Error)]
enum AcknowledgementError {
    #[error(transparent)]
    Drop(#[from] DropError),
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Alarms of zips of the last day that their print provider has not acknowledged: it may not have them.
pub(crate) async fn missing_acknowledgements(app: &App) -> TaskOutcome {
    match list_unacknowledged(app).await {
        Ok(zips) => {
            let names = zips.join(", ");
            let alarm = "missing-acknowledgements";
            conclude(
                tasks::MISSING_ACKNOWLEDGEMENTS,
                alarm,
                Ok(zips.len() as u64),
                |_| {
                    error!(
                        "Letter acknowledge error: Letter ack file does not contain all zip files sent. Missing ack for zip \
                         files: [{names}]. Ask the print provider whether it has them: the letters of a zip that is lost are \
                         sent again by their services"
                    );
                },
            )
        }
        Err(fault) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "cannot look for acknowledgements of zips, will try again"
            );
            tasks::retry_periodic(tasks::MISSING_ACKNOWLEDGEMENTS)
        }
    }
}

async fn list_unacknowledged(app: &App) -> Result<Vec<String>, AcknowledgementError> {
    let now = app.clock.now();
    let between = (
        now.minus(ACKNOWLEDGED_WINDOW),
        now.minus(ACKNOWLEDGED_WITHIN),
    );
    let mut missing = Vec::new();
    for one in &app.providers.letter {
        let Some(drop) = one.provider.file_drop() else {
            continue;
        };
        let Some(acknowledged) = drop.list_acknowledged().await? else {
            continue;
        };
        let mut session = app.read().await?;
        let given =
            store::print_runs::list_given_files(&mut session, one.provider.name(), between).await?;
        let unknown = |zip: &String| !acknowledged.contains(&name_without_ending(zip));
        missing.extend(given.into_iter().filter(unknown));
    }
    Ok(missing)
}

/// Alarms of response files that were noticed and are not counted: bills cannot be compared with their days.
pub(crate) async fn missing_counts(app: &App) -> TaskOutcome {
    let found = list_uncounted(app).await;
    let names = found.as_ref().map(|names| names.join(", "));
    let names = names.unwrap_or_default();
    let found = found.map(|names| names.len() as u64);
    conclude(
        tasks::MISSING_SORTED_COUNTS,
        "missing-sorted-counts",
        found,
        |n| {
            error!(
                "Letters without sorted counts: {n} response files of the last three days are not counted: {names}. See \
             `pillarbox letters response-files`; ask the print provider for a correct file, then `pillarbox letters \
             count-again`"
            );
        },
    )
}

async fn list_uncounted(app: &App) -> Result<Vec<String>, store::Error> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    store::response_files::delete_before(&mut tx, now.minus(LISTED_FOR)).await?;
    tx.commit().await?;
    let since = now.minus(COUNTS_WINDOW);
    let files = store::response_files::list(&mut app.read().await?, since, MAX_FILES).await?;
    let is_late = |at: Timestamp| now.since(at) > PROCESSED_WITHIN;
    let uncounted = files.into_iter().filter(|file| {
        is_late(file.noticed_at) && (file.counts.at.is_none() || file.counts.problem.is_some())
    });
    Ok(uncounted.map(|file| file.file_name).collect())
}

async fn count(
    app: &App,
    status: NotificationStatus,
    after: Timestamp,
    before: Timestamp,
) -> Result<u64, store::Error> {
    letter_alarms::count(&mut app.read().await?, status, after, before).await
}

/// Sets the gauge of an alarm, and logs it if there is something to report.
fn conclude(
    kind: &'static str,
    alarm: &'static str,
    found: Result<u64, store::Error>,
    log: impl FnOnce(u64),
) -> TaskOutcome {
    match found {
        Ok(count) => {
            #[expect(clippy::cast_precision_loss, reason = "a gauge needs no more digits")]
            metrics::gauge!("pillarbox_letter_alarm", "alarm" => alarm).set(count as f64);
            if count > 0 {
                log(count);
            }
            TaskOutcome::Completed
        }
        Err(fault) => audit::audit_outcome(kind, Err(fault)),
    }
}

fn today(app: &App) -> Date {
    let now = jiff::Timestamp::from_microsecond(app.clock.now().unix_micros()).unwrap_or_default();
    to_london(now).date()
}

fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(at.as_microsecond())
}
