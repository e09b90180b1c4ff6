//! Runs code on foreign input in a child process, where a fault of that code ends the child and not the platform.
//!
//! A parser that meets a malicious file can overflow its stack, allocate all memory or loop for ever. None of these can be
//! caught in the process that they happen in. So the program starts itself again ([`run`]); the child takes everything
//! away from itself that reading does not need ([`confine`]), reads its standard input, and writes a bounded answer to its
//! standard output.
//!
//! The parent distinguishes two failures. [`RunError::Input`]: the child ended because of what it was given, so that it would
//! do so again. [`RunError::System`]: it could not be started or confined, or was ended from outside; trying again may help.

mod child;
mod confinement;
#[cfg(target_os = "linux")]
mod system_calls;

use std::time::Duration;

pub use child::{Program, RunError, run};
pub use confinement::{UNCONFINED_EXIT_CODE, confine};

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space, in bytes, beyond what the program has mapped when it starts.
    pub memory_bytes: u64,
    /// Size of the stack, in bytes.
    pub stack_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
    /// Time from start to the end of the answer. Longer than the processor time, because the machine may be busy.
    pub time: Duration,
    /// Size of the answer, in bytes.
    pub answer_bytes: usize,
}
