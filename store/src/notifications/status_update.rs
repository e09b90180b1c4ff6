//! What becomes of messages: many at once, each only as `domain` allows.

use std::collections::BTreeMap;

use domain::{NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Tx,
    db::{Arg, args, parameters},
};

/// What has become of a message: the change of its status and what is learnt with it.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// Which message.
    pub id: NotificationId,
    /// What it becomes, if it may.
    pub status: NotificationStatus,
    /// When it was handed over, if it was just now.
    pub sent_at: Option<Timestamp>,
    /// To whom.
    pub sent_by: Option<String>,
    /// The provider's own id for it.
    pub reference: Option<String>,
    /// Fragments or sheets, if they are known now.
    pub billable_units: Option<u32>,
    /// Why it failed, if it did.
    pub problem: Option<String>,
}

/// Records what has become of messages, each only if its status may change so; how many changed.
pub async fn apply(tx: &mut Tx, outcomes: &[StatusUpdate], at: Timestamp) -> Result<u64, Error> {
    let mut by_status: BTreeMap<NotificationStatus, Vec<&StatusUpdate>> = BTreeMap::new();
    for outcome in outcomes {
        by_status.entry(outcome.status).or_default().push(outcome);
    }
    let mut changed = 0;
    for (status, outcomes) in by_status {
        changed += record_alike(tx, status, &outcomes, at).await?;
    }
    Ok(changed)
}

async fn record_alike(
    tx: &mut Tx,
    next: NotificationStatus,
    outcomes: &[&StatusUpdate],
    at: Timestamp,
) -> Result<u64, Error> {
    let from: Vec<&str> = NotificationStatus::sources_of(next)
        .map(NotificationStatus::as_str)
        .collect();
    let mut args = args![next, at];
    let allowed = parameters(args.len() + 1, from.len());
    args.extend(from.into_iter().map(Arg::from));
    let pruned = tx.kind().within(
        "notifications.id",
        outcomes.iter().map(|outcome| outcome.id),
        &mut args,
    );
    let mut values = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        values.push(format!("({})", parameters(args.len() + 1, 6)));
        args.extend(args![
            outcome.id,
            outcome.sent_at,
            outcome.sent_by.as_deref(),
            outcome.reference.as_deref(),
            outcome.billable_units,
            outcome.problem.as_deref(),
        ]);
    }
    // What somebody may have already is not cancelled any more.
    let condition = match next {
        NotificationStatus::Cancelled => "AND notifications.sent_by IS NULL",
        _ => "",
    };
    let sql = format!(
        "WITH learnt (id, sent_at, sent_by, reference, billable_units, problem) AS (VALUES {}) \
         UPDATE notifications SET status = $1, updated_at = $2, \
         sent_at = COALESCE(learnt.sent_at, notifications.sent_at), \
         sent_by = COALESCE(learnt.sent_by, notifications.sent_by), \
         reference = COALESCE(learnt.reference, notifications.reference), \
         billable_units = COALESCE(learnt.billable_units, notifications.billable_units), \
         problem = learnt.problem \
         FROM learnt WHERE notifications.id = learnt.id AND notifications.status IN ({allowed}){pruned} {condition}",
        values.join(", ")
    );
    tx.execute(sql, args).await
}

/// Notes who is about to be given a message that waits, before he is: from now on he may have it, whatever becomes of us,
/// and nobody cancels it. False if it does not wait any more.
pub async fn set_provider(
    tx: &mut Tx,
    service: ServiceId,
    id: NotificationId,
    to: &str,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE notifications SET sent_by = $3 WHERE service_id = $1 AND id = $2 AND status = 'created'",
            args![service, id, to],
        )
        .await?;
    Ok(touched == 1)
}

/// Takes back what was noted before a hand-over: he has said that he does not have it.
pub async fn clear_provider(
    tx: &mut Tx,
    service: ServiceId,
    id: NotificationId,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE notifications SET sent_by = NULL WHERE service_id = $1 AND id = $2 AND status = 'created'",
        args![service, id],
    )
    .await?;
    Ok(())
}
