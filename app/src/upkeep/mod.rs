//! What runs by the clock: retention, stuck notifications, partitions; and what an operator looks at.

pub mod queue_stats;
pub(crate) mod retention_cleanup;
pub mod schedule;
pub mod status;
pub(crate) mod stuck_notifications;
