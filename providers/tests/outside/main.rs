//! The adapters against small real servers, and the sink against a real directory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod aws_signature;
mod clamd;
mod conformance;
mod dvla;
mod file_drop;
mod file_service;
mod firetext;
mod http_server;
mod http_sms;
mod messages;
mod mmg;
mod outbound;
mod refused_settings;
mod s3;
mod ses;
mod sink;
mod sms_v2;
mod smtp;
mod smtp_login;
mod smtp_server;
mod twilio;
