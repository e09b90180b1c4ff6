//! Every promise, told as a story.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed")]

mod accept;
mod arrows;
mod attack;
mod auditors;
mod authentication;
mod bad_input;
mod bulk;
mod clock;
mod contract;
mod dead_workers;
mod delivery;
mod erasure;
mod erasure_halfway;
mod files;
mod guards;
mod idempotency;
mod internal;
mod job_files;
mod jobs;
mod json_schema;
mod letter_delivery;
mod letter_jobs;
mod letters;
mod limits;
mod openapi;
mod operators;
mod outages;
mod poison;
mod pressure;
mod priority;
mod queue;
mod receipts;
mod received_texts;
mod retention;
mod routes;
mod schema;
mod secrecy;
mod simulation;
mod smtp;
mod spreadsheets;
mod tables;
mod templates;
mod unsubscribing;
