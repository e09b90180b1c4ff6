use http::{HeaderMap, header};

use crate::Api;

/// Returns the URL that links in responses begin with: scheme, the request's host, and `/`
/// (`docs/spec/public-api.md` §2.3).
pub(crate) fn root_url(api: &Api, headers: &HeaderMap) -> String {
    let forwarded = headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https");
    // Any caller can send the header, so it counts only behind a proxy of ours.
    let scheme = if api.settings.trust_forwarded_proto && forwarded {
        "https"
    } else {
        "http"
    };
    // Not `X-Forwarded-Host`, which the contract ignores: with it a caller could choose where the links lead.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        // HTTP/1.0 requests may have no `Host`.
        .unwrap_or("localhost");
    format!("{scheme}://{host}/")
}
