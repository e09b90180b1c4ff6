//! What a person at a terminal is promised: the real program, started and spoken to as one does.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod dev;
mod jobs;
mod people;
mod platform;
mod refusals;
mod upkeep;
