//! The callback URLs of services (`docs/spec/public-api.md` §24.1). Only the form of a URL is checked here. Whether
//! its host is a public address is checked before each call, because DNS may change.

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
    let (vault, now) = (app.store.keyring(), app.clock.now());
    let mut tx = services::lock(app, service).await?;
    users::expect(&mut tx, "updated_by_id", change.updated_by).await?;
    let before = store::callbacks::find(&mut tx, vault, service, kind).await?;
    let is_new = before.is_none();
    let callback = if let Some(before) = before {
        let after = Callback {
            url: change.url.map_or(before.url, Into::into),
            bearer_token: change.bearer_token.map_or(before.bearer_token, Into::into),
            updated_by: change.updated_by.or(before.updated_by),
            updated_at: Some(now),
            ..before
        };
        store::callbacks::update(&mut tx, vault, service, &after).await?;
        after
    } else {
        let (url, bearer_token) = both(&change)?;
        let new = Callback {
            id: CallbackId::generate(now, app.random()),
            kind,
            url: url.into(),
            bearer_token: bearer_token.into(),
            updated_by: change.updated_by,
            created_at: now,
            updated_at: None,
        };
        store::callbacks::insert(&mut tx, vault, service, &new).await?;
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

fn both(change: &CallbackChange) -> Result<(String, String), AdminError> {
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
    let mut wrong = Vec::new();
    if change.url.as_deref().is_some_and(|url| !is_https(url)) {
        wrong.push(("url", "is not a valid https url".to_owned()));
    }
    match change.bearer_token.as_deref() {
        Some(token) if token.chars().count() < MIN_TOKEN_CHARACTERS => {
            wrong.push((
                "bearer_token",
                format!("is too short: it needs at least {MIN_TOKEN_CHARACTERS} characters"),
            ));
        }
        // The token is sent in a header, which must not contain control characters or spaces.
        Some(token)
            if token.len() > MAX_TOKEN_CHARACTERS
                || !token.bytes().all(|one| one.is_ascii_graphic()) =>
        {
            wrong.push((
                "bearer_token",
                format!(
                    "must be at most {MAX_TOKEN_CHARACTERS} letters, digits and signs, without spaces"
                ),
            ));
        }
        _ => {}
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(AdminError::Fields(wrong))
    }
}

/// Returns whether `text` is an https URL with a host and without credentials, which would appear in logs.
fn is_https(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_urls_with_a_host_are_taken() {
        for good in [
            "https://example.org",
            "https://example.org:8443/told?of=letters",
            "HTTPS://example.org/",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_https(good), "{good}");
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
            assert!(!is_https(bad), "{bad}");
        }
        assert!(!is_https(&format!(
            "https://example.org/{}",
            "a".repeat(2000)
        )));
    }
}
