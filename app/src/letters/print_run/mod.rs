//! The nightly print run (`docs/spec/letters.md` §7).
//!
//! Letters wait until their deadline, half past five in local time. Then a run claims them, a portion at a time: one transaction
//! marks the letters of a portion as claimed and enqueues their hand-over. So a run may be repeated, may run twice at once, or
//! may be killed between portions, and each letter is handed over once; a letter that is cancelled at the same moment is either
//! cancelled or printed. What is created after the deadline, or whose pages are not made yet, waits for the next run.

mod collate;
mod hand_over;
mod start;
mod volumes;
mod zip_task;
mod zips;

pub(crate) use collate::collate;
pub(crate) use start::check_time;
pub use start::{RunState, StartRunError, list, start};
pub(crate) use zip_task::hand_over as hand_over_zip;
