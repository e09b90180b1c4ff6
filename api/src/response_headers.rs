//! Headers that every response has, errors included (`docs/spec/public-api.md` §2.3).

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Api;

const FIXED: [(HeaderName, HeaderValue); 8] = [
    (
        HeaderName::from_static("access-control-allow-origin"),
        HeaderValue::from_static("*"),
    ),
    (
        HeaderName::from_static("access-control-allow-headers"),
        HeaderValue::from_static("Content-Type,Authorization"),
    ),
    (
        HeaderName::from_static("access-control-allow-methods"),
        HeaderValue::from_static("GET,PUT,POST,DELETE"),
    ),
    (
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    ),
    (
        HeaderName::from_static("x-frame-options"),
        HeaderValue::from_static("SAMEORIGIN"),
    ),
    (
        HeaderName::from_static("x-permitted-cross-domain-policies"),
        HeaderValue::from_static("none"),
    ),
    (
        HeaderName::from_static("strict-transport-security"),
        HeaderValue::from_static("max-age=31536000; includeSubDomains; preload"),
    ),
    (
        HeaderName::from_static("cache-control"),
        HeaderValue::from_static("no-store, no-cache, private, must-revalidate"),
    ),
];

/// Adds the headers. Trace ids are copied from the request, or generated if it has none.
pub(crate) async fn add(State(api): State<Api>, request: Request, next: Next) -> Response {
    let trace = first_of(
        request.headers(),
        &["x-b3-traceid", "x-amz-cf-id", "x-amzn-trace-id"],
    );
    let span = first_of(request.headers(), &["x-b3-spanid"]);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    let mut random = [0; 24];
    api.app.random().fill(&mut random);
    let trace = trace.unwrap_or_else(|| hexadecimal("", &random[..16]));
    let span = span.unwrap_or_else(|| hexadecimal("self-", &random[16..]));
    headers.insert("x-b3-traceid", trace);
    headers.insert("x-b3-spanid", span);
    response
}

/// Returns the first of these headers that is not empty.
fn first_of(headers: &HeaderMap, names: &[&str]) -> Option<HeaderValue> {
    let mut values = names.iter().filter_map(|name| headers.get(*name));
    values.find(|value| !value.is_empty()).cloned()
}

fn hexadecimal(before: &str, bytes: &[u8]) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = before.as_bytes().to_vec();
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    HeaderValue::from_bytes(&text).expect("digits are a header value")
}
