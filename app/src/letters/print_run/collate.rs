//! Collation: claims the letters of a run and enqueues their hand-over (`docs/spec/letters.md` §7.1).

use std::{collections::BTreeMap, time::Duration};

use domain::{NotificationId, NotificationStatus, Postage, Timestamp};
use queue::{TaskContext, TaskOutcome};
use store::{
    Tx,
    print_runs::{Volume, WaitingLetter},
};
use tracing::{error, info, warn};

use super::{
    hand_over::{self, HandOver},
    volumes,
};
use crate::{App, tasks};

/// How long one run of the task works before it makes room for others. What is left is found again.
const MAX_TIME: Duration = Duration::from_mins(1);

/// How a portion ended.
enum Portion {
    /// So many letters were claimed; others may be left.
    Claimed(u64),
    /// No letter was left.
    Finished,
    /// Letters wait, and no provider may have them.
    NoProvider,
}

/// Claims all letters that were created before the deadline, and enqueues their hand-over.
pub(crate) async fn collate(app: &App, task: &TaskContext, deadline: Timestamp) -> TaskOutcome {
    let started = app.clock.now();
    let mut letters = 0;
    loop {
        let now = app.clock.now();
        if !task.holds_lease(now) {
            return tasks::retry_periodic(tasks::COLLATE_LETTERS);
        }
        if task.is_stopping() || now.since(started) > MAX_TIME {
            return TaskOutcome::Snooze(now);
        }
        match claim_portion(app, deadline, letters, now).await {
            Ok(Portion::Claimed(count)) => letters += count,
            Ok(Portion::Finished) => {
                info!("print run of {deadline}: {letters} letters claimed, none is left");
                return TaskOutcome::Completed;
            }
            Ok(Portion::NoProvider) => {
                error!(
                    "letters wait for the print run of {deadline}, and no letter provider is active: activate one with \
                     `pillarbox provider activate`"
                );
                return tasks::retry_periodic(tasks::COLLATE_LETTERS);
            }
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot claim letters for the print run of {deadline}, will try again"
                );
                return tasks::retry_periodic(tasks::COLLATE_LETTERS);
            }
        }
    }
}

/// Claims some letters, and enqueues their hand-over in the same transaction. `claimed` is how many were claimed before.
async fn claim_portion(
    app: &App,
    deadline: Timestamp,
    claimed: u64,
    now: Timestamp,
) -> Result<Portion, store::Error> {
    let is_over = !store::print_runs::exist_waiting(&mut app.read().await?, deadline).await?;
    let provider = hand_over::choose(app).await?;
    let mut tx = app.write().await?;
    store::print_runs::begin(&mut tx, deadline, now).await?;
    if is_over {
        // A run that is repeated and finds nothing more has told the providers before.
        if claimed > 0 || !store::print_runs::has_finished(&mut tx, deadline).await? {
            volumes::enqueue(app, &mut tx, deadline, now).await?;
        }
        store::print_runs::finish(&mut tx, deadline, now).await?;
        app.commit_and_notify(tx, &[tasks::NOTIFY_INTERNAL]).await?;
        return Ok(Portion::Finished);
    }
    let Some(provider) = provider else {
        return Ok(Portion::NoProvider);
    };
    let waiting =
        store::print_runs::lock_waiting(&mut tx, deadline, app.settings.print_portion).await?;
    // What was cancelled, or has failed, since its pages were made.
    let (letters, gone): (Vec<WaitingLetter>, Vec<WaitingLetter>) = waiting
        .into_iter()
        .partition(|letter| letter.status == NotificationStatus::Created);
    store::print_runs::forget(&mut tx, &ids(&gone)).await?;
    let claimed = claim(&mut tx, &provider, deadline, letters).await?;
    let pools = hand_over::enqueue(app, &mut tx, &provider, deadline, &claimed).await?;
    app.commit_and_notify(tx, &pools).await?;
    Ok(Portion::Claimed(claimed.len() as u64))
}

/// Claims letters and counts them. The rows are locked, so that what was read holds until the commit.
async fn claim(
    tx: &mut Tx,
    provider: &HandOver<'_>,
    deadline: Timestamp,
    letters: Vec<WaitingLetter>,
) -> Result<Vec<WaitingLetter>, store::Error> {
    store::print_runs::claim(tx, deadline, &ids(&letters)).await?;
    let mut volumes: BTreeMap<Postage, Volume> = BTreeMap::new();
    for letter in &letters {
        let volume = volumes.entry(letter.postage).or_default();
        volume.letters += 1;
        volume.sheets += u64::from(letter.sheets);
    }
    store::print_runs::add_volumes(tx, deadline, provider.name(), &volumes).await?;
    Ok(letters)
}

fn ids(letters: &[WaitingLetter]) -> Vec<NotificationId> {
    letters.iter().map(|letter| letter.id).collect()
}
