//! A response file of the print provider, applied to letters of which a fifth is archived: both tasks, one after the other.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use app::{letters::response_files, tasks::POOLS};
use domain::{Clock as _, NotificationId, NotificationStatus};
use serde::{Deserialize, Serialize};
use store::notifications::insert_many;

use crate::{
    baseline::{ROWS_A_COMMIT, row},
    children::{self, Order},
    databases::{Backend, DataLocation},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    results::{Measured, Results},
    usage::{Run, Usage},
};

/// A measurement of a response file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    lines: u32,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let lines = options.lines;
    let fresh = backend.fresh().await?;
    let run: Run = children::run_child(&Order::Responses(Task {
        location: fresh.location.clone(),
        lines,
    }))
    .await?;
    fresh.remove().await?;
    results.add(&Measured {
        database: backend.name(),
        part: "responses",
        what: "lines of a response file".to_owned(),
        note: format!("{:.1} s", run.took.as_secs_f64()),
        ..Measured::alone(u64::from(lines), run.took).with_usage(&run.usage)
    });
    Ok(())
}

/// Runs in the child.
pub(crate) async fn apply(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let mut file = String::new();
    for first in (0..task.lines).step_by(ROWS_A_COMMIT) {
        let numbers = first..task.lines.min(first + u32::try_from(ROWS_A_COMMIT)?);
        for number in numbers.clone() {
            writeln!(file, "{}|Sent|0|Sorted", reference(number))?;
        }
        insert(&platform, numbers).await?;
    }
    let key = "NOTIFY-20260302170000-RSP.TXT";
    response_files::upload(&platform.app, key, file.as_bytes()).await?;
    let (before, started) = (Usage::mine()?, RealClock.now());
    let runner = platform.app.runner(queue::RunnerSettings::default());
    let tasks = runner.drain(POOLS).await;
    let took = RealClock.now().since(started);
    ensure!(tasks == 2, "{tasks} tasks ran in place of two");
    let usage = Usage::since(&before)?;
    let day = response_files::parse_day("2026-03-02").expect("a day");
    let counted = response_files::list_counts(&platform.app, day, day).await?;
    ensure!(
        counted.iter().map(|one| one.sorted_count).sum::<u32>() == task.lines,
        "not every line was counted"
    );
    children::reply(&Run { took, usage })
}

fn reference(number: u32) -> String {
    format!("LETTER{number:010}")
}

/// Stores letters that are being printed, and makes every fifth portion history.
async fn insert(platform: &Platform, numbers: std::ops::Range<u32>) -> Result<()> {
    let is_archived = (numbers.start as usize / ROWS_A_COMMIT) % 5 == 4;
    let letters: Vec<_> = numbers
        .map(|number| {
            let mut letter = row(platform, Channel::Sms, None, number);
            letter.channel = domain::Channel::Letter;
            letter.status = NotificationStatus::Sending;
            letter.reference = Some(reference(number));
            letter.seal(platform.app.store().keyring())
        })
        .collect();
    let mut tx = platform.app.store().write().await?;
    insert_many(&mut tx, &letters).await?;
    if is_archived {
        let ids: Vec<NotificationId> = letters.iter().map(|letter| letter.id).collect();
        let service = platform.tenant.service;
        store::history::insert_from_notifications(&mut tx, service, &ids).await?;
        store::history::delete(&mut tx, service, &ids).await?;
    }
    tx.commit().await?;
    Ok(())
}
