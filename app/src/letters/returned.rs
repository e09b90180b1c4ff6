//! Records letters that the post has returned (`docs/spec/public-api.md` §23, `docs/spec/letters.md` §10). They are
//! reported by the printed reference, for all services at once.

use std::collections::BTreeSet;

use domain::{NotificationStatus, TaskId};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use store::{
    notifications::FinalStatus,
    printed_letters::{self, PrintedLetter},
    returned_letters,
};
use tracing::{info, warn};

use crate::{App, callbacks, tasks};

const RETURNED: NotificationStatus = NotificationStatus::ReturnedLetter;
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
    let mut total = Returned::default();
    for portion in references.chunks(REFERENCES_PER_TRANSACTION) {
        if !task.holds_lease(app.clock.now()) {
            return tasks::retry(task, app.random(), &"the lease was lost");
        }
        match try_record(app, portion).await {
            Ok(returned) => total.add(returned),
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot record returned letters, will try again"
                );
                return tasks::retry(task, app.random(), &fault);
            }
        }
    }
    total.log(references.len());
    TaskOutcome::Completed
}

/// What came of a list of references.
#[derive(Default)]
struct Returned {
    /// Letters that are returned now, or were before.
    stored: usize,
    /// The same, of those that are archived.
    archived: usize,
    /// References that no letter has.
    unknown: Vec<String>,
}

impl Returned {
    fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.archived += other.archived;
        self.unknown.extend(other.unknown);
    }

    /// Logs how many letters were updated, in the words of `docs/spec/letters.md` §10.2.
    fn log(&self, references: usize) {
        let Self {
            stored,
            archived,
            unknown,
        } = self;
        info!(
            "Updated {stored} letter notifications ({archived} history notifications, from {references} references) to \
             returned-letter"
        );
        if !unknown.is_empty() {
            warn!(
                "no letter has {} of {references} references of returned letters, ask who reported them: {}",
                unknown.len(),
                unknown.join(", ")
            );
        }
    }
}

async fn try_record(app: &App, references: &[String]) -> Result<Returned, store::Error> {
    let now = app.clock.now();
    let known: Vec<&str> = references.iter().map(String::as_str).collect();
    let mut tx = app.write().await?;
    // Most letters come back after they were archived, so both tables matter.
    let found = printed_letters::lock_by_reference(&mut tx, &known).await?;
    // Only a letter that was sent can come back.
    let (returned, never_sent): (Vec<&PrintedLetter>, Vec<&PrintedLetter>) =
        found.iter().partition(|letter| can_have_returned(letter));
    let new: Vec<&PrintedLetter> = returned
        .iter()
        .copied()
        .filter(|letter| letter.status != RETURNED)
        .collect();
    let from = NotificationStatus::sources_of(RETURNED);
    printed_letters::set_status(&mut tx, &new, RETURNED, from, None, now).await?;
    let finals: Vec<FinalStatus> = new
        .iter()
        .map(|letter| letter.final_status(RETURNED, now))
        .collect();
    let status_pools = callbacks::enqueue_finals(app, &mut tx, &finals, now).await?;
    // A letter is in the report of one day however often it is reported: a report that a service has read does not change.
    let lines: Vec<_> = returned
        .iter()
        .map(|letter| (letter.id, letter.service_id))
        .collect();
    let recorded = returned_letters::insert_many(&mut tx, &lines, now.utc_day().start()).await?;
    // A letter that is reported again is told of once (`docs/spec/letters.md` §10.2).
    let told = recorded.iter().map(|(letter, service)| (*service, *letter));
    let pools = callbacks::enqueue_returned_letters(app, &mut tx, told, now).await?;
    app.commit_and_notify(tx, &[status_pools, pools].concat())
        .await?;
    for letter in never_sent {
        warn!(
            notification.id = %letter.id, service.id = %letter.service_id,
            "letter {} was reported as returned, but is {}: nothing is changed", letter.id, letter.status
        );
    }
    Ok(summary(references, &found, &returned))
}

fn can_have_returned(letter: &PrintedLetter) -> bool {
    letter.status == RETURNED || letter.status.can_transition_to(RETURNED)
}

/// Counts the letters, and logs the references that no letter has.
fn summary(
    references: &[String],
    found: &[PrintedLetter],
    returned: &[&PrintedLetter],
) -> Returned {
    let known: BTreeSet<&str> = found.iter().map(|one| one.reference.as_str()).collect();
    let unknown = references
        .iter()
        .filter(|one| !known.contains(one.as_str()));
    let unknown: Vec<String> = unknown.cloned().collect();
    for reference in &unknown {
        warn!(
            "Notification with reference {reference} not found in notifications or notifications history"
        );
    }
    let archived = returned.iter().filter(|letter| letter.is_archived).count();
    Returned {
        stored: returned.len() - archived,
        archived,
        unknown,
    }
}
