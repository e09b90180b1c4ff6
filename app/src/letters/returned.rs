//! Records letters that the post has returned (`docs/spec/public-api.md` §23, `docs/spec/letters.md` §10). They are
//! reported by the printed reference, for all services at once.

use domain::{NotificationStatus, TaskId};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use store::{notifications::StatusUpdate, returned_letters::MatchedLetter};
use tracing::{info, warn};

use crate::{App, callbacks, tasks};

/// References in one task.
const REFERENCES_PER_TASK: usize = 5000;
/// References in one transaction: others wait while it is open.
const REFERENCES_PER_TRANSACTION: usize = 500;

/// Enqueues the recording of returned letters. It is durable when this returns.
pub async fn report(app: &App, references: &[String]) -> Result<(), store::Error> {
    let now = app.clock.now();
    let tasks: Vec<NewTask> = references
        .chunks(REFERENCES_PER_TASK)
        .map(|portion| {
            tasks::returned_letters(TaskId::generate(now, app.random()), portion.to_vec(), now)
        })
        .collect();
    let mut tx = app.write().await?;
    tx.enqueue(tasks).await?;
    app.commit_and_notify(tx, &[tasks::DATABASE]).await
}

/// Marks the letters with these references as returned, and records them for their services' reports.
pub(crate) async fn record(app: &App, task: &TaskContext, references: &[String]) -> TaskOutcome {
    for portion in references.chunks(REFERENCES_PER_TRANSACTION) {
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
    // Only a letter that was sent can come back.
    let (returned, never_sent): (Vec<MatchedLetter>, Vec<MatchedLetter>) =
        found.into_iter().partition(|letter| {
            letter.status == NotificationStatus::ReturnedLetter
                || letter
                    .status
                    .can_transition_to(NotificationStatus::ReturnedLetter)
        });
    let outcomes: Vec<StatusUpdate> = returned.iter().map(returned_update).collect();
    let mut tx = app.write().await?;
    let applied = callbacks::apply_updates(app, &mut tx, &outcomes, now).await?;
    let changed = applied.count;
    // A letter that is reported again is told of once (`docs/spec/letters.md` §10.2).
    let earlier = store::returned_letters::filter_recorded(&mut tx, &returned).await?;
    // A letter is in the report of one day however often it is reported: a report that a service has read does not change.
    let recorded =
        store::returned_letters::insert_many(&mut tx, &returned, now.utc_day().start()).await?;
    let new = returned
        .iter()
        .filter(|letter| !earlier.contains(&letter.id))
        .map(|letter| (letter.service_id, letter.id));
    let pools = callbacks::enqueue_returned_letters(app, &mut tx, new, now).await?;
    app.commit_and_notify(tx, &[applied.pools, pools].concat())
        .await?;
    info!(
        "{} references of returned letters: {} letters known, {changed} updated to returned-letter, \
         {recorded} recorded",
        references.len(),
        returned.len() + never_sent.len()
    );
    for letter in never_sent {
        warn!(
            notification.id = %letter.id, service.id = %letter.service_id,
            "letter {} was reported as returned, but is {}: nothing is changed", letter.id, letter.status
        );
    }
    Ok(())
}

fn returned_update(letter: &MatchedLetter) -> StatusUpdate {
    StatusUpdate::new(letter.id, NotificationStatus::ReturnedLetter)
}
