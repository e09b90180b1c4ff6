//! Scanning supplied letters again that could not be scanned or checked, once what was in the way is mended
//! (`docs/spec/letters.md` §5.2).

use std::{collections::BTreeSet, time::Duration};

use domain::{KeyType, Lane, NotificationId, NotificationStatus, ServiceId, TaskId, Timestamp};
use queue::Enqueue as _;
use tracing::warn;
use uuid::Uuid;

use crate::{
    App,
    letters::{pages::has_pages, precompiled_template},
    tasks::{self, Delivery, Step},
};

/// Letters that are looked at together.
const PAGE: u32 = 500;

/// Why a letter is not scanned again.
#[derive(Debug, thiserror::Error)]
pub enum RescanError {
    /// The service has no such notification.
    #[error("there is no such letter")]
    NoSuch,
    /// It was made from a template, has passed its check, or a virus was found in it.
    #[error(
        "only a letter that was supplied as PDF and could not be scanned or checked can be scanned again"
    )]
    NotFailed,
    /// The file storage does not have it.
    #[error("the PDF of the letter is not in the file storage: its service must send it again")]
    NoPdf,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// What became of letters that were to be scanned again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rescanned {
    /// How many wait for their scan now.
    pub count: u64,
    /// Those that have no PDF in the file storage, and stay as they are.
    pub without_pdf: Vec<NotificationId>,
}

/// Lets a letter that failed before its check was over wait for its scan once more.
pub async fn rescan(
    app: &App,
    service: ServiceId,
    letter: NotificationId,
) -> Result<(), RescanError> {
    let found = store::notifications::find(&mut app.read().await?, service, letter).await?;
    let found = found.ok_or(RescanError::NoSuch)?;
    if found.status != NotificationStatus::TechnicalFailure {
        return Err(RescanError::NotFailed);
    }
    if !has_pages(app, service, letter).await {
        return Err(RescanError::NoPdf);
    }
    match restart(app, service, &[(letter, found.key_type)]).await? {
        0 => Err(RescanError::NotFailed),
        _ => Ok(()),
    }
}

/// Does the same for all such letters of the last `days` days. Running it twice, or twice at once, is harmless.
pub async fn rescan_all(app: &App, days: u32) -> Result<Rescanned, store::Error> {
    let now = app.clock.now();
    let since = now.minus(Duration::from_hours(24 * u64::from(days)));
    let mut rescanned = Rescanned::default();
    for service in store::services::list_ids(&mut app.read().await?).await? {
        rescan_service(app, service, (since, now), &mut rescanned).await?;
    }
    Ok(rescanned)
}

async fn rescan_service(
    app: &App,
    service: ServiceId,
    (since, before): (Timestamp, Timestamp),
    rescanned: &mut Rescanned,
) -> Result<(), store::Error> {
    let mut after = (since, NotificationId::from_uuid(Uuid::nil()));
    loop {
        let page = store::notifications::list_failed_letters(
            &mut app.read().await?,
            (service, precompiled_template::id_of(service)),
            (after, before),
            PAGE,
        )
        .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = (last.created_at, last.id);
        let mut letters = Vec::new();
        for one in page {
            if has_pages(app, service, one.id).await {
                letters.push((one.id, one.key_type));
            } else {
                rescanned.without_pdf.push(one.id);
            }
        }
        rescanned.count += restart(app, service, &letters).await?;
    }
}

/// Moves letters back to the state before their scan, with a task each, and returns how many there were. One that is in
/// another state meanwhile is left alone.
async fn restart(
    app: &App,
    service: ServiceId,
    letters: &[(NotificationId, KeyType)],
) -> Result<u64, store::Error> {
    let now = app.clock.now();
    let ids: Vec<_> = letters.iter().map(|(id, _)| *id).collect();
    let mut tx = app.write().await?;
    let template = precompiled_template::id_of(service);
    let restarted =
        store::notifications::restart_check(&mut tx, (service, template), &ids, now).await?;
    // The same transaction: a letter that waits for its scan always has a task.
    let tasks = letters.iter().filter(|(id, _)| restarted.contains(id));
    let tasks: Vec<_> = tasks
        .map(|(id, key_type)| {
            let task = TaskId::generate(now, app.random());
            queue::NewTask {
                pool: Step::Scan.pool_for(*key_type),
                ..tasks::deliver(
                    task,
                    service,
                    Step::Scan,
                    Lane::Normal,
                    &Delivery::of(&[*id], 0),
                    now,
                )
            }
        })
        .collect();
    let pools: BTreeSet<&'static str> = tasks.iter().map(|task| task.pool).collect();
    tx.enqueue(tasks).await?;
    let pools: Vec<_> = pools.into_iter().collect();
    app.commit_and_notify(tx, &pools).await?;
    for id in &restarted {
        warn!(
            notification.id = %id, service.id = %service,
            "letter {id}, which could not be scanned or checked, is scanned again"
        );
    }
    Ok(restarted.len() as u64)
}
