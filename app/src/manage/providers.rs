//! Providers as an operator sees and changes them (`docs/spec/workers.md` §7.2).

use std::collections::{BTreeMap, btree_map::Entry};

use domain::{Channel, ProviderId, UserId};
use store::Session;
pub use store::providers::ProviderDetails;
use store::users::User;

use crate::{AdminError, App};

/// Longest reason of a change, in characters.
const MAX_REASON: usize = 500;

/// A change of a provider. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct ProviderChange {
    /// The new share, 0 to 100. Automatic changes return to it.
    pub priority: Option<u32>,
    /// Whether it gets messages.
    pub active: Option<bool>,
    /// The person who makes the change.
    pub created_by: Option<UserId>,
    /// Why.
    pub reason: Option<String>,
}

/// A provider with the person who changed it last.
#[derive(Debug, Clone)]
pub struct ProviderWithAuthor {
    /// The provider.
    pub details: ProviderDetails,
    /// The person; none if it was the platform itself or its settings.
    pub author: Option<User>,
    /// Whether the settings of this process name it no more. Its row stays for its history, and it gets no messages.
    pub is_removed: bool,
}

/// Lists the providers of all channels, by channel and name.
pub async fn list(app: &App) -> Result<Vec<ProviderWithAuthor>, AdminError> {
    let mut session = app.read().await?;
    let found = store::providers::list(&mut session).await?;
    Ok(with_authors(app, &mut session, found).await?)
}

/// Finds a provider by id.
pub async fn find(app: &App, id: ProviderId) -> Result<ProviderWithAuthor, AdminError> {
    let mut session = app.read().await?;
    let found = store::providers::find(&mut session, id).await?;
    let found = with_authors(app, &mut session, found.into_iter().collect()).await?;
    found.into_iter().next().ok_or(NO_PROVIDER)
}

/// Lists the versions of a provider, newest first.
pub async fn list_versions(
    app: &App,
    id: ProviderId,
) -> Result<Vec<ProviderWithAuthor>, AdminError> {
    let mut session = app.read().await?;
    let found = store::providers::list_versions(&mut session, id).await?;
    // Every provider has a first version.
    if found.is_empty() {
        return Err(NO_PROVIDER);
    }
    Ok(with_authors(app, &mut session, found).await?)
}

const NO_PROVIDER: AdminError = AdminError::NoSuch("provider");

/// Changes a provider, and records the change in its history.
pub async fn update(
    app: &App,
    id: ProviderId,
    change: ProviderChange,
) -> Result<ProviderWithAuthor, AdminError> {
    if change.priority.is_some_and(|priority| priority > 100) {
        return Err(AdminError::field("priority", "Must be between 0 and 100."));
    }
    let reason = change.reason.as_deref().map(valid_reason).transpose()?;
    let mut tx = app.write().await?;
    let found = store::providers::find(&mut tx, id).await?;
    let channel = found.ok_or(NO_PROVIDER)?.notification_type;
    if let Some(user) = change.created_by {
        let user = store::users::find(&mut tx, user).await?;
        user.ok_or(AdminError::NoSuch("user"))?;
    }
    // All of the channel, as the automatic changes do: they then see each other's work, and none is lost.
    let rows = store::providers::lock_channel(&mut tx, channel).await?;
    let before = rows.into_iter().find(|row| row.id == id);
    let before = before.ok_or(NO_PROVIDER)?;
    let after = ProviderDetails {
        priority: change.priority.unwrap_or(before.priority),
        resting_priority: change.priority.unwrap_or(before.resting_priority),
        active: change.active.unwrap_or(before.active),
        version: before.version + 1,
        updated_at: Some(app.clock.now()),
        created_by: change.created_by,
        reason,
        ..before
    };
    store::providers::update(&mut tx, &after).await?;
    tx.commit().await?;
    app.invalidate_providers().await;
    let mut session = app.read().await?;
    let after = with_authors(app, &mut session, vec![after]).await?;
    after.into_iter().next().ok_or(NO_PROVIDER)
}

fn valid_reason(text: &str) -> Result<String, AdminError> {
    let reason = text.trim();
    if reason.chars().count() > MAX_REASON {
        let why = format!("Cannot be longer than {MAX_REASON} characters.");
        return Err(AdminError::field("reason", why));
    }
    // Reasons are printed on terminals.
    if reason.chars().any(char::is_control) {
        return Err(AdminError::field(
            "reason",
            "Cannot hold control characters.",
        ));
    }
    Ok(reason.to_owned())
}

/// Returns whether the settings of this process name a provider.
fn is_configured(app: &App, row: &ProviderDetails) -> bool {
    let (all, name) = (&app.providers, &*row.identifier);
    match row.notification_type {
        Channel::Email => all.email.iter().any(|one| one.provider.name() == name),
        Channel::Sms => all.sms.iter().any(|one| one.provider.name() == name),
        Channel::Letter => all.letter.iter().any(|one| one.provider.name() == name),
    }
}

async fn with_authors(
    app: &App,
    session: &mut Session,
    found: Vec<ProviderDetails>,
) -> Result<Vec<ProviderWithAuthor>, store::Error> {
    let mut authors: BTreeMap<UserId, Option<User>> = BTreeMap::new();
    for id in found.iter().filter_map(|one| one.created_by) {
        // A handful of people: one read for each.
        if let Entry::Vacant(unknown) = authors.entry(id) {
            unknown.insert(store::users::find(session, id).await?);
        }
    }
    let with_author = |details: ProviderDetails| ProviderWithAuthor {
        author: details
            .created_by
            .and_then(|id| authors.get(&id).cloned().flatten()),
        is_removed: !is_configured(app, &details),
        details,
    };
    Ok(found.into_iter().map(with_author).collect())
}
