//! The promises we keep, told as stories through the front door.
//!
//! The [`World`] owns what the outside would: the time, the randomness, the providers, the database. Nothing sleeps; a
//! story moves the clock and says when the workers work. The fakes remember what they were given and can be told to
//! misbehave. The same stories run on `SQLite` and, where `PILLARBOX_TEST_DATABASE` names a server, on PostgreSQL.

mod database;
mod outside;
mod providers;
mod service;
mod world;

pub use outside::{ManualClock, SeededEntropy};
pub use providers::{FakeEmail, FakeLetter, FakeScanner, FakeSms, Mood};
pub use service::{Council, Key};
pub use world::{Answer, INTERNAL_CLIENT, INTERNAL_SECRET, World};
