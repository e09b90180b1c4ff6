use crate::Timestamp;

/// Tells the time. The process has one; tests own another that they move themselves.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment in UTC, cut to microseconds (what both databases keep).
    fn now(&self) -> Timestamp;
}
