#[path = "stories/contract/mod.rs"]
mod contract;
