//! What tells worker pools apart.

/// A set of workers for related task kinds, so that a flood of one kind delays no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name of the pool, which tasks carry.
    pub name: &'static str,
    /// Number of tasks that it runs at a time, besides those that only wait for another party
    /// ([`crate::TaskContext::set_waiting`]).
    pub workers: u32,
}
