//! Paths that look like one endpoint and are another (`docs/spec/public-api.md` §25).

use crate::{
    callers::ServiceKey,
    problem::{self, Problem},
};

/// `POST /v2/notifications/<other>`, such as `/fax`: there is no such channel.
pub(crate) async fn send_otherwise(_: ServiceKey) -> Problem {
    problem::no_such_path().await
}

/// `GET /v2/notifications/sms` and its siblings: the path of a message whose id is no id.
pub(crate) async fn get_on_sending_path(_: ServiceKey) -> Problem {
    super::not_an_id("notification_id")
}
