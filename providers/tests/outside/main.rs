//! The adapters against small real servers, and the sink against a real directory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod clamd;
mod conformance;
mod file_service;
mod http_server;
mod http_sms;
mod messages;
mod refused_settings;
mod sink;
mod smtp;
mod smtp_server;
mod twilio;
