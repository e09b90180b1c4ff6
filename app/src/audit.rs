//! What an auditor is: a task by the clock that looks for what should not be there, mends it on the ordinary path, and
//! counts it. Every count should stay 0; the metric is there from the first look, so that an alarm can be hung on it.

use std::time::Duration;

use queue::TaskOutcome;
use tracing::error;

/// What becomes of an audit: what it found is counted, and one that failed is done again.
pub(crate) fn audit_outcome(
    auditor: &'static str,
    found: Result<u64, store::Error>,
) -> TaskOutcome {
    let counter = metrics::counter!("pillarbox_audit_findings_total", "auditor" => auditor);
    match found {
        Ok(found) => {
            counter.increment(found);
            TaskOutcome::Completed
        }
        Err(fault) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "{auditor} failed, will try again; look at the database"
            );
            TaskOutcome::Retry(Duration::from_mins(1))
        }
    }
}
