//! JSON Web Tokens as the clients make them (public-api §3.2, §3.3). What a token says is read first, unverified; the
//! signature is tried against each key later, so that the answers come in the order of the contract.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Timestamp;
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::problem::{Problem, auth};

const CLOCK: &str = "Error: Your system clock must be accurate to within 30 seconds";
const GENERAL: &str = "Invalid token: make sure your API token matches the example at \
                       https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header";
/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 30.0;

/// What a request's token says, not yet believed.
pub(crate) struct Token<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// What was signed: header and claims as they came.
    signed: &'a str,
    signature: &'a str,
}

/// What a key says to a token.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// This key made it, and it holds.
    Fits,
    /// Another key may have made it.
    NotThisKey,
    /// No key can help.
    Refused(Problem),
}

impl<'a> Token<'a> {
    /// The token of a request (steps 1 to 3).
    pub(crate) fn of(headers: &'a HeaderMap) -> Result<Self, Problem> {
        let unauthorised = |text: &str| auth(StatusCode::UNAUTHORIZED, text);
        let value = headers
            .get(header::AUTHORIZATION)
            .map(http::HeaderValue::as_bytes)
            .unwrap_or_default();
        if value.is_empty() {
            return Err(unauthorised(
                "Unauthorized: authentication token must be provided",
            ));
        }
        let bearer = value
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        if !bearer {
            return Err(unauthorised(
                "Unauthorized: authentication bearer scheme must be used",
            ));
        }
        let text = std::str::from_utf8(&value[7..]).ok().map(str::trim);
        text.and_then(Self::read).ok_or_else(general)
    }

    fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature,
        })
    }

    /// Who says to have made it.
    pub(crate) fn issuer(&self) -> Option<&Value> {
        self.claims.get("iss")
    }

    /// Tries a secret (§3.3, steps 1 to 3).
    pub(crate) fn verify(&self, secret: &str, now: Timestamp) -> Verdict {
        if self.header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return refused("Invalid token: algorithm used is not HS256");
        }
        let key = DecodingKey::from_secret(secret.as_bytes());
        let signed = jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            &key,
            Algorithm::HS256,
        );
        if !signed.unwrap_or(false) {
            return Verdict::NotThisKey;
        }
        self.check_claims(now)
    }

    fn check_claims(&self, now: Timestamp) -> Verdict {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 are far below 2^53"
        )]
        let now = now.unix_micros() as f64 / 1e6;
        let claim = |name: &str| self.claims.get(name);
        let iat = match claim("iat").map(number) {
            Some(None) => return refused(CLOCK),
            Some(Some(iat)) if iat > now + LEEWAY => return refused(CLOCK),
            Some(Some(iat)) => Some(iat),
            None => None,
        };
        if claim("nbf").is_some_and(|nbf| number(nbf).is_none_or(|nbf| nbf > now + LEEWAY)) {
            return refused(CLOCK);
        }
        let expired =
            claim("exp").is_some_and(|exp| number(exp).is_none_or(|exp| exp < now - LEEWAY));
        let no_text = |name| claim(name).is_some_and(|value| !value.is_string());
        if expired
            || claim("aud").is_some_and(|aud| !aud.is_null())
            || no_text("sub")
            || no_text("jti")
        {
            return Verdict::Refused(general());
        }
        match iat {
            None => Verdict::NotThisKey,
            Some(iat) if iat < now - LEEWAY => refused(CLOCK),
            Some(_) => Verdict::Fits,
        }
    }
}

fn general() -> Problem {
    auth(StatusCode::FORBIDDEN, GENERAL)
}

fn refused(text: &str) -> Verdict {
    Verdict::Refused(auth(StatusCode::FORBIDDEN, text))
}

/// A number, or a text that reads as one; whole seconds are what counts.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().map(f64::trunc),
        Value::String(text) => text.trim().parse::<i64>().ok().map(
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are far below 2^53"
            )]
            |seconds| seconds as f64,
        ),
        _ => None,
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
