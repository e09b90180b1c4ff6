//! What operators learn of calls to providers: latencies, errors, breakers.

use domain::{AttemptOutcome, Channel};
use providers::SendError;
use store::{
    attempts::AttemptEnd,
    notifications::{Notification, StatusUpdate},
};
use tracing::{error, info};

use super::{
    batch::Batch,
    breaker::{BreakerChange, BreakerState},
};
use crate::App;

/// Messages that leave later than this after they were accepted are late.
const IN_TIME_SECONDS: f64 = 10.0;

/// Counts a call of a provider and its latency.
pub(super) fn record_call(channel: Channel, end: &AttemptEnd) {
    let provider = end.provider.clone().unwrap_or_default();
    metrics::histogram!(
        "pillarbox_provider_call_seconds", "channel" => channel.as_str(), "provider" => provider.clone()
    )
    .record(end.ended_at.since(end.started_at).as_secs_f64());
    if end.outcome != AttemptOutcome::Accepted {
        metrics::counter!(
            "pillarbox_provider_errors_total",
            "channel" => channel.as_str(), "provider" => provider, "outcome" => end.outcome.as_str()
        )
        .increment(1);
    }
}

/// Records how long an accepted message took from its creation until its provider had it.
pub(super) fn record_accepted(
    batch: &Batch<'_>,
    notification: &Notification,
    outcome: &StatusUpdate,
) {
    let Some(provider) = outcome.sent_by.clone() else {
        return;
    };
    let took = batch
        .app
        .clock
        .now()
        .since(notification.created_at)
        .as_secs_f64();
    let (channel, lane) = (batch.channel.as_str(), batch.task.leased().lane.as_str());
    metrics::histogram!(
        "pillarbox_hand_over_seconds", "channel" => channel, "provider" => provider, "lane" => lane
    )
    .record(took);
    let in_time = if took <= IN_TIME_SECONDS { "yes" } else { "no" };
    metrics::counter!(
        "pillarbox_hand_overs_total", "channel" => channel, "lane" => lane, "within_10_seconds" => in_time
    )
    .increment(1);
}

/// Says that a provider gets no calls for a while, or that it is well again.
pub(super) fn log_breaker(
    channel: Channel,
    provider: &str,
    change: BreakerChange,
    error: Option<&SendError>,
) {
    match (change, error) {
        (BreakerChange::Opened, error) => {
            let why = error.map(ToString::to_string).unwrap_or_default();
            error!(
                "the {channel} provider {provider} has failed ten calls in a row and gets one at a time from now on ({why}): \
                 look at its status page; `pillarbox provider deactivate {provider}` takes it out altogether"
            );
        }
        (BreakerChange::Closed, _) => {
            info!("the {channel} provider {provider} is well again");
        }
    }
}

/// Publishes the state of the providers' breakers in this process: 0 closed, 1 half open, 2 open.
pub(super) fn publish_breakers(app: &App) {
    for channel in [Channel::Email, Channel::Sms, Channel::Letter] {
        let states = app.send.slots(channel).breakers();
        for (configured, state) in app.providers.configured(channel).iter().zip(states) {
            let value = match state {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open(_) => 2,
            };
            metrics::gauge!(
                "pillarbox_provider_breaker",
                "channel" => channel.as_str(), "provider" => configured.name.to_owned()
            )
            .set(value);
        }
    }
}

impl App {
    /// Publishes the gauges of the providers. Called every few seconds.
    pub fn publish_provider_metrics(&self) {
        publish_breakers(self);
    }
}
