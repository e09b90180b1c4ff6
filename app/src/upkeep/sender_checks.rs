//! Looks for services whose senders seem to try out stolen or bought lists of numbers (`docs/spec/workers.md` §16).

use std::time::Duration;

use domain::{Allowance, Channel, ServiceId, Timestamp};
use queue::TaskOutcome;
use store::{Session, notifications::FailureRate, services::Service};
use tracing::{error, warn};

use crate::{App, tasks};

const LOOK_BACK: Duration = Duration::from_hours(24);
/// Texts from which a rate says something.
const MIN_TEXTS: i64 = 10_000;
/// Share of permanent failures that is too high, in percent.
const MAX_FAILED_PERCENT: i64 = 25;
/// Texts to numbers for drama that no honest test needs.
const MAX_TO_TV_NUMBERS: i64 = 500;

/// Warns of live services with many permanent failures, and of those that send to numbers reserved for drama.
pub(crate) async fn run(app: &App) -> TaskOutcome {
    match try_run(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "services with high failure rates could not be looked for, will try again; look at the database"
            );
            tasks::retry_periodic(tasks::CHECK_SENDERS)
        }
    }
}

async fn try_run(app: &App) -> Result<(), store::Error> {
    let now = app.clock.now();
    let mut session = app.read().await?;
    let failing = check_failure_rates(&mut session, now).await?;
    // Whatever the first check found (`docs/spec/workers.md` §16).
    let to_tv = check_tv_numbers(&mut session, now).await?;
    for (reason, count) in [("failure-rate", failing), ("tv-numbers", to_tv)] {
        metrics::gauge!("pillarbox_suspicious_services", "reason" => reason).set(count);
    }
    Ok(())
}

/// Returns how many live services have a high rate of permanent failures, and names them.
async fn check_failure_rates(session: &mut Session, now: Timestamp) -> Result<f64, store::Error> {
    let since = now.minus(LOOK_BACK);
    // The counters say which services sent enough, so that the messages of others are never read.
    let busy =
        store::counters::list_services_with(session, Allowance::Sms, since.utc_day(), MIN_TEXTS)
            .await?;
    let mut found = 0.0;
    for (id, _) in busy {
        let rate = store::notifications::measure_failures(session, id, Channel::Sms, since).await?;
        if is_high(rate)
            && let Some(service) = find_live(session, id).await?
        {
            found += 1.0;
            warn!(
                service.id = %id,
                "service {} ({id}) has had {} permanent failures among {} text messages in 24 hours. Ask its people \
                 where the numbers come from; suspend it if they do not know",
                service.name, rate.failed, rate.total
            );
        }
    }
    Ok(found)
}

const fn is_high(rate: FailureRate) -> bool {
    rate.total >= MIN_TEXTS && rate.failed * 100 >= rate.total * MAX_FAILED_PERCENT
}

/// Returns how many live services have sent many texts to numbers reserved for drama, and names them.
async fn check_tv_numbers(session: &mut Session, now: Timestamp) -> Result<f64, store::Error> {
    // Recipients are sealed, so these were counted by day when they were accepted: up to a day more than 24 hours.
    let since = now.minus(LOOK_BACK).utc_day();
    let least = MAX_TO_TV_NUMBERS + 1;
    let allowance = Allowance::SmsToTvNumbers;
    let senders = store::counters::list_services_with(session, allowance, since, least).await?;
    let mut found = 0.0;
    for (id, count) in senders {
        if let Some(service) = find_live(session, id).await? {
            found += 1.0;
            warn!(
                service.id = %id,
                "service {} ({id}) has sent {count} text messages to numbers for drama (07700 900…) since yesterday. \
                 Its keys may be in the wrong hands: ask its people, and revoke them if they know nothing of it",
                service.name
            );
        }
    }
    Ok(found)
}

async fn find_live(session: &mut Session, id: ServiceId) -> Result<Option<Service>, store::Error> {
    let found = store::services::find(session, id).await?;
    Ok(found.filter(|service| service.active && !service.restricted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_ten_thousand_texts_is_too_many() {
        for (total, failed, expected) in [
            (10_000, 2_500, true),
            (10_000, 2_499, false),
            (9_999, 9_999, false),
            (40_000, 10_000, true),
        ] {
            assert_eq!(
                is_high(FailureRate { total, failed }),
                expected,
                "{total} {failed}"
            );
        }
    }
}
