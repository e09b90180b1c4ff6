//! Messages: how they are accepted, and how they are shown.

pub mod accept;
mod read;
mod simulated;

pub use read::{Shown, find, list};
