//! The baseline: rows with the same columns and sizes, sealed beforehand, inserted a thousand to a commit.

use std::time::{Duration, Instant};

use anyhow::Result;
use domain::{Clock as _, JobId, JobOrigin, KeyType, NotificationId, NotificationStatus};
use serde::{Deserialize, Serialize};
use store::notifications::{Contents, NewNotification, SealedRow, insert_many};

use crate::{
    children::{Order, run_child},
    databases::{Backend, DataLocation},
    options::Channel,
    platform::{BenchProvider, Platform, RealClock, SystemRandom},
    results::per_second,
    sample_data::Person,
};

pub(crate) const ROWS_A_COMMIT: usize = 1000;

/// The rows of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    channel: Channel,
    rows: u32,
    /// Whether the rows look like those of a job, or like those of single requests.
    of_a_job: bool,
}

/// Measures how many bare rows a second can be inserted.
pub(crate) async fn rate(
    backend: &Backend,
    channel: Channel,
    rows: u32,
    of_a_job: bool,
) -> Result<f64> {
    let fresh = backend.fresh().await?;
    let took: Duration = run_child(&Order::Baseline(Task {
        location: fresh.location.clone(),
        channel,
        rows,
        of_a_job,
    }))
    .await?;
    fresh.expect_kept(u64::from(rows)).await?;
    fresh.remove().await?;
    Ok(per_second(u64::from(rows), took))
}

/// Inserts the rows and returns how long it took.
pub(crate) async fn insert(task: &Task) -> Result<Duration> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let job = JobOrigin {
        job: JobId::generate(RealClock.now(), &SystemRandom),
        service: platform.tenant.service,
        due: RealClock.now(),
    };
    let mut batches: Vec<Vec<SealedRow>> = Vec::new();
    for number in 0..task.rows {
        if (number as usize).is_multiple_of(ROWS_A_COMMIT) {
            batches.push(Vec::with_capacity(ROWS_A_COMMIT));
        }
        let job = task.of_a_job.then_some(&job);
        let sealed = row(&platform, task.channel, job, number).seal(platform.app.store().keyring());
        batches.last_mut().expect("one was just begun").push(sealed);
    }
    let started = Instant::now();
    for batch in batches {
        let mut tx = platform.app.store().write().await?;
        insert_many(&mut tx, &batch).await?;
        tx.commit().await?;
    }
    Ok(started.elapsed())
}

/// Returns a message as a job writes it, or as a single request does.
pub(crate) fn row(
    platform: &Platform,
    channel: Channel,
    job: Option<&JobOrigin>,
    number: u32,
) -> NewNotification {
    let (person, now) = (Person(number), RealClock.now());
    let is_text = channel == Channel::Sms;
    NewNotification {
        id: job.map_or_else(
            || NotificationId::generate(now, &SystemRandom),
            |job| job.row(number),
        ),
        service_id: platform.tenant.service,
        job_row: job.map(|job| (job.job, number)),
        template_id: platform.tenant.template(channel),
        template_version: 1,
        api_key_id: job.is_none().then_some(platform.tenant.key),
        key_type: KeyType::Normal,
        channel: if is_text {
            domain::Channel::Sms
        } else {
            domain::Channel::Email
        },
        status: NotificationStatus::Created,
        contents: Contents {
            recipient: person.recipient(channel).into(),
            normalised: person.normalised(channel).into(),
            personalisation: person.personalisation(channel).into(),
            unsubscribe_url: None,
        },
        client_reference: None,
        reply_to_text: is_text.then(|| "RiversideCo".to_owned()),
        international: false,
        phone_prefix: is_text.then(|| "44".to_owned()),
        rate_multiplier: is_text.then_some(1),
        postage: None,
        reference: None,
        documents: 0,
        created_by: None,
        created_at: now,
        problem: None,
    }
}
