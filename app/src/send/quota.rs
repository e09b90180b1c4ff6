//! The daily quotas of providers: counted in the database for all processes, of which each reserves some hundred messages at a
//! time. A process that stops forgoes what it has reserved.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use domain::{Channel, Timestamp, UtcDay};
use store::provider_counters::Counter;
use tracing::error;

use crate::App;

/// Name of the counter. It is stored, so it never changes.
const MESSAGES: &str = "messages-by-day";
/// Most messages that a process reserves at a time, besides those that it is about to send.
const MAX_BLOCK: u32 = 1000;

/// What is known of the quotas of a day.
#[derive(Debug, Default)]
pub(super) struct Quotas(Mutex<BTreeMap<(Channel, usize), Day>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    day: UtcDay,
    is_used_up: bool,
}

/// Reserves enough of the quotas of a channel's providers for this many messages, as far as the quotas go.
pub(super) async fn reserve(
    app: &App,
    channel: Channel,
    messages: usize,
) -> Result<(), store::Error> {
    for (place, provider) in app.providers.configured(channel).into_iter().enumerate() {
        if let Some(quota) = provider.limits.daily_quota {
            let counter = Counter {
                channel,
                provider: provider.name,
                name: MESSAGES,
            };
            reserve_of(app, place, counter, quota, messages).await?;
        }
    }
    Ok(())
}

async fn reserve_of(
    app: &App,
    place: usize,
    counter: Counter<'_>,
    quota: u32,
    messages: usize,
) -> Result<(), store::Error> {
    let Counter {
        channel, provider, ..
    } = counter;
    let slots = app.send.slots(channel);
    let day = app.clock.now().utc_day();
    let messages = u64::try_from(messages).unwrap_or(u64::MAX);
    let known = app.send.quotas.find(channel, place);
    match known {
        Some(known) if known.day == day => {
            let has_enough = slots.reserved(place).is_none_or(|left| left >= messages);
            if known.is_used_up || has_enough {
                return Ok(());
            }
        }
        // What is left of yesterday's belongs to yesterday.
        _ => slots.clear_reserved(place),
    }
    let block = u64::from((quota / 100).min(MAX_BLOCK));
    let wanted = i64::try_from(messages.max(block)).unwrap_or(i64::MAX);
    let mut tx = app.write().await?;
    let granted =
        store::provider_counters::reserve(&mut tx, counter, day.number(), wanted, quota.into())
            .await?;
    tx.commit().await?;
    slots.add_reserved(place, u64::try_from(granted).unwrap_or(0));
    let is_used_up = granted < wanted;
    // Once a day for each process: from then on it reserves nothing more.
    if is_used_up {
        error!(
            "the daily quota of the {channel} provider {provider} ({quota} messages) is used up or reserved: raise daily_quota in the \
             settings if the provider allows it, or give its messages to another provider"
        );
    }
    app.send.quotas.put(channel, place, Day { day, is_used_up });
    Ok(())
}

impl Quotas {
    fn find(&self, channel: Channel, place: usize) -> Option<Day> {
        let days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        days.get(&(channel, place)).copied()
    }

    /// Returns whether a provider of the channel has nothing left to reserve today.
    pub(super) fn is_used_up(&self, channel: Channel, now: Timestamp) -> bool {
        let days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_channel = days.iter().filter(|((of, _), _)| *of == channel);
        of_channel.any(|(_, day)| day.is_used_up && day.day == now.utc_day())
    }

    fn put(&self, channel: Channel, place: usize, day: Day) {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        days.insert((channel, place), day);
    }
}
