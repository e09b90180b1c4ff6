//! What a person at a terminal is promised: the real program, started and spoken to as one does.

mod jobs;
mod platform;
mod refusals;
mod upkeep;
