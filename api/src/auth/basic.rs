//! Basic authentication of providers that deliver inbound SMS (`docs/spec/public-api.md` §22.2).

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Private;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// Checks that the request has one of these user names and one of these passwords, in any combination.
pub(crate) fn sign_in(
    headers: &HeaderMap,
    users: &[Private<String>],
    passwords: &[Private<String>],
) -> Result<(), Problem> {
    let given = headers.get(header::AUTHORIZATION);
    let Some(given) = given.filter(|value| !value.is_empty()) else {
        return Err(Problem::credentials_missing());
    };
    let known = basic(given)
        // `&` and not `&&`: the time must not tell whether the user name was right.
        .is_some_and(|(user, password)| is_one_of(&user, users) & is_one_of(&password, passwords));
    if known { Ok(()) } else { Err(unauthorized()) }
}

fn basic(value: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.as_bytes().split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some((pair[..colon].to_vec(), pair[colon + 1..].to_vec()))
}

/// Compares in constant time with every entry.
fn is_one_of(given: &[u8], known: &[Private<String>]) -> bool {
    // Digests have one length, so the time does not reveal the length of a secret either.
    let of = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
    let given = of(given);
    known.iter().fold(false, |found, one| {
        let known = of(one.reveal().as_bytes());
        found | constant_time::verify_slices_are_equal(given.as_ref(), known.as_ref()).is_ok()
    })
}

/// Returns the 403 of wrong credentials.
pub(crate) fn unauthorized() -> Problem {
    Problem::legacy(
        StatusCode::FORBIDDEN,
        "Forbidden: invalid authentication token provided",
    )
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn asks(authorization: &str) -> Result<(), u16> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(authorization).unwrap(),
        );
        let list = |texts: [&str; 2]| texts.map(|text| text.to_owned().into());
        sign_in(&headers, &list(["ada", "bob"]), &list(["old", "n:ew"]))
            .map_err(|problem| problem.into_response().status().as_u16())
    }

    fn basic_of(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn any_name_goes_with_any_password() {
        for pair in ["ada:old", "ada:n:ew", "bob:old"] {
            assert_eq!(asks(&basic_of(pair)), Ok(()), "{pair}");
        }
        assert_eq!(asks(&basic_of("ada:old").replace("Basic", "bASIC")), Ok(()));
    }

    #[test]
    fn wrong_credentials_are_refused() {
        for pair in ["ada:", "ada:new", ":old", "eve:old", "ada"] {
            assert_eq!(asks(&basic_of(pair)), Err(403), "{pair}");
        }
        for header in ["Bearer abc", "Basic", "Basic %%%", "x"] {
            assert_eq!(asks(header), Err(403), "{header}");
        }
        assert_eq!(asks(""), Err(401));
        let nobody_set_any = sign_in(
            &HeaderMap::from_iter([(
                header::AUTHORIZATION,
                HeaderValue::from_str(&basic_of(":")).unwrap(),
            )]),
            &[],
            &[],
        );
        assert!(nobody_set_any.is_err());
    }
}
