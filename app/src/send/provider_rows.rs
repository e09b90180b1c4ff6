//! The rows of the providers: inserted from the settings, changed by operators and by the platform itself, and read by
//! every process that sends (`docs/spec/workers.md` §7.2).

use domain::{Channel, Timestamp};
use store::{Tx, providers::ProviderDetails};
use tokio::sync::Mutex;

use std::time::Duration;

use super::{provider_selection::Configured, provider_slots::Share};
use crate::App;

/// Age at which the rows are read again. A batch that has just begun uses its own for another second.
const MAX_AGE: Duration = Duration::from_secs(1);

const CHANNELS: [Channel; 3] = [Channel::Email, Channel::Sms, Channel::Letter];

/// When this process last read the rows.
#[derive(Debug, Default)]
pub(super) struct ProviderRows(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    read_at: Option<Timestamp>,
    /// Whether the settings of this process have been applied to the rows.
    settings_applied: bool,
}

impl ProviderRows {
    pub(super) async fn invalidate(&self) {
        self.0.lock().await.read_at = None;
    }
}

/// Reads the rows if those of this process are older than a second, and passes their shares to the draw.
pub(super) async fn refresh(app: &App) -> Result<(), store::Error> {
    // Held while the rows are read: of many batches that begin at once, one reads.
    let mut state = app.send.provider_rows.0.lock().await;
    let now = app.clock.now();
    if state.read_at.is_some_and(|at| now.since(at) < MAX_AGE) {
        return Ok(());
    }
    let mut rows = store::providers::list(&mut app.read().await?).await?;
    if !state.settings_applied {
        // Once for each process: of two processes with different settings, the one that started last decides.
        if apply_settings(app, &rows).await? {
            rows = store::providers::list(&mut app.read().await?).await?;
        }
        state.settings_applied = true;
    }
    for channel in CHANNELS {
        let configured = app.providers.configured(channel);
        let shares: Vec<Share> = configured
            .iter()
            .map(|one| share_of(channel, one, &rows))
            .collect();
        app.send.slots(channel).set_shares(&shares);
    }
    state.read_at = Some(now);
    Ok(())
}

/// Returns a provider's part in the draw: that of its row.
fn share_of(channel: Channel, configured: &Configured<'_>, rows: &[ProviderDetails]) -> Share {
    match find(channel, configured.name, rows) {
        Some(row) => Share {
            priority: row.priority,
            active: row.active,
            supports_international: row.supports_international,
        },
        None => Share::of(configured),
    }
}

fn find<'a>(
    channel: Channel,
    name: &str,
    rows: &'a [ProviderDetails],
) -> Option<&'a ProviderDetails> {
    let mut rows = rows.iter();
    rows.find(|row| row.notification_type == channel && row.identifier == name)
}

/// Inserts rows of new providers, and applies what has changed in the settings since they were last applied. An operator's
/// change of a priority stays until the settings change it again. Returns whether anything was written.
async fn apply_settings(app: &App, rows: &[ProviderDetails]) -> Result<bool, store::Error> {
    let is_current = |channel: Channel| {
        let configured = app.providers.configured(channel);
        let mut configured = configured.iter();
        configured.all(|one| find(channel, one.name, rows).is_some_and(|row| agrees(one, row)))
    };
    if CHANNELS.into_iter().all(is_current) {
        return Ok(false);
    }
    let mut tx = app.write().await?;
    for channel in CHANNELS {
        // Read again under a lock: another process may have applied the same settings meanwhile.
        let rows = store::providers::lock_channel(&mut tx, channel).await?;
        for one in app.providers.configured(channel) {
            apply_to_row(&mut tx, channel, &one, &rows, app.clock.now()).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

const fn agrees(configured: &Configured<'_>, row: &ProviderDetails) -> bool {
    row.configured_priority == configured.priority
        && row.supports_international == configured.supports_international
}

async fn apply_to_row(
    tx: &mut Tx,
    channel: Channel,
    configured: &Configured<'_>,
    rows: &[ProviderDetails],
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(row) = find(channel, configured.name, rows) else {
        store::providers::insert(tx, &new_row(channel, configured)).await?;
        return Ok(());
    };
    if agrees(configured, row) {
        return Ok(());
    }
    let mut changed = ProviderDetails {
        supports_international: configured.supports_international,
        version: row.version + 1,
        updated_at: Some(now),
        created_by: None,
        reason: Some("changed in the settings".to_owned()),
        ..row.clone()
    };
    if row.configured_priority != configured.priority {
        changed.priority = configured.priority;
        changed.resting_priority = configured.priority;
        changed.configured_priority = configured.priority;
    }
    store::providers::update(tx, &changed).await
}

fn new_row(channel: Channel, configured: &Configured<'_>) -> ProviderDetails {
    ProviderDetails {
        id: ProviderDetails::id_of(channel, configured.name),
        notification_type: channel,
        identifier: configured.name.to_owned(),
        priority: configured.priority,
        resting_priority: configured.priority,
        configured_priority: configured.priority,
        active: true,
        supports_international: configured.supports_international,
        version: 1,
        updated_at: None,
        created_by: None,
        reason: Some("new in the settings".to_owned()),
    }
}

impl App {
    /// Inserts the rows of the configured providers, so that operators see them before the first message. Call it in
    /// processes that send; sending does it too, if this was not possible.
    pub async fn prepare_providers(&self) -> Result<(), store::Error> {
        refresh(self).await
    }

    /// Reads the providers' rows before the next message, in this process. Others read them within two seconds.
    pub(crate) async fn invalidate_providers(&self) {
        self.send.provider_rows.invalidate().await;
    }
}
