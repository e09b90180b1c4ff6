//! How the letters that a run has claimed reach their print provider: the configured provider decides.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Channel, Lane, NotificationId, ServiceId, TaskId, Timestamp};
use providers::LetterProvider;
use queue::{Enqueue as _, NewTask};
use store::{Tx, print_runs::WaitingLetter};

use super::zips;
use crate::{
    App,
    tasks::{self, Delivery, MAX_TASK_IDS, Step},
};

/// The way to a provider.
pub(super) enum HandOver<'a> {
    /// One call for each letter (`docs/spec/letters.md` §7.2). Which provider a letter goes to is decided when it is sent.
    Calls(&'a dyn LetterProvider),
    /// Zips in a file drop (`docs/spec/letters.md` §7.3).
    Zips(&'a dyn LetterProvider),
}

impl HandOver<'_> {
    /// Returns the name of the provider.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Calls(provider) | Self::Zips(provider) => provider.name(),
        }
    }
}

/// Returns the way to the active provider with the largest share, or `None` if none is active.
pub(super) async fn choose(app: &App) -> Result<Option<HandOver<'_>>, store::Error> {
    let rows = store::providers::list(&mut app.read().await?).await?;
    let shares: BTreeMap<&str, u32> = rows
        .iter()
        .filter(|row| row.notification_type == Channel::Letter)
        .map(|row| {
            (
                row.identifier.as_str(),
                if row.active { row.priority } else { 0 },
            )
        })
        .collect();
    // A provider without a row yet has the share of the settings.
    let share = |name: &str, configured: u32| shares.get(name).copied().unwrap_or(configured);
    let all = app.providers.letter.iter();
    let with_share = all.map(|one| (share(one.provider.name(), one.priority), one));
    let chosen = with_share
        .filter(|(share, _)| *share > 0)
        .max_by_key(|(share, _)| *share);
    Ok(chosen.map(|(_, one)| {
        let provider = &*one.provider;
        match provider.file_drop() {
            Some(_) => HandOver::Zips(provider),
            None => HandOver::Calls(provider),
        }
    }))
}

/// Enqueues the hand-over of letters, in the transaction that claims them. Returns the pools of the tasks.
pub(super) async fn enqueue(
    app: &App,
    tx: &mut Tx,
    provider: &HandOver<'_>,
    deadline: Timestamp,
    letters: &[WaitingLetter],
) -> Result<Vec<&'static str>, store::Error> {
    let tasks = match provider {
        HandOver::Calls(_) => calls(app, letters),
        HandOver::Zips(provider) => {
            zips::enqueue_batches(app, tx, provider.name(), deadline, letters).await?
        }
    };
    let pools: BTreeSet<&'static str> = tasks.iter().map(|task| task.pool).collect();
    tx.enqueue(tasks).await?;
    Ok(pools.into_iter().collect())
}

/// Builds the tasks that send each letter by itself. A task belongs to one service.
fn calls(app: &App, letters: &[WaitingLetter]) -> Vec<NewTask> {
    let now = app.clock.now();
    let mut by_service: BTreeMap<ServiceId, Vec<NotificationId>> = BTreeMap::new();
    for letter in letters {
        by_service
            .entry(letter.service_id)
            .or_default()
            .push(letter.id);
    }
    let task = |service: ServiceId, ids: &[NotificationId]| {
        let id = TaskId::generate(now, app.random());
        tasks::deliver(
            id,
            service,
            Step::Print,
            Lane::Normal,
            &Delivery::of(ids, 0),
            now,
        )
    };
    by_service
        .iter()
        .flat_map(|(service, ids)| ids.chunks(MAX_TASK_IDS).map(|ids| task(*service, ids)))
        .collect()
}
