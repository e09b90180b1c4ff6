//! Health, metrics and the API reference.

use super::{Docs::Full, Route, get, post};
use crate::{
    auth::Auth::Anyone,
    openapi::{self, operations as docs},
    status,
};

#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/", Anyone, status::status, Full(docs::status_at_root)),
        get("/_status", Anyone, status::status, Full(docs::status)),
        post("/_status", Anyone, status::status, Full(docs::status_by_post)),
        get("/_status/live-service-and-organisation-counts", Anyone, status::live_counts, Full(docs::live_counts)),
        get("/metrics", Anyone, status::metrics, Full(docs::metrics)),
        get("/v2/openapi.json", Anyone, openapi::get_openapi, Full(docs::get_openapi)),
        get("/docs", Anyone, openapi::show_docs, Full(docs::show_docs)),
    ]
}
