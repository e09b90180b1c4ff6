//! The test library of the stories: a whole platform with fakes around it.
//!
//! The [`World`] owns what is outside the platform: time, randomness, providers, database and files. Nothing sleeps:
//! a story advances the clock and runs the workers. Fakes remember what they received and fail on request. The same
//! stories run on `SQLite` and, where `PILLARBOX_TEST_DATABASE` names a server, on PostgreSQL; with their files in a directory, or
//! in a bucket where `PILLARBOX_TEST_FILES` is `bucket`.

mod black_hole;
mod browser;
mod bucket;
mod client;
mod database;
mod deterministic;
mod file_service;
mod print_drop;
mod print_service;
mod print_shop;
mod providers;
mod receiver;
mod service;
mod shared_database;
mod sns;
mod world;

pub use black_hole::BlackHole;
pub use browser::{Browser, BrowserResponse};
pub use bucket::{files_in_bucket, s3_server};
pub use client::{
    FUNCTIONAL_TESTS_SECRET, INBOUND_PASSWORD, INTERNAL_CLIENT, INTERNAL_SECRET, MMG_USER,
    TestClient, TestResponse,
};
pub use database::EmptyDatabase;
pub use deterministic::{ManualClock, SeededRandom};
pub use file_service::FakeFileService;
pub use print_drop::FakeDrop;
pub use print_service::{FakePrintService, PrintJob};
pub use print_shop::{Fate, PrintShop, PrintedLetter};
pub use providers::{Behaviour, FakeEmail, FakeLetter, FakeScanner, FakeSms, Gate, PanicPoint};
pub use receiver::{Answer, FakeReceiver, ReceivedCallback};
pub use service::{Key, TestService};
pub use shared_database::SharedDatabase;
pub use sns::{FakeSns, SNS_TOPIC};
pub use world::World;
