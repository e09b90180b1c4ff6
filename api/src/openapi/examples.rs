//! What the examples are about. The ids are those of the service that the official clients are tested with, so that the
//! examples can be sent as they stand; those of messages and jobs stand for the ones that sending answers.

use app::fixtures::ids;
use serde_json::{Value, json};

/// A message.
pub(super) const NOTIFICATION: &str = "740e5834-3a29-46b4-9a6f-16142fde533a";
/// A job.
pub(super) const JOB: &str = "1d9f3a60-52c0-4ac6-8b6b-7a3c1e5d2f10";
/// When things happened.
pub(super) const MOMENT: &str = "2026-03-02T09:00:00.000000Z";
/// Where the links of answers begin.
pub(super) const ROOT: &str = "https://api.example.org/";
/// A token in a link.
pub(super) const LINK_TOKEN: &str = "dGhlIGxpbmsgdGhhdCB3ZSBtYWRl";

/// The template of an answer.
pub(super) fn template(id: impl std::fmt::Display) -> Value {
    json!({"id": id.to_string(), "uri": format!("{ROOT}v2/template/{id}/version/2"), "version": 2})
}

/// The template of an answer to a message that was accepted.
pub(super) fn accepted_template(id: impl std::fmt::Display) -> Value {
    let service = ids::CLIENTS_SERVICE;
    json!({"id": id.to_string(), "uri": format!("{ROOT}services/{service}/templates/{id}"), "version": 2})
}
