//! Groups that cannot be saved: they are taken apart, and what is wrong with them is set aside.

use bytes::Bytes;
use domain::Channel;
use intake::{DeliveryId, LogError, LogReader, queue_name};
use tracing::error;

use super::{Failure, OpenGroup, SaveError, store};
use crate::{
    App,
    accept::{Encoded, PendingNotification, pack},
};

/// Saves a group by itself; if that fails too, each of its notifications. Those that fail are set aside.
pub(super) async fn save_alone(
    app: &App,
    queue: Channel,
    reader: &mut dyn LogReader,
    group: OpenGroup,
) -> Result<(), SaveError> {
    let OpenGroup {
        delivery,
        notifications,
    } = group;
    match store(app, queue, &notifications).await {
        Ok(()) => return Ok(reader.acknowledge(&[delivery.id]).await?),
        Err(Failure::Passing(error)) => return Err(error.into()),
        Err(Failure::Poison(_)) => {}
    }
    let (mut bad, mut reason) = (Vec::new(), String::new());
    for one in notifications {
        match store(app, queue, std::slice::from_ref(&one)).await {
            Ok(()) => {}
            Err(Failure::Passing(error)) => return Err(error.into()),
            Err(Failure::Poison(why)) => {
                alarm_of_one(&one, &why);
                reason = why;
                bad.push(one);
            }
        }
    }
    if bad.is_empty() {
        return Ok(reader.acknowledge(&[delivery.id]).await?);
    }
    let encoded: Vec<Encoded> = bad.iter().map(Encoded::new).collect();
    // A part of a group fits where the whole did.
    let rest = pack(app.store.keyring(), &encoded, usize::MAX);
    let rest = rest
        .into_iter()
        .next()
        .map_or(delivery.group, |(rest, _)| rest);
    Ok(set_aside(reader, queue, delivery.id, rest, &reason).await?)
}

/// Sets a group aside, with an alert.
pub(super) async fn set_aside(
    reader: &mut dyn LogReader,
    queue: Channel,
    delivery: DeliveryId,
    rest: Bytes,
    reason: &str,
) -> Result<(), LogError> {
    let name = queue_name(queue);
    reader.set_aside(delivery, rest, reason).await?;
    metrics::counter!("pillarbox_intake_aside_total", "queue" => name).increment(1);
    error!(
        "a group of accepted messages in {name} cannot be saved and is set aside: {reason}. None of it is lost: remove \
         the cause, then `pillarbox intake replay`"
    );
    Ok(())
}

fn alarm_of_one(one: &PendingNotification, why: &str) {
    let id = one.sealed.id;
    // The text is that of the specification (`docs/spec/workers.md` §6).
    error!(notification.id = %id, "Max retry failed Failed to persist notification {id}: {why}");
}

/// Returns an error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
