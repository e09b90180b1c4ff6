//! Every promise, told as a story.

mod accept;
mod arrows;
mod authentication;
mod delivery;
mod jobs;
mod limits;
mod queue;
mod routes;
mod schema;
mod secrecy;
mod smtp;
mod spreadsheets;
