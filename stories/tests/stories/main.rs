//! Every promise, told as a story.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed")]

mod accept;
mod arrows;
mod authentication;
mod contract;
mod delivery;
mod guards;
mod jobs;
mod letter_delivery;
mod letters;
mod limits;
mod outages;
mod queue;
mod routes;
mod schema;
mod secrecy;
mod smtp;
mod spreadsheets;
mod tables;
mod templates;
