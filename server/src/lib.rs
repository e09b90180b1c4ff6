//! Pillarbox, a notification platform: it accepts e-mails, text messages and letters from many services, stores each of
//! them durably, sends it through a provider, and processes the delivery receipt. This crate is the binary `pillarbox`,
//! and this page is the front page of the source's documentation.
//!
//! # The crates
//!
//! Dependencies point downwards only.
//!
//! | crate | contains |
//! | --- | --- |
//! | `pillarbox_server` | settings, wiring of adapters, roles of a process, commands, telemetry |
//! | [`pillarbox_api`](../pillarbox_api/index.html) | HTTP: the route table, authentication, requests, responses, errors |
//! | [`pillarbox_app`](../pillarbox_app/index.html) | use cases, task handlers and the schedule, in a folder for each stage |
//! | [`pillarbox_queue`](../pillarbox_queue/index.html) | how tasks wait, are claimed, retried and given up |
//! | [`pillarbox_store`](../pillarbox_store/index.html) | SQL for SQLite and PostgreSQL, encryption of personal data |
//! | [`pillarbox_providers`](../pillarbox_providers/index.html) | sending through other parties, one folder for each provider |
//! | [`pillarbox_files`](../pillarbox_files/index.html) | files in a directory or in memory, and the list of all their paths |
//! | [`pillarbox_typesetting`](../pillarbox_typesetting/index.html) | pages of letters: made as PDF, and checked where they are supplied |
//! | [`pillarbox_spreadsheets`](../pillarbox_spreadsheets/index.html) | CSV, XLSX, XLS and ODS, read row by row and checked |
//! | [`pillarbox_templates`](../pillarbox_templates/index.html) | placeholders, Markdown, text messages, e-mails, letters |
//! | [`pillarbox_recipients`](../pillarbox_recipients/index.html) | phone numbers, e-mail and postal addresses |
//! | [`pillarbox_domain`](../pillarbox_domain/index.html) | ids, statuses and their transitions, quotas, times |
//!
//! # Where to start
//!
//! `ARCHITECTURE.md` in the root of the source describes how a notification and a job are processed, what always holds,
//! and which file to open for which change. `docs/glossary.md` defines the terms, `docs/spec` holds the specification.
//!
//! # This crate
//!
//! [`settings`] defines how an installation is configured, and [`wiring`] builds the platform from the settings. The
//! stories and the benchmarks use both, so that they test what runs. [`commands`] has a file for each command; commands
//! that work on a running platform call it over HTTP like any internal client ([`client`]).

pub mod backup;
pub mod client;
pub mod commands;
pub mod data_dir;
mod doctor;
mod http_server;
pub mod liveness;
mod log_limit;
pub mod metrics;
mod monitoring;
mod permissions;
pub mod reload;
pub mod roles;
pub mod secrets;
pub mod settings;
pub mod signals;
pub mod system;
pub mod telemetry;
mod terminal;
pub mod wiring;
