//! The promises we keep, told as stories through the front door.
//!
//! The [`World`] owns what the outside would: the time, the randomness, the providers, the database. Nothing sleeps; a
//! story moves the clock and says when the workers work. The fakes remember what they were given and can be told to
//! misbehave. The same stories run on `SQLite` and, where `PILLARBOX_TEST_DATABASE` names a server, on PostgreSQL.

mod database;
mod file_outside;
mod ground;
mod outside;
mod providers;
mod recipient;
mod service;
mod world;

pub use file_outside::FakeFileService;
pub use ground::Ground;
pub use outside::{ManualClock, SeededEntropy};
pub use providers::{Failing, FakeEmail, FakeLetter, FakeScanner, FakeSms, Gate, Mood};
pub use recipient::{Page, Recipient};
pub use service::{Council, Key};
pub use world::{
    Answer, BRINGER_PASSWORD, Door, INTERNAL_CLIENT, INTERNAL_SECRET, MMG_USER, World,
};
