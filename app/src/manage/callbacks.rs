//! The callback URLs of services (`docs/spec/public-api.md` §24.1). A URL that states an address or a name of a private
//! network is refused here; where other names lead has to be checked before each call, because DNS may change.

use std::net::IpAddr;

use domain::{CallbackId, CallbackKind, ServiceId, UserId};
pub use store::callbacks::Callback;

use crate::{
    AdminError, App,
    manage::{services, users},
};

const MIN_TOKEN_CHARACTERS: usize = 10;
const MAX_TOKEN_CHARACTERS: usize = 1000;
const MAX_URL_CHARACTERS: usize = 2000;

/// A change to a callback. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct CallbackChange {
    /// The https URL to call.
    pub url: Option<String>,
    /// The bearer token with which the service authenticates the call.
    pub bearer_token: Option<String>,
    /// The user who makes the change.
    pub updated_by: Option<UserId>,
}

/// Finds the callback of a service for a kind of event.
pub async fn find(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<Callback, AdminError> {
    store::callbacks::find(&mut app.read().await?, app.store.keyring(), service, kind)
        .await?
        .ok_or(AdminError::NoSuch("callback"))
}

/// Sets the callback for a kind of event. Also returns whether it is new.
pub async fn set(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
    change: CallbackChange,
) -> Result<(Callback, bool), AdminError> {
    check(&change)?;
    // The URL and the token are sealed: a URL may hold a key of its own.
    let (keyring, now) = (app.store.keyring(), app.clock.now());
    let mut tx = services::lock(app, service).await?;
    users::check_exists(&mut tx, "updated_by_id", change.updated_by).await?;
    let before = store::callbacks::find(&mut tx, keyring, service, kind).await?;
    let is_new = before.is_none();
    let callback = if let Some(before) = before {
        let after = Callback {
            url: change.url.map_or(before.url, Into::into),
            bearer_token: change.bearer_token.map_or(before.bearer_token, Into::into),
            updated_by: change.updated_by.or(before.updated_by),
            updated_at: Some(now),
            ..before
        };
        store::callbacks::update(&mut tx, keyring, service, &after).await?;
        after
    } else {
        let (url, bearer_token) = require_both(&change)?;
        let new = Callback {
            id: CallbackId::generate(now, app.random()),
            kind,
            url: url.into(),
            bearer_token: bearer_token.into(),
            updated_by: change.updated_by,
            created_at: now,
            updated_at: None,
        };
        store::callbacks::insert(&mut tx, keyring, service, &new).await?;
        new
    };
    services::commit_and_invalidate(app, tx, service).await?;
    Ok((callback, is_new))
}

/// Deletes the callback for a kind of event.
pub async fn delete(app: &App, service: ServiceId, kind: CallbackKind) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    if !store::callbacks::delete(&mut tx, service, kind).await? {
        return Err(AdminError::NoSuch("callback"));
    }
    services::commit_and_invalidate(app, tx, service).await
}

fn require_both(change: &CallbackChange) -> Result<(String, String), AdminError> {
    let missing = |name, given: &Option<String>| {
        given
            .is_none()
            .then(|| (name, "Missing data for required field.".to_owned()))
    };
    match (&change.url, &change.bearer_token) {
        (Some(url), Some(token)) => Ok((url.clone(), token.clone())),
        (url, token) => Err(AdminError::Fields(
            missing("url", url)
                .into_iter()
                .chain(missing("bearer_token", token))
                .collect(),
        )),
    }
}

fn check(change: &CallbackChange) -> Result<(), AdminError> {
    // All errors are reported at once.
    let mut invalid = Vec::new();
    match change.url.as_deref() {
        Some(url) if !is_https_url(url) => {
            invalid.push(("url", "is not a valid https url".to_owned()));
        }
        Some(url) if leads_inside(url) => {
            invalid.push(("url", "must lead to a public address".to_owned()));
        }
        _ => {}
    }
    match change.bearer_token.as_deref() {
        Some(token) if token.chars().count() < MIN_TOKEN_CHARACTERS => {
            invalid.push((
                "bearer_token",
                format!("is too short: it needs at least {MIN_TOKEN_CHARACTERS} characters"),
            ));
        }
        // The token is sent in a header, which must not contain control characters or spaces.
        Some(token)
            if token.len() > MAX_TOKEN_CHARACTERS
                || !token.bytes().all(|one| one.is_ascii_graphic()) =>
        {
            invalid.push((
                "bearer_token",
                format!(
                    "must be at most {MAX_TOKEN_CHARACTERS} letters, digits and signs, without spaces"
                ),
            ));
        }
        _ => {}
    }
    if invalid.is_empty() {
        Ok(())
    } else {
        Err(AdminError::Fields(invalid))
    }
}

/// Returns whether `text` is an https URL with a host and without credentials, which would appear in logs.
fn is_https_url(text: &str) -> bool {
    let Ok(url) = text.parse::<http::Uri>() else {
        return false;
    };
    let Some(authority) = url.authority() else {
        return false;
    };
    text.len() <= MAX_URL_CHARACTERS
        && url.scheme() == Some(&http::uri::Scheme::HTTPS)
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
}

/// Returns whether the host of an https URL is an address of a private network, or a name that is only known in one.
fn leads_inside(text: &str) -> bool {
    let Ok(url) = text.parse::<http::Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return !is_public(address.to_canonical());
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    // Resolvers read numbers in other forms than an address too: `2130706433`, `0x7f.1`.
    let is_number = last.starts_with(|first: char| first.is_ascii_digit());
    let is_inner = ["localhost", "local", "internal", "lan", "home", "corp"].contains(&last)
        || host.ends_with(".home.arpa");
    is_number || is_inner || !host.contains('.')
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            let is_special = (first, second, third) == (192, 0, 0) || (first, second) == (198, 18);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || first == 0
                || first >= 240
                || is_shared
                || is_special
                || (first, second) == (198, 19))
        }
        IpAddr::V6(address) => {
            // Only this part of the address space is given to networks of the Internet. The tunnels in it carry IPv4
            // addresses, which may be private.
            let [first, second, ..] = address.segments();
            let is_tunnel = first == 0x2002 || (first == 0x2001 && second < 0x200);
            let is_documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff;
            first & 0xe000 == 0x2000 && !is_tunnel && !is_documentation
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_private_networks_are_not_taken() {
        for inside in [
            "https://localhost/",
            "https://LOCALHOST.:8443/",
            "https://db.internal/",
            "https://printer.local/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
        ] {
            assert!(is_https_url(inside) && leads_inside(inside), "{inside}");
        }
        for public in [
            "https://example.org/",
            "https://notify.example.gov.uk:8443/told",
            "https://8.8.8.8/",
            "https://172.32.0.1/",
            "https://[2606:4700::1111]/",
            "https://10.example.org/",
        ] {
            assert!(!leads_inside(public), "{public}");
        }
    }

    #[test]
    fn only_https_urls_with_a_host_are_taken() {
        for good in [
            "https://example.org",
            "https://example.org:8443/told?of=letters",
            "HTTPS://example.org/",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_https_url(good), "{good}");
        }
        for bad in [
            "",
            "http://example.org/",
            "https://",
            "https:///path",
            "//example.org/",
            "/told",
            "ftp://example.org/",
            "https://user:password@example.org/",
            "https://example.org/a b",
            "https://example.org/\n",
            "https://exämple.org/",
            "javascript:alert(1)",
        ] {
            assert!(!is_https_url(bad), "{bad}");
        }
        assert!(!is_https_url(&format!(
            "https://example.org/{}",
            "a".repeat(2000)
        )));
    }
}
