//! Notifications as they are read: one, or a page of them, with their content.

pub mod attempts;
mod read;

pub use read::{Cost, NotificationView, find, list};
pub use store::{attempts::Attempt, notifications::Filter};
