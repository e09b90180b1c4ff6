//! Starting a print run, by the clock or by an operator, and what became of the last ones.

use std::collections::BTreeMap;

use domain::{NotificationStatus, Postage, Timestamp};
use jiff::civil::Time;
use queue::{Enqueue as _, TaskOutcome};
use store::print_runs::{PrintRun, Volume};
use templates::letter_timings::{last_deadline, to_london};
use tracing::{info, warn};

use crate::{App, compose::to_jiff, tasks};

/// The local times between which the clock starts the run of the day. The clock fires at two times in UTC, one of which is in
/// the window in winter and the other in summer.
const WINDOW: (Time, Time) = (Time::constant(17, 50, 0, 0), Time::constant(18, 50, 0, 0));

/// Why a print run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartRunError {
    /// The deadline has not passed.
    #[error(
        "the deadline {0} has not passed: letters that are created before it would be left out"
    )]
    Future(Timestamp),
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Enqueues the run of letters that were created before this deadline, or the last one that has passed. Returns the deadline.
/// Nothing happens if that run is in the queue already; one that is over is repeated, and takes what it did not take before.
pub async fn start(app: &App, deadline: Option<Timestamp>) -> Result<Timestamp, StartRunError> {
    let now = app.clock.now();
    let deadline = deadline.unwrap_or_else(|| last_deadline_before(now));
    if deadline > now {
        return Err(StartRunError::Future(deadline));
    }
    enqueue(app, deadline, now).await?;
    Ok(deadline)
}

async fn enqueue(app: &App, deadline: Timestamp, now: Timestamp) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    tx.enqueue(vec![tasks::collate_letters(deadline, now)])
        .await?;
    app.commit_and_notify(tx, &[tasks::PERIODIC]).await
}

/// Starts the run of the day within its window of local time, and outside of it only a run that no process was there to start
/// (`docs/spec/letters.md` §7.1).
pub(crate) async fn check_time(app: &App) -> TaskOutcome {
    match try_check_time(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot start the print run, will try again"
            );
            tasks::retry_periodic(tasks::CHECK_TIME_TO_COLLATE)
        }
    }
}

async fn try_check_time(app: &App) -> Result<(), store::Error> {
    let now = app.clock.now();
    let deadline = last_deadline_before(now);
    let time = to_london(to_jiff(now)).time();
    if (WINDOW.0..WINDOW.1).contains(&time) {
        return enqueue(app, deadline, now).await;
    }
    let mut session = app.read().await?;
    let was_missed = !store::print_runs::has_begun(&mut session, deadline).await?
        && store::print_runs::exist_waiting(&mut session, deadline).await?;
    drop(session);
    if was_missed {
        warn!("no process has started the print run of {deadline}: it starts now");
        return enqueue(app, deadline, now).await;
    }
    info!("Ignoring collate_letter_pdfs_to_be_sent task outside of expected celery task window");
    Ok(())
}

fn last_deadline_before(now: Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(last_deadline(to_jiff(now)).as_microsecond())
}

/// What became of a run.
#[derive(Debug)]
pub struct RunState {
    /// The run.
    pub run: PrintRun,
    /// What it has claimed for each provider, by class of postage.
    pub volumes: BTreeMap<String, BTreeMap<Postage, Volume>>,
    /// How many of its letters are in each status, of those that retention has not removed. Those that are `created` are
    /// claimed and not handed over yet.
    pub statuses: BTreeMap<NotificationStatus, u64>,
}

/// Lists the last runs, newest first.
pub async fn list(app: &App, count: u32) -> Result<Vec<RunState>, store::Error> {
    let mut session = app.read().await?;
    let mut states = Vec::new();
    for run in store::print_runs::list(&mut session, count).await? {
        states.push(RunState {
            volumes: store::print_runs::volumes(&mut session, run.deadline).await?,
            statuses: store::print_runs::count_by_status(&mut session, run.deadline).await?,
            run,
        });
    }
    Ok(states)
}
