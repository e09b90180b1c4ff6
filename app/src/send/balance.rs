//! Balancing the providers of a channel (`docs/spec/workers.md` §8): ten points away from one that fails or is slow, and back
//! to the middle when nothing has happened for a while. What one loses, every other active provider gains in proportion.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{AttemptOutcome, Channel, Timestamp};
use queue::TaskOutcome;
use store::{
    Tx,
    attempts::AttemptEnd,
    delivery_times::{self, DeliveryTimes},
    provider_counters::{self, Counter},
    providers::ProviderDetails,
};
use tracing::{error, info, warn};

use crate::{App, tasks};

/// Points that a provider loses, and that it moves back by.
const STEP: u32 = 10;
/// Errors of a provider in [`ERROR_WINDOW`] that are still no reason to reduce it.
const MAX_ERRORS: i64 = 50;
/// The window in which errors are counted, and the pieces that it is counted in.
const ERROR_WINDOW: Duration = Duration::from_mins(1);
const ERROR_PERIOD_SECONDS: i64 = 5;
/// Names of counters. They are stored, so they never change.
const ERRORS: &str = "errors";
const SLOW_RUNS: &str = "slow-runs";
/// Nothing is reduced for errors if a provider was changed less than this ago.
const ERROR_GUARD: Duration = Duration::from_mins(1);
/// The same for slow delivery.
const SLOW_GUARD: Duration = Duration::from_mins(5);
/// Providers move back to their resting points when none was changed for this long.
const REST_AFTER: Duration = Duration::from_mins(15);
/// Deliveries that are looked at: of text messages created in this time.
const MEASURED: Duration = Duration::from_mins(15);
/// A provider is slow if at least this share of its messages, in percent, took [`SLOW`] or more.
const SLOW_PERCENT: i64 = 15;
const SLOW: Duration = Duration::from_mins(5);
/// The whole channel is slow at this share, and an alarm is raised after so many slow runs in a row.
const ALARM_PERCENT: i64 = 10;
const ALARM_RUNS: i64 = 10;

/// Channels whose messages several providers can send.
const BALANCED: [Channel; 2] = [Channel::Email, Channel::Sms];

/// Counts the errors among these attempts, in the transaction that records them.
pub(super) async fn count_errors<'a>(
    tx: &mut Tx,
    channel: Channel,
    ends: impl Iterator<Item = &'a AttemptEnd>,
    now: Timestamp,
) -> Result<(), store::Error> {
    let mut errors: BTreeMap<&str, i64> = BTreeMap::new();
    for end in ends.filter(|end| is_error(end.outcome)) {
        if let Some(provider) = &end.provider {
            *errors.entry(provider).or_default() += 1;
        }
    }
    // In the order of their names, so that two processes wait for each other instead of deadlocking.
    for (provider, count) in &errors {
        let counter = Counter {
            channel,
            provider,
            name: ERRORS,
        };
        provider_counters::add(tx, counter, error_period(now), *count).await?;
    }
    Ok(())
}

/// Returns the providers that had errors among these attempts.
pub(super) fn failing_providers(ends: &[AttemptEnd]) -> BTreeSet<&str> {
    let errors = ends.iter().filter(|end| is_error(end.outcome));
    errors.filter_map(|end| end.provider.as_deref()).collect()
}

/// Returns whether an outcome is an error of the provider. One that refuses a message or a recipient has done its work.
const fn is_error(outcome: AttemptOutcome) -> bool {
    matches!(
        outcome,
        AttemptOutcome::Throttled | AttemptOutcome::Unavailable | AttemptOutcome::Unknown
    )
}

const fn error_period(now: Timestamp) -> i64 {
    now.unix_seconds().div_euclid(ERROR_PERIOD_SECONDS)
}

/// Reduces those of these providers that have had too many errors in the last minute. A failure to do so is logged: the
/// next error tries again.
pub(super) async fn reduce_failing(app: &App, channel: Channel, providers: BTreeSet<&str>) {
    if !BALANCED.contains(&channel) {
        return;
    }
    for provider in providers {
        if let Err(fault) = reduce_if_failing(app, channel, provider).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot reduce the {channel} provider {provider} after errors"
            );
        }
    }
}

async fn reduce_if_failing(
    app: &App,
    channel: Channel,
    provider: &str,
) -> Result<(), store::Error> {
    let counter = Counter {
        channel,
        provider,
        name: ERRORS,
    };
    let first = error_period(app.clock.now().minus(ERROR_WINDOW)) + 1;
    let errors = provider_counters::sum_since(&mut app.read().await?, counter, first).await?;
    if errors <= MAX_ERRORS {
        return Ok(());
    }
    let reason = format!("{errors} errors within a minute");
    reduce(app, channel, provider, ERROR_GUARD, &reason).await
}

/// Takes ten points from a provider and gives them to the others, unless a provider of the channel was changed less than
/// `guard` ago.
async fn reduce(
    app: &App,
    channel: Channel,
    provider: &str,
    guard: Duration,
    reason: &str,
) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let rows = lock_configured(app, &mut tx, channel).await?;
    let active: Vec<ProviderDetails> = rows.into_iter().filter(|row| row.active).collect();
    if active.len() < 2 || changed_within(&active, guard, now) {
        info!(
            "the {channel} provider {provider} is not reduced: there is no other, or one was changed just now"
        );
        return Ok(());
    }
    let Some(place) = active.iter().position(|row| row.identifier == provider) else {
        return Ok(());
    };
    let before: Vec<u32> = active.iter().map(|row| row.priority).collect();
    let after = shifted(&before, place);
    write_priorities(
        &mut tx,
        &active,
        &after,
        now,
        &format!("{provider}: {reason}"),
    )
    .await?;
    tx.commit().await?;
    app.invalidate_providers().await;
    if after != before {
        warn!(
            "the {channel} provider {provider} has had {reason}: its share is now {} instead of {}; look at its status page and \
             at `pillarbox provider list`, and deactivate it if it is down",
            after[place], before[place]
        );
    }
    Ok(())
}

/// Locks the rows of a channel and returns those that the settings of this process name: a provider that was removed from
/// the settings must not gain points.
async fn lock_configured(
    app: &App,
    tx: &mut Tx,
    channel: Channel,
) -> Result<Vec<ProviderDetails>, store::Error> {
    let mut rows = store::providers::lock_channel(tx, channel).await?;
    let configured = app.providers.configured(channel);
    rows.retain(|row| configured.iter().any(|one| one.name == row.identifier));
    Ok(rows)
}

fn changed_within(rows: &[ProviderDetails], guard: Duration, now: Timestamp) -> bool {
    rows.iter()
        .filter_map(|row| row.updated_at)
        .any(|at| now.since(at) < guard)
}

async fn write_priorities(
    tx: &mut Tx,
    rows: &[ProviderDetails],
    priorities: &[u32],
    now: Timestamp,
    reason: &str,
) -> Result<(), store::Error> {
    for (row, priority) in rows.iter().zip(priorities) {
        if row.priority != *priority {
            let changed = ProviderDetails {
                priority: *priority,
                version: row.version + 1,
                updated_at: Some(now),
                created_by: None,
                reason: Some(reason.to_owned()),
                ..row.clone()
            };
            store::providers::update(tx, &changed).await?;
        }
    }
    Ok(())
}

/// Returns the priorities after the one at `place` has lost ten points, not below 0, and the others have gained ten in
/// proportion to what they have, none above 100.
fn shifted(priorities: &[u32], place: usize) -> Vec<u32> {
    let mut after = priorities.to_vec();
    after[place] = priorities[place].saturating_sub(STEP);
    let mut gain = priorities[place] - after[place];
    let others: Vec<usize> = (0..priorities.len())
        .filter(|other| *other != place)
        .collect();
    let total: u32 = others.iter().map(|other| priorities[*other]).sum();
    let mut rest = total;
    for (index, other) in others.iter().enumerate() {
        let left = u32::try_from(others.len() - index).unwrap_or(u32::MAX);
        // The last one gets what rounding has left; where all have nothing, each gets as much.
        let share = if total == 0 {
            gain.div_ceil(left)
        } else {
            let rounded = gain * priorities[*other] + rest / 2;
            rounded.checked_div(rest).unwrap_or(0)
        };
        rest -= priorities[*other];
        gain -= share;
        after[*other] = (priorities[*other] + share).min(100);
    }
    after
}

/// Returns a priority ten points nearer to where it rests, not past it.
fn tended(priority: u32, resting: u32) -> u32 {
    if priority < resting {
        (priority + STEP).min(resting)
    } else {
        priority.saturating_sub(STEP).max(resting)
    }
}

/// Moves providers back to their resting points. Each run is one step.
pub(crate) async fn tend_back(app: &App) -> TaskOutcome {
    for channel in BALANCED {
        if let Err(fault) = try_tend_back(app, channel).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot move the providers of {channel} back to the middle, will try again"
            );
            return tasks::retry_periodic(tasks::TEND_PROVIDERS);
        }
    }
    TaskOutcome::Completed
}

async fn try_tend_back(app: &App, channel: Channel) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let rows = lock_configured(app, &mut tx, channel).await?;
    if !changed_within(&rows, REST_AFTER, now) {
        let tended: Vec<u32> = rows
            .iter()
            .map(|row| tended(row.priority, row.resting_priority))
            .collect();
        write_priorities(&mut tx, &rows, &tended, now, "back to the middle").await?;
    }
    // Errors are looked at for a minute.
    provider_counters::delete_before(&mut tx, ERRORS, error_period(now.minus(REST_AFTER))).await?;
    tx.commit().await?;
    app.invalidate_providers().await;
    Ok(())
}

/// Reduces a text message provider that is slow while another is not.
pub(crate) async fn reduce_slow(app: &App) -> TaskOutcome {
    match try_reduce_slow(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot look for slow delivery, will try again"
            );
            tasks::retry_periodic(tasks::REDUCE_SLOW_PROVIDERS)
        }
    }
}

async fn try_reduce_slow(app: &App) -> Result<(), store::Error> {
    let found = measure(app).await?;
    let rows = store::providers::list(&mut app.read().await?).await?;
    let active = rows
        .iter()
        .filter(|row| row.notification_type == Channel::Sms && row.active);
    let (slow, well): (Vec<_>, Vec<_>) = active.map(|row| &*row.identifier).partition(|provider| {
        found
            .iter()
            .any(|one| one.provider == **provider && is_slow(one))
    });
    // If all are slow, the networks or our own receipts are, and no provider is better.
    if well.is_empty() {
        return Ok(());
    }
    for provider in slow {
        warn!("Slow delivery notifications detected for provider {provider}");
        reduce(app, Channel::Sms, provider, SLOW_GUARD, "slow deliveries").await?;
    }
    Ok(())
}

async fn measure(app: &App) -> Result<Vec<DeliveryTimes>, store::Error> {
    let now = app.clock.now();
    let thresholds = [Duration::from_mins(1), SLOW, Duration::from_mins(10)];
    let mut session = app.read().await?;
    delivery_times::measure_sms(&mut session, now.minus(MEASURED), now, thresholds).await
}

fn is_slow(times: &DeliveryTimes) -> bool {
    times.total > 0 && times.slower[1] * 100 >= times.total * SLOW_PERCENT
}

/// Publishes how fast text messages are delivered, and raises an alarm when many are slow for ten runs in a row.
pub(crate) async fn publish_delivery_stats(app: &App) -> TaskOutcome {
    match try_publish_delivery_stats(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot measure deliveries, will try again"
            );
            tasks::retry_periodic(tasks::GENERATE_SMS_DELIVERY_STATS)
        }
    }
}

async fn try_publish_delivery_stats(app: &App) -> Result<(), store::Error> {
    let found = measure(app).await?;
    for times in &found {
        for (minutes, slower) in ["1", "5", "10"].into_iter().zip(times.slower) {
            metrics::gauge!(
                "pillarbox_sms_slow_share", "provider" => times.provider.clone(), "minutes" => minutes
            )
            .set(share(slower, times.total));
        }
    }
    for row in store::providers::list(&mut app.read().await?).await? {
        let priority = if row.active { row.priority } else { 0 };
        metrics::gauge!(
            "pillarbox_provider_priority",
            "channel" => row.notification_type.as_str(), "provider" => row.identifier
        )
        .set(priority);
    }
    let total: i64 = found.iter().map(|times| times.total).sum();
    let slow: i64 = found.iter().map(|times| times.slower[1]).sum();
    let is_bad = total > 0 && slow * 100 >= total * ALARM_PERCENT;
    if count_slow_runs(app, is_bad).await? == ALARM_RUNS {
        error!(
            "{slow} of {total} text messages of the last 15 minutes took five minutes or more, in ten measurements in a row: \
             look at the status pages of the providers, and whether their receipts arrive"
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a quarter of an hour")]
fn share(part: i64, total: i64) -> f64 {
    if total == 0 {
        0.0
    } else {
        part as f64 / total as f64
    }
}

/// Counts the slow runs in a row, of whichever process, and returns how many there are now.
async fn count_slow_runs(app: &App, is_bad: bool) -> Result<i64, store::Error> {
    let counter = Counter {
        channel: Channel::Sms,
        provider: "",
        name: SLOW_RUNS,
    };
    let mut tx = app.write().await?;
    if is_bad {
        provider_counters::add(&mut tx, counter, 0, 1).await?;
    } else {
        provider_counters::delete_before(&mut tx, SLOW_RUNS, 1).await?;
    }
    let runs = provider_counters::sum_since(&mut tx, counter, 0).await?;
    tx.commit().await?;
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_gain_in_proportion_what_one_loses() {
        for (before, place, after) in [
            (vec![51, 49], 0, vec![41, 59]),
            (vec![5, 95], 0, vec![0, 100]),
            (vec![0, 100], 0, vec![0, 100]),
            (vec![100, 100], 0, vec![90, 100]),
            (vec![60, 30, 10], 0, vec![50, 38, 12]),
            (vec![40, 0, 0], 0, vec![30, 5, 5]),
            (vec![34, 33, 33], 1, vec![39, 23, 38]),
            (vec![7, 0, 0, 0], 0, vec![0, 3, 2, 2]),
        ] {
            assert_eq!(shifted(&before, place), after, "{before:?} {place}");
        }
    }

    #[test]
    fn a_provider_moves_back_ten_points_and_not_past_its_resting_point() {
        assert_eq!(tended(11, 51), 21);
        assert_eq!(tended(45, 51), 51);
        assert_eq!(tended(89, 49), 79);
        assert_eq!(tended(55, 49), 49);
        assert_eq!(tended(49, 49), 49);
        assert_eq!(tended(0, 0), 0);
    }

    #[test]
    fn fifteen_percent_are_slow() {
        let times = |total, slow| DeliveryTimes {
            provider: "mmg".into(),
            total,
            slower: [total, slow, 0],
        };
        assert!(!is_slow(&times(0, 0)));
        assert!(!is_slow(&times(100, 14)));
        assert!(is_slow(&times(100, 15)));
    }
}
