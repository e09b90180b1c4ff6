//! Health, metrics and the API reference.

use super::{Docs::Full, Route, route};
use crate::{
    auth::Auth::Anyone,
    openapi::{self, operations as docs},
    status,
};

#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/", Anyone, status::status, Full(docs::status_at_root)),
        route!(GET "/_status", Anyone, status::status, Full(docs::status)),
        route!(POST "/_status", Anyone, status::status, Full(docs::status_by_post)),
        route!(GET "/_status/live-service-and-organisation-counts", Anyone, status::live_counts, Full(docs::live_counts))
            .for_operators(),
        route!(GET "/metrics", Anyone, status::metrics, Full(docs::metrics))
            .for_operators(),
        route!(GET "/v2/openapi.json", Anyone, openapi::get_openapi, Full(docs::get_openapi)),
        route!(GET "/docs", Anyone, openapi::show_docs, Full(docs::show_docs)),
    ]
}
