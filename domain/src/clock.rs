use crate::Timestamp;

/// Source of the current time. A process has one; tests use a clock that they move by hand.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current time in UTC, truncated to microseconds because that is the precision of both databases.
    fn now(&self) -> Timestamp;
}
