//! Records letters that the post has returned (`docs/spec/public-api.md` §23, `docs/spec/letters.md` §10). They are
//! reported by the reference printed on them, for all services at once; an unknown reference is skipped.
//!
//! A letter becomes `returned-letter` only if it was sent. It is in the report of one day, however often it is reported
//! again: a report that a service has read does not change.

use domain::{NotificationStatus, TaskId};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use store::{notifications::StatusUpdate, returned_letters::MatchedLetter};
use tracing::{info, warn};

use crate::{App, tasks};

/// How many references share a task.
const PORTION: usize = 5000;
/// How many share a transaction: others wait while it is open.
const AT_ONCE: usize = 500;

/// Takes note of returned letters: what is to be done is durable when this returns.
pub async fn report(app: &App, references: &[String]) -> Result<(), store::Error> {
    let now = app.clock.now();
    let portions: Vec<NewTask> = references
        .chunks(PORTION)
        .map(|portion| {
            tasks::returned_letters(TaskId::generate(now, app.random()), portion.to_vec(), now)
        })
        .collect();
    let mut tx = app.write().await?;
    tx.enqueue(portions).await?;
    app.commit_and_notify(tx, &[tasks::DATABASE]).await
}

/// Marks and records the letters with these references.
pub(crate) async fn record(app: &App, task: &TaskContext, references: &[String]) -> TaskOutcome {
    for portion in references.chunks(AT_ONCE) {
        if !task.holds_lease(app.clock.now()) {
            return tasks::retry(task, app.random(), &"the lease was lost");
        }
        if let Err(fault) = try_record(app, portion).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot record returned letters, will try again"
            );
            return tasks::retry(task, app.random(), &fault);
        }
    }
    TaskOutcome::Completed
}

async fn try_record(app: &App, references: &[String]) -> Result<(), store::Error> {
    let now = app.clock.now();
    let found =
        store::returned_letters::list_by_reference(&mut app.read().await?, references).await?;
    let (came_back, never_left): (Vec<MatchedLetter>, Vec<MatchedLetter>) =
        found.into_iter().partition(|letter| {
            letter.status == NotificationStatus::ReturnedLetter
                || letter
                    .status
                    .can_transition_to(NotificationStatus::ReturnedLetter)
        });
    let outcomes: Vec<StatusUpdate> = came_back.iter().map(outcome).collect();
    let mut tx = app.write().await?;
    let changed = store::notifications::apply(&mut tx, &outcomes, now).await?;
    let recorded =
        store::returned_letters::insert_many(&mut tx, &came_back, now.utc_day().start()).await?;
    tx.commit().await?;
    info!(
        "{} references of returned letters: {} letters known, {changed} updated to returned-letter, \
         {recorded} recorded",
        references.len(),
        came_back.len() + never_left.len()
    );
    for letter in never_left {
        warn!(
            notification.id = %letter.id, service.id = %letter.service_id,
            "letter {} is said to be returned, but is {}: nothing is changed", letter.id, letter.status
        );
    }
    Ok(())
}

fn outcome(letter: &MatchedLetter) -> StatusUpdate {
    StatusUpdate {
        id: letter.id,
        status: NotificationStatus::ReturnedLetter,
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: None,
        problem: None,
    }
}
