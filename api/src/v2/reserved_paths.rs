//! Paths that look like one endpoint and are another (`docs/spec/public-api.md` §25).

use crate::problem::{self, Problem};

/// `POST /v2/notifications/<other>`, such as `/fax`: the channel is unknown.
pub(crate) async fn unknown_channel() -> Problem {
    problem::unknown_route()
}

/// `GET /v2/notifications/sms` and its siblings: the path of a notification whose id is invalid.
pub(crate) async fn get_send_path() -> Problem {
    super::invalid_id("notification_id")
}
