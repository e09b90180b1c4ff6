//! Measures a job, from the start of its upload to its last stored row.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use app::{
    App,
    jobs::{
        NewJob,
        spreadsheets::{self, Upload, UploadError},
    },
    tasks::POOLS,
};
use domain::{Clock as _, JobId, JobStatus, ServiceId, Timestamp};
use futures::TryStreamExt as _;
use queue::Pool;
use serde::{Deserialize, Serialize};
use tokio_util::{io::ReaderStream, sync::CancellationToken};

use crate::{
    baseline,
    children::{Order, run_child},
    databases::{Backend, DataLocation},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    results::{Measured, Results},
    sample_data,
    usage::Usage,
};

/// Polling interval. It does not limit the precision: the times are those that the platform records.
const LOOK: Duration = Duration::from_millis(20);

/// The job of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    channel: Channel,
    rows: u32,
    /// Whether its messages are sent to the sink meanwhile.
    everything_on: bool,
}

/// The outcome of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Went {
    /// From the first byte of the upload to its response.
    uploaded: Duration,
    /// From the first byte of the upload to the last row written.
    kept: Duration,
    /// From the first byte of the upload to the last message sent, if any was.
    sent: Option<Duration>,
    usage: Usage,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    for &channel in &options.channel {
        for &rows in &options.rows {
            let bare = baseline::rate(backend, channel, rows, true).await?;
            for everything_on in [false, true] {
                results.add(&measure_one(backend, channel, rows, everything_on, bare).await?);
            }
        }
    }
    Ok(())
}

async fn measure_one(
    backend: &Backend,
    channel: Channel,
    rows: u32,
    everything_on: bool,
    bare: f64,
) -> Result<Measured> {
    let fresh = backend.fresh().await?;
    let order = Order::Job(Task {
        location: fresh.location.clone(),
        channel,
        rows,
        everything_on,
    });
    let went: Went = run_child(&order).await?;
    fresh.expect_kept(u64::from(rows)).await?;
    fresh.remove().await?;

    let on = if everything_on {
        "all on"
    } else {
        "delivery off"
    };
    let rest = went.sent.map_or_else(String::new, |all| {
        format!(", all handed over in {:.2} s", all.as_secs_f64())
    });
    Ok(Measured {
        database: backend.name(),
        part: "job",
        what: format!("{} {rows} rows, {on}", channel.as_str()),
        note: format!(
            "kept in {:.2} s, of it the upload {:.2} s{rest}",
            went.kept.as_secs_f64(),
            went.uploaded.as_secs_f64()
        ),
        ..Measured::rate(u64::from(rows), went.kept, bare).with_usage(&went.usage)
    })
}

/// Runs in the child.
pub(crate) async fn send(task: &Task) -> Result<Went> {
    let platform = Platform::open(&task.location, BenchProvider::Sink).await?;
    let file = task.location.directory.join("people.csv");
    sample_data::write_spreadsheet(&file, task.channel, task.rows)?;
    let before = Usage::mine()?;
    let workers = Workers::start(
        &platform.app,
        if task.everything_on {
            POOLS.to_vec()
        } else {
            job_pools()
        },
    );

    let started = RealClock.now();
    let id = upload(&platform, task.channel, &file).await?;
    let uploaded = RealClock.now().since(started);
    let kept_at = wait_until_stored(&platform.app, platform.tenant.service, id).await?;
    let sent = if task.everything_on {
        Some(wait_until_sent(&platform.app).await?.since(started))
    } else {
        None
    };
    workers.stop().await?;
    let usage = Usage::since(&before)?;
    Ok(Went {
        uploaded,
        kept: kept_at.since(started),
        sent,
        usage,
    })
}

/// The pool that runs jobs.
pub(crate) fn job_pools() -> Vec<Pool> {
    POOLS
        .iter()
        .filter(|pool| pool.name == "job-tasks")
        .cloned()
        .collect()
}

/// Uploads a spreadsheet as a stream from the disk.
pub(crate) async fn upload(
    platform: &Platform,
    channel: Channel,
    file: &std::path::Path,
) -> Result<JobId> {
    let upload = Upload {
        service: platform.tenant.service,
        template: platform.tenant.template(channel),
        file_name: "people.csv".to_owned(),
        encoding: None,
        sender_id: None,
        keep: true,
    };
    let body = ReaderStream::with_capacity(tokio::fs::File::open(file).await?, 64 << 10);
    let checked = spreadsheets::upload(
        &platform.app,
        upload,
        body.map_err(|_| UploadError::BrokeOff),
    )
    .await?;
    if !checked.is_valid {
        bail!("the spreadsheet is not valid: {:?}", checked.problems());
    }
    checked.id.context("it was to be kept")
}

/// Creates the job, waits until its rows are written and returns when that was.
pub(crate) async fn wait_until_stored(
    app: &App,
    service: ServiceId,
    id: JobId,
) -> Result<Timestamp> {
    app::jobs::create(
        app,
        NewJob {
            service,
            id: Some(id),
            created_by: None,
            scheduled_for: None,
            contact_list_id: None,
        },
    )
    .await?;
    loop {
        let job = store::jobs::find(&mut app.read().await?, service, id)
            .await?
            .context("the job is gone")?;
        match (job.status, job.processing_finished) {
            (JobStatus::Finished, Some(at)) => return Ok(at),
            (JobStatus::Pending | JobStatus::InProgress, _) => tokio::time::sleep(LOOK).await,
            (status, _) => bail!("the job is {status}: {:?}", job.problem),
        }
    }
}

/// Waits until no task is left and returns when that was.
pub(crate) async fn wait_until_sent(app: &App) -> Result<Timestamp> {
    loop {
        let now = RealClock.now();
        if store::tasks::list_depths(&mut app.read().await?, now)
            .await?
            .is_empty()
        {
            return Ok(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until only callbacks are left.
pub(crate) async fn all_sent(app: &App) -> Result<()> {
    let is_callback = |depth: &store::tasks::Depth| depth.pool.starts_with("service-callbacks");
    loop {
        let depths = store::tasks::list_depths(&mut app.read().await?, RealClock.now()).await?;
        if depths.iter().all(is_callback) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Running workers.
pub(crate) struct Workers {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Workers {
    pub(crate) fn start(app: &App, pools: Vec<Pool>) -> Self {
        let stop = CancellationToken::new();
        let (runner, until) = (app.runner(queue::RunnerSettings::default()), stop.clone());
        Self {
            stop,
            running: tokio::spawn(async move { runner.run(pools, until).await }),
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await?)
    }
}
