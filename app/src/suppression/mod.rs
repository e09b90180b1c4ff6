//! The suppression list: recipients to whom a service, or the whole platform, sends nothing (`docs/suppression.md`).
//!
//! Hard bounces, complaints and STOP add to the list of their service; operators add to that of the platform. A message
//! to a suppressed recipient becomes `permanent-failure` when it would be sent.

mod edit;

use std::collections::BTreeMap;

use domain::{Channel, NotificationId, Private, ServiceId, SuppressionReason, Timestamp};
pub use store::suppressions::{PLATFORM, Suppression, SuppressionEvent};
use store::{
    Tx,
    notifications::Notification,
    suppressions::{self, HashKey},
};
use tokio::sync::OnceCell;
use tracing::info;

use crate::App;

pub use edit::{SuppressionError, add, exists, list, list_events, remove, remove_by_recipient};

/// The state of the suppression list in memory.
#[derive(Debug, Default)]
pub(crate) struct SuppressionState {
    hash_key: OnceCell<HashKey>,
}

/// Who changes the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A receipt of a provider.
    Receipt,
    /// The recipient, by a text message.
    Recipient,
    /// The service, by the public API.
    Api,
    /// An operator or administrator, by the internal API.
    Internal,
}

impl Actor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Recipient => "recipient",
            Self::Api => "api",
            Self::Internal => "internal",
        }
    }
}

/// Returns the key of the hashes. Call it before a transaction begins: the first call of an installation writes the key.
pub(crate) async fn hash_key(app: &App) -> Result<&HashKey, store::Error> {
    let read = || HashKey::read(&app.store, app.random.clone());
    app.suppression.hash_key.get_or_try_init(read).await
}

/// A recipient to add to the list.
#[derive(Debug, Clone)]
pub(crate) struct NewSuppression {
    pub(crate) service: ServiceId,
    pub(crate) channel: Channel,
    /// In normalised form.
    pub(crate) recipient: Private<String>,
    pub(crate) reason: SuppressionReason,
    pub(crate) notification: Option<NotificationId>,
}

/// Adds a recipient and a line of the audit trail, unless they are on the list already. Returns the entry if it is new.
pub(crate) async fn insert(
    app: &App,
    tx: &mut Tx,
    key: &HashKey,
    new: &NewSuppression,
    actor: Actor,
    now: Timestamp,
) -> Result<Option<Suppression>, store::Error> {
    let entry = Suppression {
        id: domain::SuppressionId::generate(now, app.random()),
        service_id: new.service,
        channel: new.channel,
        recipient_hash: key.hash(new.channel, new.recipient.reveal()),
        recipient: Some(new.recipient.clone()),
        reason: new.reason,
        notification_id: new.notification,
        created_at: now,
    };
    if !suppressions::insert(tx, app.store.keyring(), &entry).await? {
        return Ok(None);
    }
    record(app, tx, &entry, "added", new.reason.as_str(), actor, now).await?;
    metrics::counter!(
        "pillarbox_suppressions_total", "channel" => new.channel.as_str(), "reason" => new.reason.as_str()
    )
    .increment(1);
    Ok(Some(entry))
}

/// Removes the entry that STOP has made, with a line of the audit trail. Returns whether there was one.
pub(crate) async fn lift_stop(
    app: &App,
    tx: &mut Tx,
    key: &HashKey,
    service: ServiceId,
    number: &str,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let hash = key.hash(Channel::Sms, number);
    let stop = SuppressionReason::Stop;
    if !suppressions::delete_recipient(tx, service, Channel::Sms, &hash, stop).await? {
        return Ok(false);
    }
    let event = SuppressionEvent {
        id: domain::generate(now, app.random()),
        service_id: service,
        channel: Channel::Sms,
        recipient_hash: hash,
        action: "removed".to_owned(),
        reason: "start".to_owned(),
        actor: Actor::Recipient.as_str().to_owned(),
        created_at: now,
    };
    suppressions::insert_event(tx, &event).await?;
    Ok(true)
}

async fn record(
    app: &App,
    tx: &mut Tx,
    entry: &Suppression,
    action: &str,
    reason: &str,
    actor: Actor,
    now: Timestamp,
) -> Result<(), store::Error> {
    let event = SuppressionEvent {
        id: domain::generate(now, app.random()),
        service_id: entry.service_id,
        channel: entry.channel,
        recipient_hash: entry.recipient_hash.clone(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        actor: actor.as_str().to_owned(),
        created_at: now,
    };
    suppressions::insert_event(tx, &event).await
}

/// Returns those of these notifications of a service whose recipients are suppressed, with the reason.
pub(crate) async fn find_suppressed(
    app: &App,
    service: ServiceId,
    channel: Channel,
    notifications: &[Notification],
) -> Result<BTreeMap<NotificationId, SuppressionReason>, store::Error> {
    if channel == Channel::Letter {
        return Ok(BTreeMap::new());
    }
    let key = hash_key(app).await?;
    let mut hashes: BTreeMap<Vec<u8>, Vec<NotificationId>> = BTreeMap::new();
    for one in notifications {
        // Nothing leaves the platform for a test key, so there is nothing to withhold.
        if one.key_type == domain::KeyType::Test {
            continue;
        }
        // One that does not open fails when it is rendered, as a poison message of its own.
        let Ok(contents) = one.open(app.store.keyring()) else {
            continue;
        };
        let hash = key.hash(channel, contents.normalised.reveal());
        hashes.entry(hash).or_default().push(one.id);
    }
    let wanted: Vec<Vec<u8>> = hashes.keys().cloned().collect();
    let mut session = app.read().await?;
    let found = suppressions::list_among(&mut session, service, channel, &wanted).await?;
    let mut suppressed = BTreeMap::new();
    for (hash, reason) in found {
        for id in hashes.get(&hash).into_iter().flatten() {
            suppressed.insert(*id, reason);
        }
    }
    if !suppressed.is_empty() {
        info!(
            service.id = %service,
            "{} messages of service {service} are not sent: their recipients are on the suppression list",
            suppressed.len()
        );
    }
    Ok(suppressed)
}
