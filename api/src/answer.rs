//! Reading bodies and writing answers (public-api §2.3, §5.1).

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Api, problem::Problem};

/// The largest JSON body: files travel inside, as base64.
const MAX_BODY_BYTES: usize = 32 << 20;

/// A JSON answer: ASCII only, keys in alphabetical order, no spaces, a newline at the end.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut value = serde_json::to_value(body).expect("our answers are writable as JSON");
    value.sort_all_objects();
    raw_json(status, &value)
}

/// A JSON answer whose keys are in order already.
pub(crate) fn raw_json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(512);
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, AsciiOnly);
    body.serialize(&mut writer)
        .expect("our answers are writable as JSON");
    bytes.push(b'\n');
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

/// The largest body that a provider may send us (public-api §2.5).
const MAX_FORM_BYTES: usize = 500_000;

/// Reads a body whole, up to the limit.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Problem> {
    read_up_to(MAX_BODY_BYTES, body).await
}

/// Reads a form, or what is as small as one.
pub(crate) async fn read_form(body: Body) -> Result<Bytes, Problem> {
    read_up_to(MAX_FORM_BYTES, body).await
}

async fn read_up_to(limit: usize, body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::too_large()),
        Err(_) => Err(Problem::invalid_json()),
    }
}

/// A v2 body (public-api §5.1): JSON whatever its type; what is empty in any way counts as an empty object.
pub(crate) fn parse_v2(body: &[u8]) -> Result<Value, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body).map_err(|_| Problem::invalid_json())?;
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

/// The URL that links begin with: scheme, the request's host, and `/` (public-api §2.3).
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
