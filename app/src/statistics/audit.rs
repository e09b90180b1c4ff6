//! Compares the facts of the last days with the rows (`docs/spec/workers.md` §15.2). The reference makes its facts in this way;
//! here they exist already, and a difference is a fault of the program, which is corrected and counted.

use domain::Channel;
use jiff::ToSpan as _;
use queue::{TaskContext, TaskOutcome};
use store::status_facts;
use tracing::warn;

use super::Days;
use crate::{App, audit, local_days, tasks};

/// Days before today that are compared: e-mails and texts have their last status by then.
const DAYS: i64 = 4;
/// Those of letters, which are reported late.
const LETTER_DAYS: i64 = 10;

/// Compares each of the last days, and corrects it.
pub(crate) async fn audit(app: &App, task: &TaskContext) -> TaskOutcome {
    audit::audit_outcome(tasks::NIGHTLY_STATUS_FACTS, correct(app, task).await)
}

async fn correct(app: &App, task: &TaskContext) -> Result<u64, store::Error> {
    let today = local_days::day_of(app, app.clock.now());
    let mut found = 0;
    for back in 1..=LETTER_DAYS {
        if task.is_stopping() {
            break;
        }
        let channels = if back > DAYS {
            &[Channel::Letter][..]
        } else {
            Channel::ALL
        };
        let day = today.saturating_sub(back.days());
        let range = Days::one(day).range(app);
        let wrong = status_facts::compare_day(&mut app.read().await?, &range, channels).await?;
        if !wrong.is_empty() {
            found += wrong.len() as u64;
            warn!(
                "{} figures of {day} were wrong and are corrected",
                wrong.len()
            );
        }
        let mut tx = app.write().await?;
        // By the difference, so that what is counted meanwhile stays counted.
        for (key, missing) in wrong {
            status_facts::add(&mut tx, range.first, &key, missing).await?;
        }
        status_facts::delete_empty(&mut tx, &range).await?;
        tx.commit().await?;
    }
    Ok(found)
}
