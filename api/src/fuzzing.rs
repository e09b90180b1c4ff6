//! What strangers send, parsed as the handlers parse it, without a platform behind it: for the targets in `fuzz/`.
//!
//! Each function panics if a guarantee is broken.

use axum::response::IntoResponse as _;
use domain::Timestamp;
use http::{HeaderMap, HeaderValue, header};

use crate::{
    auth::{Token, Verification},
    json, v2,
};

/// Some time in 2026. Fuzzing has no clock, so that a failing input fails again.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_796_000_000);

/// Parses any bytes as the body of one of the requests that have one; `choice` says which. What is wrong with them is the
/// sender's fault: an error has a status from 400 to 499.
pub fn request_body(choice: u8, body: &[u8]) {
    if let Err(problem) = v2::parse_any_body(choice, body, NOW) {
        let status = problem.into_response().status();
        assert!(status.is_client_error(), "{status} for a request body");
    }
}

/// Parses any bytes as the value of the header `Authorization`. A token without a valid signature is never accepted.
pub fn authorization(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return;
    };
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    if let Ok(token) = Token::parse(&headers) {
        let _ = token.issuer();
        assert_ne!(
            token.verify("a secret that nobody has", NOW),
            Verification::Fits
        );
    }
}

/// Parses and verifies a token with any claims, signed with the key of its service: checks of claims come after the
/// signature. One that is accepted says that it was issued within 30 seconds.
pub fn signed_claims(claims: &[u8]) {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, signed(claims))]);
    let Ok(token) = Token::parse(&headers) else {
        return;
    };
    if token.verify(SECRET, NOW) == Verification::Fits {
        let claims = json::parse_value(claims).expect("claims that were read are JSON");
        assert!(claims.get("iat").is_some(), "{claims} has no time");
    }
}

const SECRET: &str = "the secret of a service";

fn signed(claims: &[u8]) -> HeaderValue {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::HS256)
            .expect("any text can be signed");
    HeaderValue::from_str(&format!("Bearer {signed}.{signature}"))
        .expect("base64 is allowed in headers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_points_reach_the_parsers() {
        for choice in 0..=u8::MAX {
            request_body(choice, b"{}");
        }
        authorization(b"Bearer a.b.c");
        signed_claims(br#"{"iss":"x","iat":1796000000}"#);
        let headers = HeaderMap::from_iter([(
            header::AUTHORIZATION,
            signed(br#"{"iss":"x","iat":1796000000}"#),
        )]);
        let token = Token::parse(&headers).unwrap();
        assert_eq!(token.verify(SECRET, NOW), Verification::Fits);
    }
}
