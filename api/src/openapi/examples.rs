//! Values that examples share. Ids of the service and its templates are those of the test service for the official clients,
//! so that the examples can be sent as they are. Ids of notifications and jobs are placeholders.

use app::fixtures::ids;
use serde_json::{Value, json};

/// The id of a notification.
pub(super) const NOTIFICATION: &str = "740e5834-3a29-46b4-9a6f-16142fde533a";
/// The id of a job.
pub(super) const JOB: &str = "1d9f3a60-52c0-4ac6-8b6b-7a3c1e5d2f10";
/// A time.
pub(super) const MOMENT: &str = "2026-03-02T09:00:00.000000Z";
/// The URL that links in responses begin with.
pub(super) const ROOT: &str = "https://api.example.org/";
/// A signed token in a link.
pub(super) const LINK_TOKEN: &str = "dGhlIGxpbmsgdGhhdCB3ZSBtYWRl";

/// Returns the template of a response.
pub(super) fn template(id: impl std::fmt::Display) -> Value {
    json!({"id": id.to_string(), "uri": format!("{ROOT}v2/template/{id}/version/2"), "version": 2})
}

/// Returns the template of the response to an accepted message.
pub(super) fn accepted_template(id: impl std::fmt::Display) -> Value {
    let service = ids::CLIENTS_SERVICE;
    json!({"id": id.to_string(), "uri": format!("{ROOT}services/{service}/templates/{id}"), "version": 2})
}
