//! Letters: their pages, which are files beside the rows.

mod pages;

pub use pages::{find_pages, keep_pages};
