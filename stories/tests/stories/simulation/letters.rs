//! The invariants of letters: each is printed once unless it was cancelled before, and every count is right.

use std::collections::{BTreeMap, BTreeSet};

use app::letters::response_files;
use domain::{Allowance, Clock as _, NotificationId};

use super::storm::{Storm, Sums};

pub(super) async fn count(storm: &Storm<'_>, sum: &mut Sums) -> Result<(), String> {
    let Some(letters) = &storm.letters else {
        return Ok(());
    };
    let ids = async |condition: &str| -> BTreeSet<NotificationId> {
        let found = storm.shared_database.ids(format!(
            "SELECT id FROM notifications WHERE notification_type = 'letter' AND {condition}"
        ));
        found.await.into_iter().map(NotificationId::from).collect()
    };
    let (kept, cancelled) = (ids("1 = 1").await, ids("status = 'cancelled'").await);
    if let Some(id) = letters.accepted.borrow().difference(&kept).next() {
        return Err(format!("letter {id} was accepted and is not there"));
    }
    if let Some(id) = letters.cancelled.borrow().difference(&cancelled).next() {
        return Err(format!("a caller was told that letter {id} is cancelled"));
    }
    let mut printed: BTreeMap<NotificationId, usize> = BTreeMap::new();
    let references = storm.world.print_drop.printed();
    for reference in &references {
        for id in ids(&format!("reference = '{reference}'")).await {
            *printed.entry(id).or_default() += 1;
        }
    }
    for id in &kept {
        let times = printed.get(id).copied().unwrap_or_default();
        let expected = usize::from(!cancelled.contains(id));
        if times != expected {
            return Err(format!(
                "letter {id} was printed {times} times in place of {expected}"
            ));
        }
    }
    let reported: BTreeSet<&String> = letters.files.values().flatten().collect();
    for reference in &references {
        let status = if reported.contains(reference) {
            "delivered"
        } else {
            "sending"
        };
        let condition = format!("reference = '{reference}' AND status = '{status}'");
        if ids(&condition).await.len() != 1 {
            return Err(format!(
                "letter {reference} was printed and is not {status}"
            ));
        }
    }
    count_files(storm).await?;
    count_spent(storm, kept.len() - cancelled.len()).await?;
    sum.letters += kept.len() as u64;
    Ok(())
}

/// Checks that each response file counts once.
async fn count_files(storm: &Storm<'_>) -> Result<(), String> {
    let Some(letters) = &storm.letters else {
        return Ok(());
    };
    let day = response_files::parse_day("2026-03-02").expect("a day");
    let counts = response_files::list_counts(&storm.world.app, day, day).await;
    let counts = counts.map_err(|fault| fault.to_string())?;
    let counted: BTreeMap<String, usize> = counts
        .into_iter()
        .map(|one| {
            (
                one.file_name,
                (one.sorted_count + one.unsorted_count) as usize,
            )
        })
        .collect();
    let expected: BTreeMap<String, usize> = letters
        .files
        .iter()
        .map(|(name, lines)| (name.clone(), lines.len()))
        .collect();
    if counted == expected {
        Ok(())
    } else {
        Err(format!(
            "the files {expected:?} were counted as {counted:?}"
        ))
    }
}

/// Checks that cancelled letters were given back to the quota.
async fn count_spent(storm: &Storm<'_>, left: usize) -> Result<(), String> {
    let world = &storm.world;
    let mut session = world.app.read().await.map_err(|fault| fault.to_string())?;
    let (service, today) = (storm.service.id, world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, service, Allowance::Letter, today);
    let spent = spent.await.map_err(|fault| fault.to_string())?;
    if usize::try_from(spent) == Ok(left) {
        Ok(())
    } else {
        Err(format!(
            "{left} letters are to be sent and {spent} are spent"
        ))
    }
}
