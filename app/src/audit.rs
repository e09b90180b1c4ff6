//! Audits: tasks by the clock that search for what should not exist, repair it on the ordinary path, and count it.

use queue::TaskOutcome;
use tracing::error;

use crate::tasks;

/// Counts what an audit found in `pillarbox_audit_findings_total` and returns the outcome of its task. `kind` is the
/// kind of the task; without its version it names the auditor.
pub(crate) fn audit_outcome(kind: &'static str, found: Result<u64, store::Error>) -> TaskOutcome {
    let auditor = kind.trim_end_matches(".v1");
    // Registered on the first run even if nothing is found, so that an alarm can refer to the metric: it should stay 0.
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
            tasks::retry_periodic(kind)
        }
    }
}
