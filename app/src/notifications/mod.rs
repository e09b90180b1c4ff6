//! Messages: how they are accepted, and how they are shown.

pub mod accept;
mod read;
mod simulated;

pub use read::{Cost, NotificationView, find, list};
pub use store::notifications::Filter;
