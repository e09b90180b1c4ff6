use crate::Timestamp;

/// Source of the current time. A process has one; tests use a clock that they move by hand.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current time in UTC, truncated to microseconds because that is the precision of both databases.
    ///
    /// Within a process it never goes back, so that limits, waits and caches may compare two of its values.
    fn now(&self) -> Timestamp;

    /// Returns what the clock of the machine shows, which may go back. For comparison with times that other machines
    /// state, such as the age of a token.
    fn machine_time(&self) -> Timestamp {
        self.now()
    }
}
