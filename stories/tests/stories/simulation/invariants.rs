//! The invariants of `ARCHITECTURE.md`, checked after a simulation.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, Channel, Clock as _, JobOrigin, NotificationId};
use pillarbox_stories::{SharedDatabase, World};
use uuid::Uuid;

use super::{
    letters,
    storm::{CALLBACK_URL, Storm, Sums},
};
use crate::jobs;

/// Returns how often each message was sent.
pub(super) fn hand_overs(world: &World) -> BTreeMap<NotificationId, usize> {
    let mut handed = BTreeMap::new();
    let texts = world.sms.accepted().into_iter().map(|sms| sms.id);
    let mails = world.email.accepted().into_iter().map(|email| email.id);
    for id in texts.chain(mails) {
        *handed.entry(NotificationId::from(id)).or_default() += 1;
    }
    handed
}

/// Returns how often each message was accepted after its lease was lost in flight.
pub(super) fn late(world: &World) -> BTreeMap<NotificationId, usize> {
    let mut late = BTreeMap::new();
    for id in world.sms.late().into_iter().chain(world.email.late()) {
        *late.entry(NotificationId::from(id)).or_default() += 1;
    }
    late
}

/// Returns the messages without a recorded outcome.
pub(super) async fn unrecorded(shared_database: &SharedDatabase) -> BTreeSet<NotificationId> {
    let found = shared_database
        .ids("SELECT id FROM notifications WHERE status = 'created'")
        .await;
    found.into_iter().map(NotificationId::from).collect()
}

/// Returns the messages of one channel.
pub(super) async fn of_channel(
    shared_database: &SharedDatabase,
    ids: &[NotificationId],
    channel: Channel,
) -> Vec<NotificationId> {
    let statement = match channel {
        Channel::Sms => "SELECT id FROM notifications WHERE notification_type = 'sms'",
        Channel::Email => "SELECT id FROM notifications WHERE notification_type = 'email'",
        Channel::Letter => "SELECT id FROM notifications WHERE notification_type = 'letter'",
    };
    let found: BTreeSet<_> = shared_database.ids(statement).await.into_iter().collect();
    ids.iter()
        .copied()
        .filter(|id| found.contains(&id.as_uuid()))
        .collect()
}

/// Returns the number of tasks in the queue.
pub(super) async fn tasks_left(shared_database: &SharedDatabase) -> usize {
    shared_database.ids("SELECT id FROM tasks").await.len()
}

/// Checks that the figures by status are what counting the rows gives.
async fn compare_figures(shared_database: &SharedDatabase) -> Result<(), String> {
    let wrong = shared_database
        .ids(
            "SELECT template_id FROM ( \
               SELECT template_id, notification_type, key_type, status, -1 AS number FROM notifications \
               UNION ALL SELECT template_id, notification_type, key_type, status, notification_count \
               FROM ft_notification_status \
               UNION ALL SELECT template_id, notification_type, key_type, status, change \
               FROM ft_notification_status_changes \
             ) GROUP BY template_id, notification_type, key_type, status HAVING sum(number) <> 0",
        )
        .await;
    match wrong.first() {
        Some(template) => Err(format!("the figures of template {template} are wrong")),
        None => Ok(()),
    }
}

/// Checks all invariants; returns the first violation as an error.
pub(super) async fn count(storm: &Storm<'_>, sum: &mut Sums) -> Result<Sums, String> {
    let (world, shared_database) = (&storm.world, storm.shared_database);
    let handed = hand_overs(world);
    let unfinished = unrecorded(shared_database).await;
    let kept: BTreeSet<NotificationId> = shared_database
        .ids("SELECT id FROM notifications")
        .await
        .into_iter()
        .map(NotificationId::from)
        .collect();

    for id in storm.accepted.borrow().iter() {
        if !kept.contains(id) {
            return Err(format!("{id} was accepted and is not there"));
        }
    }
    if let Some(id) = unfinished.first() {
        let accepted = storm.accepted.borrow().contains(id);
        let times = handed.get(id).copied().unwrap_or(0);
        return Err(format!(
            "{id} was kept (accepted: {accepted}), was handed over {times} times, and nothing was recorded of it"
        ));
    }
    if let Some(id) = handed.keys().find(|id| !kept.contains(id)) {
        return Err(format!("{id} was handed over and is not kept"));
    }
    let late = late(world);
    for (id, times) in &handed {
        let silent = unanswered(world, *id);
        let of = |excuses: &BTreeMap<_, usize>| excuses.get(id).copied().unwrap_or(0);
        let allowed = 1 + of(&storm.excused) + of(&late) + silent;
        if *times > allowed {
            return Err(format!(
                "{id} was handed over {times} times, and {allowed} times are excused"
            ));
        }
        sum.twice += (*times - 1) as u64;
    }
    let dead = shared_database.ids("SELECT id FROM dead_letters").await;
    if !dead.is_empty() {
        return Err(format!("{} tasks were given up", dead.len()));
    }
    count_callbacks(storm).await?;
    count_once(storm).await?;
    count_rows(storm, &kept, sum).await?;
    count_spent(storm).await?;
    compare_figures(shared_database).await?;
    letters::count(storm, sum).await?;
    sum.messages += storm.accepted.borrow().len() as u64;
    sum.handed += handed.values().sum::<usize>() as u64;
    Ok(*sum)
}

fn unanswered(world: &World, id: NotificationId) -> usize {
    let texts = world.sms.accepted_silently().into_iter().map(|sms| sms.id);
    let mails = world
        .email
        .accepted_silently()
        .into_iter()
        .map(|email| email.id);
    texts
        .chain(mails)
        .filter(|one| *one == id.as_uuid())
        .count()
}

/// Checks that the service was told of every final status, and of no other.
async fn count_callbacks(storm: &Storm<'_>) -> Result<(), String> {
    let told: BTreeSet<Uuid> = storm
        .world
        .receiver
        .told(CALLBACK_URL)
        .iter()
        .filter_map(|one| one.json()["id"].as_str()?.parse().ok())
        .collect();
    let ended: BTreeSet<Uuid> = storm
        .shared_database
        .ids(
            "SELECT id FROM notifications WHERE notification_type <> 'letter' AND status IN \
             ('delivered', 'permanent-failure', 'temporary-failure', 'technical-failure')",
        )
        .await
        .into_iter()
        .collect();
    if let Some(id) = ended.difference(&told).next() {
        return Err(format!("the service was never told what became of {id}"));
    }
    match told.difference(&ended).next() {
        Some(id) => Err(format!("the service was told of {id}, which has not ended")),
        None => Ok(()),
    }
}

/// Checks that each `Idempotency-Key` made one message.
async fn count_once(storm: &Storm<'_>) -> Result<(), String> {
    for (key, ids) in storm.once.borrow().iter() {
        if ids.len() != 1 {
            return Err(format!(
                "{} messages were accepted for key {key}",
                ids.len()
            ));
        }
    }
    let twice = storm
        .shared_database
        .ids(
            "SELECT max(id) FROM notifications WHERE client_reference LIKE 'once %'
              GROUP BY client_reference HAVING count(*) > 1",
        )
        .await;
    match twice.first() {
        Some(id) => Err(format!("{id} was kept twice for one key")),
        None => Ok(()),
    }
}

/// Checks that every row of every job is stored once under its own id.
async fn count_rows(
    storm: &Storm<'_>,
    kept: &BTreeSet<NotificationId>,
    sum: &mut Sums,
) -> Result<(), String> {
    for (job, rows) in &storm.jobs {
        let status = storm.world.job_status(storm.service.id, job).await;
        let origin = JobOrigin {
            job: job.parse().unwrap(),
            service: storm.service.id,
            due: status["scheduled_for"]
                .as_str()
                .or(status["created_at"].as_str())
                .unwrap()
                .parse()
                .unwrap(),
        };
        let are_kept = (0..*rows).filter(|row| kept.contains(&origin.row(*row)));
        let (are_kept, is_over) = (are_kept.count(), status["job_status"].as_str());
        let was_cancelled = storm.cancelled.borrow().contains(job);
        match is_over {
            // Rows that were stored before the job was paused and cancelled are sent, and no others.
            Some("cancelled") if status["rows_kept"] == are_kept => {
                continue;
            }
            Some("finished" | "finished all notifications created")
                if are_kept == *rows as usize && !was_cancelled => {}
            _ => {
                return Err(format!(
                    "job {job} is {is_over:?} (a caller was told that it is cancelled: {was_cancelled}), \
                     and {are_kept} of its {rows} rows are kept"
                ));
            }
        }
        let counted: u64 = status["statistics"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["count"].as_u64())
            .sum();
        if counted != u64::from(*rows) {
            return Err(format!("job {job} of {rows} rows has {counted} messages"));
        }
        debug_assert_eq!(jobs::count(&status, "created"), 0);
        sum.rows += u64::from(*rows);
    }
    Ok(())
}

/// Checks that the daily counters equal what was stored.
async fn count_spent(storm: &Storm<'_>) -> Result<(), String> {
    let world = &storm.world;
    let mut session = world.app.read().await.map_err(|fault| fault.to_string())?;
    let today = world.clock.now().utc_day();
    for (allowance, statement) in [
        (
            Allowance::Sms,
            "SELECT id FROM notifications WHERE notification_type = 'sms' AND key_type <> 'test'",
        ),
        (
            Allowance::Email,
            "SELECT id FROM notifications WHERE notification_type = 'email' AND key_type <> 'test'",
        ),
    ] {
        let kept = storm.shared_database.ids(statement).await.len();
        let spent = store::counters::find_spent(&mut session, storm.service.id, allowance, today)
            .await
            .map_err(|fault| fault.to_string())?;
        if usize::try_from(spent) != Ok(kept) {
            return Err(format!(
                "{kept} {allowance} messages are kept and {spent} are spent"
            ));
        }
    }
    Ok(())
}
