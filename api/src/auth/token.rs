//! JSON Web Tokens (`docs/spec/public-api.md` §3.2, §3.3). A token is parsed before it is verified, and verified with one key
//! at a time, so that errors come in the order of the contract.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use domain::Timestamp;
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::problem::{Problem, auth};

const CLOCK: &str = "Error: Your system clock must be accurate to within 30 seconds";
const GENERAL: &str = "Invalid token: make sure your API token matches the example at \
                       https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header";
/// The tolerated difference between clocks, in seconds.
const LEEWAY: f64 = 30.0;
/// URL-safe base64. Tokens have no padding, but some clients add it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A token that is parsed but not verified.
pub(crate) struct Token<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// The signed part: header and claims, still encoded.
    signed: &'a str,
    signature: &'a str,
}

/// The result of verifying a token with one key.
#[derive(Debug, PartialEq)]
pub(crate) enum Verification {
    /// The key signed it, and its claims are valid.
    Fits,
    /// Another key may have signed it.
    NotThisKey,
    /// It is invalid whichever key signed it.
    Refused(Problem),
}

impl<'a> Token<'a> {
    /// Parses the token of a request (`docs/spec/public-api.md` §3.2, steps 1 to 3).
    pub(crate) fn parse(headers: &'a HeaderMap) -> Result<Self, Problem> {
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
        text.and_then(Self::decode).ok_or_else(general)
    }

    fn decode(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        // A signature that is no base64 makes this no token at all (step 3), rather than one of another key.
        BASE64.decode(signature).ok()?;
        let (header, claims) = (object(header)?, object(claims)?);
        // The key id is not used, but the reference implementation refuses one that is not a string.
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return None;
        }
        Some(Self {
            header,
            claims,
            signed,
            signature: signature.trim_end_matches('='),
        })
    }

    /// Returns the `iss` claim, unverified.
    pub(crate) fn issuer(&self) -> Option<&Value> {
        self.claims.get("iss")
    }

    /// Verifies the token with a secret (`docs/spec/public-api.md` §3.3, steps 1 to 3).
    pub(crate) fn verify(&self, secret: &str, now: Timestamp) -> Verification {
        // Never chosen by the token: `none` would need no secret.
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
            return Verification::NotThisKey;
        }
        self.check_claims(now)
    }

    /// Checks the times and the types of the claims. Clients write whole seconds, so `now` is truncated to one as well.
    fn check_claims(&self, now: Timestamp) -> Verification {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 are far below 2^53"
        )]
        let now = now.unix_seconds() as f64;
        let claim = |name: &str| self.claims.get(name);
        // Clocks first: of several faults the contract names this one (`docs/spec/public-api.md` §3.3).
        let iat = match claim("iat").map(number) {
            Some(None) => return refused(CLOCK),
            Some(Some(iat)) if iat > now + LEEWAY => return refused(CLOCK),
            Some(Some(iat)) => Some(iat),
            None => None,
        };
        let nbf = claim("nbf").map(number);
        if nbf.flatten().is_some_and(|nbf| nbf > now + LEEWAY) {
            return refused(CLOCK);
        }
        let expired =
            claim("exp").is_some_and(|exp| number(exp).is_none_or(|exp| exp < now - LEEWAY));
        let no_text = |name| claim(name).is_some_and(|value| !value.is_string());
        if expired
            || nbf == Some(None)
            || claim("aud").is_some_and(|aud| !aud.is_null())
            || no_text("sub")
            || no_text("jti")
        {
            return Verification::Refused(general());
        }
        match iat {
            // The contract treats a token without `iat` as one of another key, so that it ends with `API key not
            // found`.
            None => Verification::NotThisKey,
            Some(iat) if iat < now - LEEWAY => refused(CLOCK),
            Some(_) => Verification::Fits,
        }
    }
}

fn general() -> Problem {
    auth(StatusCode::FORBIDDEN, GENERAL)
}

fn refused(text: &str) -> Verification {
    Verification::Refused(auth(StatusCode::FORBIDDEN, text))
}

/// Returns a claim as whole seconds. As in Python, a boolean and a text of digits are numbers.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().map(f64::trunc),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
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
    let bytes = BASE64.decode(part).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
