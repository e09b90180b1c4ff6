//! Tests of the command line: they run the real binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod crash_loops;
mod dev;
mod doctor;
mod foreign_directories;
mod foreign_files;
mod hostile_pdfs;
mod jobs;
mod large_bodies;
mod people;
mod platform;
mod refusals;
mod upkeep;
