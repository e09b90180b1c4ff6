//! Periodic work (the schedule, retention, stuck notifications, partitions) and what monitors and operators read.

pub(crate) mod callback_notices;
pub(crate) mod letter_alarms;
pub(crate) mod letter_volumes;
pub mod queue_stats;
pub(crate) mod retention_cleanup;
pub mod schedule;
pub(crate) mod sender_checks;
pub mod status;
pub(crate) mod storage_audit;
pub(crate) mod stuck_notifications;
