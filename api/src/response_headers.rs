//! Headers that every response has, errors included (`docs/spec/public-api.md` §2.3).

use domain::RandomSource;
use http::{HeaderMap, HeaderName, HeaderValue};

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

/// The trace and span that a request names.
pub(crate) struct TraceIds {
    trace: Option<HeaderValue>,
    span: Option<HeaderValue>,
}

impl TraceIds {
    /// Reads the ids of a request.
    pub(crate) fn of(request: &HeaderMap) -> Self {
        let trace = ["x-b3-traceid", "x-amz-cf-id", "x-amzn-trace-id"];
        Self {
            trace: first_of(request, &trace),
            span: first_of(request, &["x-b3-spanid"]),
        }
    }
}

/// Adds the headers of a response. Ids that the request did not name are generated.
pub(crate) fn add(headers: &mut HeaderMap, ids: TraceIds, random: &dyn RandomSource) {
    headers.reserve(FIXED.len() + 2);
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    // 16 bytes for the trace and 8 for the span, the sizes of B3 propagation.
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    let trace = ids.trace.unwrap_or_else(|| hexadecimal("", &bytes[..16]));
    let span = ids
        .span
        .unwrap_or_else(|| hexadecimal("self-", &bytes[16..]));
    headers.insert("x-b3-traceid", trace);
    headers.insert("x-b3-spanid", span);
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
