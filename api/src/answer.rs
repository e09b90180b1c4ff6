//! Reading bodies and writing answers (`docs/spec/public-api.md` §2.3, §5.1).

use std::{
    borrow::Cow,
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Map, Value};
use text::keep_numbers;

use crate::{Api, problem::Problem};

/// The largest JSON body: files travel inside, as base64.
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;
/// The largest body that a provider may send us (`docs/spec/public-api.md` §2.5).
const MAX_FORM_BYTES: usize = 500_000;
/// How much of all bodies together may be in memory while they are read.
const MAX_BYTES_IN_HAND: usize = 512 << 20;

/// A JSON answer: ASCII only, keys in alphabetical order, no spaces, a newline at the end.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut value = serde_json::to_value(body).expect("our answers are writable as JSON");
    value.sort_all_objects();
    raw_json(status, &value)
}

/// A JSON answer whose keys are in order already.
pub(crate) fn raw_json(status: StatusCode, body: &impl Serialize) -> Response {
    json_bytes(status, written(body))
}

/// How such an answer is written.
pub(crate) fn written(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, AsciiOnly);
    body.serialize(&mut writer)
        .expect("our answers are writable as JSON");
    bytes.push(b'\n');
    bytes
}

/// An answer that is written already.
pub(crate) fn json_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    (
        status,
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        bytes,
    )
        .into_response()
}

struct AsciiOnly;

impl serde_json::ser::Formatter for AsciiOnly {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> std::io::Result<()> {
        if text.is_ascii() {
            return writer.write_all(text.as_bytes());
        }
        for character in text.chars() {
            if character.is_ascii() {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a form, or what is as small as one.
pub(crate) async fn read_form(body: Body) -> Result<InHand, Problem> {
    read_body_of(body, MAX_FORM_BYTES).await
}

/// Reads a body whole, up to the limit; refuses it while the bodies that others are sending fill the memory set aside
/// for them.
pub(crate) async fn read_body(body: Body) -> Result<InHand, Problem> {
    read_body_of(body, MAX_BODY_BYTES).await
}

/// The same up to another limit.
pub(crate) async fn read_body_of(body: Body, max_bytes: usize) -> Result<InHand, Problem> {
    IN_HAND.read(body, max_bytes).await
}

/// The bodies of this process that are being read.
static IN_HAND: Budget = Budget::new(MAX_BYTES_IN_HAND);

/// Memory for bodies: many slow ones must not fill the machine's.
struct Budget {
    limit: usize,
    taken: AtomicUsize,
}

/// A body that was read, counted until it is dropped.
pub(crate) struct InHand {
    bytes: Bytes,
    _share: Share,
}

/// What one body takes of the budget.
struct Share {
    budget: &'static Budget,
    bytes: usize,
}

impl Budget {
    const fn new(limit: usize) -> Self {
        Self {
            limit,
            taken: AtomicUsize::new(0),
        }
    }

    async fn read(&'static self, mut body: Body, limit: usize) -> Result<InHand, Problem> {
        let mut share = Share {
            budget: self,
            bytes: 0,
        };
        // What comes in one piece is taken as it is; more pieces are put together as they come, so that a body is not
        // in memory twice.
        let (mut only, mut whole) = (None::<Bytes>, BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Problem::invalid_json())?.into_data() else {
                continue;
            };
            if share.bytes + piece.len() > limit {
                return Err(Problem::too_large());
            }
            if !share.grow(piece.len()) {
                return Err(Problem::too_many_bodies());
            }
            if only.is_none() && whole.is_empty() {
                only = Some(piece);
                continue;
            }
            if let Some(first) = only.take() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&piece);
        }
        let bytes = only.unwrap_or_else(|| whole.freeze());
        Ok(InHand {
            bytes,
            _share: share,
        })
    }
}

impl Share {
    /// Takes more; false if there is none.
    fn grow(&mut self, by: usize) -> bool {
        let before = self.budget.taken.fetch_add(by, Ordering::Relaxed);
        self.bytes += by;
        before + by <= self.budget.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Default for InHand {
    /// An empty one.
    fn default() -> Self {
        let share = Share {
            budget: &IN_HAND,
            bytes: 0,
        };
        Self {
            bytes: Bytes::new(),
            _share: share,
        }
    }
}

impl Deref for InHand {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// JSON without its NULs, which no database of ours keeps in a text (`docs/spec/public-api.md` §25). As such they
/// cannot stand in a JSON text: what is dropped is their escape.
pub(crate) fn without_nul(json: &[u8]) -> Cow<'_, [u8]> {
    const NUL: &[u8] = b"\\u0000";
    if memchr::memmem::find(json, NUL).is_none() {
        return json.into();
    }
    let (mut kept, mut rest) = (Vec::with_capacity(json.len()), json);
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        kept.extend_from_slice(&rest[..backslash]);
        let escape = &rest[backslash..];
        rest = if let Some(after) = escape.strip_prefix(NUL) {
            after
        } else {
            // An escaped backslash is taken whole: it begins nothing.
            let (escape, after) = escape.split_at(escape.len().min(2));
            kept.extend_from_slice(escape);
            after
        };
    }
    kept.extend_from_slice(rest);
    kept.into()
}

/// A v2 body (`docs/spec/public-api.md` §5.1): JSON whatever its type; what is empty in any way counts as an empty
/// object.
pub(crate) fn parse_v2(body: &[u8]) -> Result<Value, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let without_nul = without_nul(body);
    let body = keep_numbers(&without_nul).map_err(|_| Problem::invalid_json())?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| Problem::invalid_json())?;
    Ok(if is_empty(&value) {
        Value::Object(Map::new())
    } else {
        value
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}

/// The URL that links begin with: scheme, the request's host, and `/` (`docs/spec/public-api.md` §2.3).
pub(crate) fn url_root(api: &Api, headers: &HeaderMap) -> String {
    let forwarded = headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https");
    let scheme = if api.settings.trust_forwarded_proto && forwarded {
        "https"
    } else {
        "http"
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    format!("{scheme}://{host}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_ascii_sorted_and_end_in_a_newline() {
        let response = json(
            StatusCode::OK,
            &serde_json::json!({"b": "Zoë 🥴", "a": null}),
        );
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            &bytes[..],
            b"{\"a\":null,\"b\":\"Zo\\u00eb \\ud83e\\udd74\"}\n"
        );
    }

    #[tokio::test]
    async fn bodies_share_a_budget_and_give_it_back() {
        static BUDGET: Budget = Budget::new(100);
        let read = async |length: usize, limit| {
            let body = Body::from("x".repeat(length));
            BUDGET
                .read(body, limit)
                .await
                .map(|body| (body.len(), body))
        };
        let status = |outcome: Result<_, Problem>| outcome.err().unwrap().into_response().status();
        let first = read(60, 100)
            .await
            .unwrap_or_else(|_| panic!("there is room"));
        assert_eq!(first.0, 60);
        assert_eq!(status(read(50, 100).await), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(read(30, 20).await), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(
            read(40, 100).await.is_ok(),
            "what was refused holds nothing"
        );
        drop(first);
        assert!(read(100, 100).await.is_ok());
        assert_eq!(BUDGET.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_escape_of_nul_is_dropped_and_nothing_that_looks_like_it() {
        for (json, kept) in [
            (r#"{"a\u0000":"\u0000b\u0000\u0000"}"#, r#"{"a":"b"}"#),
            (r#"["\\u0000"]"#, r#"["\\u0000"]"#),
            (r#"["\\\u0000\"\n"]"#, r#"["\\\"\n"]"#),
            (r#"["\u00000"]"#, r#"["0"]"#),
            (r"\u0000\", r"\"),
        ] {
            assert_eq!(without_nul(json.as_bytes()), kept.as_bytes(), "{json}");
        }
    }

    #[test]
    fn what_is_empty_in_any_way_is_an_empty_object() {
        for body in [
            "null",
            "false",
            "0",
            "0.0",
            "\"\"",
            "[]",
            "{}",
            "\u{feff}{}",
        ] {
            assert_eq!(
                parse_v2(body.as_bytes()).unwrap(),
                serde_json::json!({}),
                "{body}"
            );
        }
        assert_eq!(parse_v2(b"12").unwrap(), 12);
        assert!(parse_v2(b"").is_err());
        assert!(parse_v2(b"\xff").is_err());
        assert!(parse_v2("[".repeat(100_000).as_bytes()).is_err());
    }
}
