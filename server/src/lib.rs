//! The binary `pillarbox`: settings, wiring, roles, and what a person types.
//!
//! [`settings`] says how an installation is set up and [`wiring`] puts the platform together from that; the stories and
//! the benchmarks use both, so that what they try is what runs. [`commands`] has a file for each command. The commands
//! that work on a running platform speak to it over HTTP, as any internal client does ([`client`]).

pub mod client;
pub mod commands;
pub mod data_dir;
mod doorway;
pub mod measures;
pub mod outside;
pub mod presence;
pub mod roles;
mod screen;
pub mod secrets;
pub mod settings;
pub mod signals;
pub mod telemetry;
pub mod wiring;
