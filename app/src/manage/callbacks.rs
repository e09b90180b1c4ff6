//! The callback URLs of services (`docs/spec/public-api.md` §24.1). A URL that leads into a private network is refused here;
//! it is checked again before each call, because DNS may change.

use domain::{CallbackAttemptId, CallbackId, CallbackKind, Private, ServiceId, TaskId, UserId};
use queue::Enqueue as _;
pub use store::callbacks::{
    Callback,
    attempts::{Attempt, Filter},
};
use store::{
    Tx,
    callbacks::{attempts, health},
};

use crate::{
    AdminError, App,
    callbacks::{self, replay::Replay},
    manage::{services, users},
    tasks,
};

const MIN_TOKEN_CHARACTERS: usize = 10;
const MAX_TOKEN_CHARACTERS: usize = 1000;
/// Secrets that sign at the same time: a new one, and the one before it.
const MAX_SECRETS: usize = 2;

/// A change to a callback. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct CallbackChange {
    /// The https URL to call.
    pub url: Option<String>,
    /// The bearer token with which the service authenticates the call.
    pub bearer_token: Option<String>,
    /// Whether the statuses of letters are sent too. Only for delivery statuses.
    pub letters: Option<bool>,
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
    check(app, kind, &change).await?;
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
            letters: change.letters.unwrap_or(before.letters),
            // Whoever changes it means it to work.
            paused_at: None,
            failing_since: None,
            updated_by: change.updated_by.or(before.updated_by),
            updated_at: Some(now),
            ..before
        };
        store::callbacks::update(&mut tx, keyring, service, &after).await?;
        health::resume(&mut tx, service, kind).await?;
        enqueue_held(app, &mut tx, service, kind).await?;
        after
    } else {
        let (url, bearer_token) = require_both(&change)?;
        let new = Callback {
            id: CallbackId::generate(now, app.random()),
            kind,
            url: url.into(),
            bearer_token: bearer_token.into(),
            secrets: Vec::new(),
            letters: change.letters.unwrap_or_default(),
            paused_at: None,
            failing_since: None,
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

/// Resumes a paused callback; what was held meanwhile is sent.
pub async fn resume(app: &App, service: ServiceId, kind: CallbackKind) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    if !health::resume(&mut tx, service, kind).await? {
        return Err(AdminError::NoSuch("callback"));
    }
    enqueue_held(app, &mut tx, service, kind).await?;
    app.commit_and_notify(tx, &[tasks::SERVICE_CALLBACKS])
        .await?;
    Ok(())
}

async fn enqueue_held(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<(), store::Error> {
    let now = app.clock.now();
    let held = Replay::of_held(kind);
    let task = tasks::replay_callbacks(TaskId::generate(now, app.random()), service, &held, now);
    tx.enqueue(vec![task]).await
}

/// Gives a callback a new secret for signatures and returns it. The one before it signs as well until the next one comes, or
/// until [`forget_old_secret`].
pub async fn rotate_secret(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<Private<String>, AdminError> {
    let secret = callbacks::new_secret(app.random());
    change_secrets(app, service, kind, |secrets| {
        secrets.insert(0, secret.clone());
        secrets.truncate(MAX_SECRETS);
    })
    .await?;
    Ok(secret)
}

/// Stops signing with the secret before the newest one.
pub async fn forget_old_secret(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<(), AdminError> {
    change_secrets(app, service, kind, |secrets| secrets.truncate(1)).await
}

async fn change_secrets(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
    change: impl FnOnce(&mut Vec<Private<String>>),
) -> Result<(), AdminError> {
    let keyring = app.store.keyring();
    let mut tx = services::lock(app, service).await?;
    let found = store::callbacks::find(&mut tx, keyring, service, kind).await?;
    let mut callback = found.ok_or(AdminError::NoSuch("callback"))?;
    change(&mut callback.secrets);
    callback.updated_at = Some(app.clock.now());
    store::callbacks::update(&mut tx, keyring, service, &callback).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Lists at most `count` attempts to call a service back that pass the filter, newest first.
pub async fn list_attempts(
    app: &App,
    service: ServiceId,
    filter: &Filter,
    older_than: Option<CallbackAttemptId>,
    count: u32,
) -> Result<Vec<Attempt>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(attempts::list(&mut session, service, filter, older_than, count).await?)
}

/// Sends callbacks again, as the log has them, to the URL that the service has now.
pub async fn replay(app: &App, service: ServiceId, replay: Replay) -> Result<(), AdminError> {
    drop(services::read_existing(app, service).await?);
    if callbacks::replay::request(app, service, replay).await? {
        Ok(())
    } else {
        Err(AdminError::NoSuch("callback attempt"))
    }
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

async fn check(app: &App, kind: CallbackKind, change: &CallbackChange) -> Result<(), AdminError> {
    // All errors are reported at once.
    let mut invalid = Vec::new();
    if let (Some(url), Some(client)) = (&change.url, &app.providers.outbound)
        && let Err(forbidden) = client.check(url).await
    {
        invalid.push(("url", forbidden.to_string()));
    }
    if let Some(why) = change.bearer_token.as_deref().and_then(token_problem) {
        invalid.push(("bearer_token", why));
    }
    if change.letters.is_some() && kind != CallbackKind::DeliveryStatus {
        invalid.push(("letters", "is only for delivery statuses".to_owned()));
    }
    if invalid.is_empty() {
        Ok(())
    } else {
        Err(AdminError::Fields(invalid))
    }
}

fn token_problem(token: &str) -> Option<String> {
    if token.chars().count() < MIN_TOKEN_CHARACTERS {
        return Some(format!(
            "is too short: it needs at least {MIN_TOKEN_CHARACTERS} characters"
        ));
    }
    // The token is sent in a header, which must not contain control characters or spaces.
    let is_sendable =
        token.len() <= MAX_TOKEN_CHARACTERS && token.bytes().all(|one| one.is_ascii_graphic());
    (!is_sendable).then(|| {
        format!("must be at most {MAX_TOKEN_CHARACTERS} letters, digits and signs, without spaces")
    })
}
