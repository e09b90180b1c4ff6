//! The login at a print provider, which the platform changes every month and keeps (`docs/spec/letters.md` §7.2).
//!
//! A new password is stored before the provider is asked to take it, so that it is known whatever happens between. From then
//! on every process logs in with the old one and, where that is refused, with the new one, until the outcome is stored.

use std::time::Duration;

use domain::{TaskId, Timestamp};
use jiff::{ToSpan as _, civil::Weekday, tz::TimeZone};
use providers::{
    LetterProvider, Secret, SendError,
    letter::{ChangingCredentials, Credentials},
};
use queue::{TaskContext, TaskOutcome};
use serde::{Deserialize, Serialize};
use store::{named_locks, provider_credentials};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{App, compose::to_jiff, tasks};

/// How long a process that was killed keeps others from changing credentials.
const LOCK_TIME: Duration = Duration::from_mins(1);

/// How far back a change is due at a provider whose credentials were never changed. A provider that was set up this week
/// waits for the next month.
const FIRST_CHANGE_WINDOW: Duration = Duration::from_hours(24);

/// Tries to store an API key that the provider has made and nobody else knows.
const MAX_STORE_TRIES: u32 = 5;

/// The end of a log line about an API key that the provider has made and we do not have.
const ASK_FOR_KEY: &str =
    "if it refuses the old one, ask it for another and set it in the settings";

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The API key.
    ApiKey,
    /// The password.
    Password,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::Password => "password",
        }
    }

    /// Returns when it was last to be changed: on the first Tuesday of a month at 09:00 UTC, or the day after it
    /// (`docs/spec/workers.md` §3).
    fn last_due(self, now: Timestamp) -> Timestamp {
        let moment = TimeZone::UTC.to_datetime(to_jiff(now));
        let this_month = moment.date().first_of_month();
        let due = |month: jiff::civil::Date| {
            let tuesday = (0..7)
                .map(|day| month.saturating_add(day.days()))
                .find(|day| day.weekday() == Weekday::Tuesday)
                .unwrap_or(month);
            let day = match self {
                Self::ApiKey => tuesday,
                Self::Password => tuesday.saturating_add(1.day()),
            };
            day.at(9, 0, 0, 0)
        };
        let due = if due(this_month) <= moment {
            due(this_month)
        } else {
            due(this_month.saturating_sub(1.month()))
        };
        let due = TimeZone::UTC.to_ambiguous_timestamp(due).compatible();
        due.map_or(now, |due| Timestamp::from_unix_micros(due.as_microsecond()))
    }
}

/// What is stored, sealed.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// The credentials of the settings from which the others come. Where the settings have other ones, those are newer.
    configured_password: String,
    configured_api_key: String,
    password: String,
    next_password: Option<String>,
    api_key: String,
    /// In seconds since 1970.
    password_changed_at: Option<i64>,
    api_key_changed_at: Option<i64>,
    #[serde(skip)]
    revision: Option<i64>,
}

/// Why credentials were not changed.
#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error(transparent)]
    Provider(#[from] SendError),
    #[error("another process changes the credentials at the same time")]
    Overtaken,
}

impl Kept {
    async fn load(
        app: &App,
        provider: &str,
        configured: Credentials,
    ) -> Result<Self, store::Error> {
        let mut session = app.read().await?;
        let found = provider_credentials::find(&mut session, app.store.keyring(), provider).await?;
        drop(session);
        let (password, api_key) = (configured.password.expose(), configured.api_key.expose());
        let fresh = Self {
            configured_password: password.to_owned(),
            configured_api_key: api_key.to_owned(),
            password: password.to_owned(),
            next_password: None,
            api_key: api_key.to_owned(),
            password_changed_at: None,
            api_key_changed_at: None,
            revision: None,
        };
        let Some(found) = found else { return Ok(fresh) };
        let mut kept: Self =
            serde_json::from_slice(found.contents.reveal()).map_err(|_| store::Error::Corrupt {
                table: "provider_credentials",
                column: "sealed",
                what: "it is not what this program writes".to_owned(),
            })?;
        kept.revision = Some(found.revision);
        // An operator has set others, for example because the provider no longer accepted those that were kept.
        if kept.configured_password != password {
            kept.configured_password
                .clone_from(&fresh.configured_password);
            kept.password = fresh.password;
            kept.next_password = None;
        }
        if kept.configured_api_key != api_key {
            kept.configured_api_key
                .clone_from(&fresh.configured_api_key);
            kept.api_key = fresh.api_key;
        }
        Ok(kept)
    }

    /// Stores the credentials, unless another process has changed them since they were read.
    async fn store(&mut self, app: &App, provider: &str) -> Result<(), ChangeError> {
        let contents = serde_json::to_vec(self).expect("texts are writable as JSON");
        let keyring = app.store.keyring();
        let now = app.clock.now();
        let mut tx = app.write().await?;
        let is_stored = provider_credentials::replace(
            &mut tx,
            keyring,
            provider,
            self.revision,
            &contents,
            now,
        )
        .await?;
        tx.commit().await?;
        if !is_stored {
            return Err(ChangeError::Overtaken);
        }
        self.revision = Some(self.revision.unwrap_or_default() + 1);
        Ok(())
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            password: self.password.as_str().into(),
            next_password: self.next_password.as_deref().map(Secret::from),
            api_key: self.api_key.as_str().into(),
        }
    }

    fn is_due(&self, kind: Kind, now: Timestamp) -> bool {
        let changed_at = match kind {
            Kind::ApiKey => self.api_key_changed_at,
            Kind::Password => self.password_changed_at,
        };
        let due = kind.last_due(now);
        match changed_at {
            Some(at) => Timestamp::from_unix_seconds(at) < due,
            None => now.since(due) < FIRST_CHANGE_WINDOW,
        }
    }
}

/// Gives a provider the credentials that are kept, if it is one whose credentials change.
pub(crate) async fn refresh(app: &App, provider: &dyn LetterProvider) -> Result<(), store::Error> {
    if let Some(login) = provider.changing_credentials() {
        // Read for each letter: another process may have changed them a moment ago.
        let kept = Kept::load(app, provider.name(), login.configured()).await?;
        login.set(kept.credentials());
    }
    Ok(())
}

/// Handles the scheduled task: changes the credentials at every print provider where that is due.
pub(crate) async fn change_due(app: &App, task: &TaskContext, kind: Kind) -> TaskOutcome {
    let mut failure = None;
    for configured in &app.providers.letter {
        let provider = &*configured.provider;
        let Some(login) = provider.changing_credentials() else {
            continue;
        };
        if let Err(fault) = change_one(app, (provider.name(), &*login), kind).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "the {} at the print provider {} is not changed, will try again",
                kind.as_str(),
                provider.name()
            );
            failure = Some(fault);
        }
    }
    match failure {
        None => TaskOutcome::Completed,
        Some(fault) if crate::is_transient(&fault) => {
            TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
        }
        Some(fault) => tasks::retry(task, app.random(), &fault),
    }
}

/// Changes the credentials at one provider, under a lock that is not waited for.
async fn change_one(
    app: &App,
    (name, login): (&str, &dyn ChangingCredentials),
    kind: Kind,
) -> Result<(), ChangeError> {
    let lock = format!("changing the credentials at {name}");
    let holder: Uuid = TaskId::generate(app.clock.now(), app.random()).as_uuid();
    let now = app.clock.now();
    let what = format!("a change of the {}", kind.as_str());
    let mut tx = app.write().await?;
    let is_acquired =
        named_locks::acquire(&mut tx, &lock, holder, &what, now, now.plus(LOCK_TIME)).await?;
    tx.commit().await?;
    if !is_acquired {
        info!("another process changes the credentials at the print provider {name}");
        return Ok(());
    }
    // Afresh, because the last holder of the lock may have changed them.
    let changed = match Kept::load(app, name, login.configured()).await {
        Ok(kept) if kept.is_due(kind, now) => match kind {
            Kind::ApiKey => change_api_key(app, (name, login), kept).await,
            Kind::Password => change_password(app, (name, login), kept).await,
        },
        Ok(_) => Ok(()),
        Err(fault) => Err(fault.into()),
    };
    let mut tx = app.write().await?;
    named_locks::release(&mut tx, &lock, holder).await?;
    tx.commit().await?;
    changed
}

async fn change_password(
    app: &App,
    (name, login): (&str, &dyn ChangingCredentials),
    mut kept: Kept,
) -> Result<(), ChangeError> {
    login.set(kept.credentials());
    let new = match kept.next_password.clone() {
        // An earlier change was cut off. If the provider made it, there is nothing more to do.
        Some(next) if login.accepts_password(&next.as_str().into()).await? => {
            return record_password(app, name, kept).await;
        }
        // Asked for again, rather than another one: the provider may make the earlier change late, and a password that we
        // have forgotten would lock us out.
        Some(next) => next,
        None => {
            let new = generate_password(app);
            kept.next_password = Some(new.clone());
            kept.store(app, name).await?;
            new
        }
    };
    match login.change_password(&new.into()).await {
        Ok(()) => record_password(app, name, kept).await,
        // It is sure that the provider does not take this one.
        Err(fault @ SendError::Rejected { .. }) => {
            kept.next_password = None;
            kept.store(app, name).await?;
            Err(fault.into())
        }
        // Both stay stored: the next attempt finds out which one it is.
        Err(fault) => Err(fault.into()),
    }
}

async fn record_password(app: &App, name: &str, mut kept: Kept) -> Result<(), ChangeError> {
    if let Some(next) = kept.next_password.take() {
        kept.password = next;
    }
    kept.password_changed_at = Some(app.clock.now().unix_seconds());
    kept.store(app, name).await?;
    info!("the password at the print provider {name} was changed");
    Ok(())
}

async fn change_api_key(
    app: &App,
    (name, login): (&str, &dyn ChangingCredentials),
    mut kept: Kept,
) -> Result<(), ChangeError> {
    login.set(kept.credentials());
    let new = login.change_api_key(to_jiff(app.clock.now())).await;
    if let Err(SendError::Unknown { .. }) = &new {
        error!(
            "the print provider {name} may have made a new API key, which did not arrive: {ASK_FOR_KEY}"
        );
    }
    let new = new?;
    new.expose().clone_into(&mut kept.api_key);
    kept.api_key_changed_at = Some(app.clock.now().unix_seconds());
    let mut tries = 1;
    loop {
        match kept.store(app, name).await {
            Ok(()) => break,
            // Only we know the key, so a database that fails for a moment is waited for.
            Err(ChangeError::Store(fault)) if tries < MAX_STORE_TRIES => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "the new API key cannot be stored yet"
                );
                tokio::time::sleep(Duration::from_secs(1)).await;
                tries += 1;
            }
            Err(fault) => {
                error!(
                    "the print provider {name} has made a new API key, which could not be stored: {ASK_FOR_KEY}"
                );
                return Err(fault);
            }
        }
    }
    login.set(kept.credentials());
    info!("the API key at the print provider {name} was changed");
    Ok(())
}

/// Returns 32 random characters, among them one of each class that providers ask for.
fn generate_password(app: &App) -> String {
    const LENGTH: usize = 32;
    const CLASSES: [&str; 4] = [
        "ABCDEFGHJKLMNPQRSTUVWXYZ",
        "abcdefghijkmnpqrstuvwxyz",
        "23456789",
        "!#$%*+-=?@^_~",
    ];
    let all = CLASSES.concat();
    loop {
        let mut random = [0; LENGTH];
        app.random().fill(&mut random);
        // The remainder favours some characters a little; 32 of them have more than enough left.
        let pick = |byte: &u8| char::from(all.as_bytes()[usize::from(*byte) % all.len()]);
        let password: String = random.iter().map(pick).collect();
        let has_all = CLASSES
            .iter()
            .all(|class| password.contains(|one| class.contains(one)));
        if has_all {
            return password;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_due_on_the_first_tuesday_and_the_day_after() {
        for (kind, now, due) in [
            (Kind::ApiKey, "2026-03-03T08:59:59Z", "2026-02-03T09:00:00Z"),
            (Kind::ApiKey, "2026-03-03T09:00:00Z", "2026-03-03T09:00:00Z"),
            (Kind::ApiKey, "2026-03-31T23:00:00Z", "2026-03-03T09:00:00Z"),
            (
                Kind::Password,
                "2026-03-04T08:59:59Z",
                "2026-02-04T09:00:00Z",
            ),
            (
                Kind::Password,
                "2026-03-04T09:00:00Z",
                "2026-03-04T09:00:00Z",
            ),
            // The first Tuesday is the first day of the month, and the seventh.
            (Kind::ApiKey, "2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            (
                Kind::Password,
                "2026-07-08T10:00:00Z",
                "2026-07-08T09:00:00Z",
            ),
        ] {
            let due: Timestamp = due.parse().unwrap();
            assert_eq!(
                kind.last_due(now.parse().unwrap()),
                due,
                "{kind:?} at {now}"
            );
        }
    }
}
