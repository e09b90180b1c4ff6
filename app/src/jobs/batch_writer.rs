//! Writes the rows of a job in batches, one while the next is built. A batch is one transaction: its rows, their
//! delivery tasks, and the job's cursor.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, Channel, KeyType, Lane, NotificationId, NotificationStatus, TaskId};
use queue::{Enqueue as _, NewTask, TaskContext};
use store::{Tx, jobs::Job, notifications::SealedRow, stored_bytes::Stored, tasks::LeasedTask};
use tracing::warn;

use super::{process::ProcessError, row_builder::PreparedRow};
use crate::{
    App, ParsedTemplate,
    tasks::{self, Delivery, MAX_TASK_IDS, Step},
};

/// Writes one batch at a time in the background while the caller builds the next.
pub(super) struct BatchWriter<'a> {
    app: &'a App,
    task: &'a TaskContext,
    job: &'a Job,
    lane: Lane,
    cursor: u32,
    bytes_under_way: usize,
    under_way: Option<tokio::task::JoinHandle<Result<Written, store::Error>>>,
}

impl<'a> BatchWriter<'a> {
    pub(super) const fn new(app: &'a App, task: &'a TaskContext, job: &'a Job, lane: Lane) -> Self {
        Self {
            app,
            task,
            job,
            lane,
            cursor: job.rows_kept,
            bytes_under_way: 0,
            under_way: None,
        }
    }

    pub(super) async fn begin(&mut self, rows: Vec<PreparedRow>) -> Result<(), ProcessError> {
        self.flush().await?;
        if rows.is_empty() {
            return Ok(());
        }
        if !self.task.holds_lease(self.app.clock.now()) {
            return Err(ProcessError::Overtaken);
        }
        self.bytes_under_way = rows.iter().map(|row| row.sealed.size_bytes()).sum();
        let before = self.cursor;
        self.cursor += u32::try_from(rows.len()).expect("a batch is small");
        self.under_way = Some(tokio::spawn(write(
            self.app.clone(),
            self.task.leased().clone(),
            self.job.clone(),
            self.lane,
            rows,
            before,
            self.cursor,
        )));
        Ok(())
    }

    /// Returns roughly how many bytes the batch takes that is being written.
    pub(super) const fn bytes_under_way(&self) -> usize {
        self.bytes_under_way
    }

    /// Waits until the batch that is being written is committed.
    pub(super) async fn flush(&mut self) -> Result<(), ProcessError> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        let written = under_way
            .await
            .map_err(|_| ProcessError::Broken("a write panicked".to_owned()))??;
        self.bytes_under_way = 0;
        match written {
            Written::All => Ok(()),
            Written::CursorElsewhere => Err(ProcessError::Overtaken),
            Written::IdsTaken(count) => Err(ProcessError::Broken(format!(
                "{count} of the rows before {} have ids that other messages have: the database is damaged",
                self.cursor
            ))),
        }
    }
}

/// The result of writing a batch.
enum Written {
    All,
    /// Another worker has written these rows, or the job was stopped. Nothing was written.
    CursorElsewhere,
    /// Rows exist that the cursor says are missing. Nothing was written.
    IdsTaken(u64),
}

/// Writes rows, their delivery tasks and the cursor in one transaction.
async fn write(
    app: App,
    task: LeasedTask,
    job: Job,
    lane: Lane,
    rows: Vec<PreparedRow>,
    before: u32,
    after: u32,
) -> Result<Written, store::Error> {
    let now = app.clock.now();
    app.partitions.ensure_today().await;
    let mut tx = app.write().await?;
    if !store::jobs::advance_cursor(&mut tx, job.service_id, job.id, before, after, now).await? {
        return Ok(Written::CursorElsewhere);
    }
    let count = rows.len() as u64;
    let (inserted, pools) = insert_batch(&app, &mut tx, &job, lane, rows).await?;
    if inserted != count {
        return Ok(Written::IdsTaken(count - inserted));
    }
    store::tasks::record_progress(&mut tx, task.id, task.lease).await?;
    app.commit_and_notify(tx, &pools).await?;
    metrics::counter!("pillarbox_notifications_kept_total").increment(inserted);
    Ok(Written::All)
}

/// Inserts rows and the tasks that send them. Returns how many rows were new, and the pools that have work now.
pub(super) async fn insert_batch(
    app: &App,
    tx: &mut Tx,
    job: &Job,
    lane: Lane,
    rows: Vec<PreparedRow>,
) -> Result<(u64, Vec<&'static str>), store::Error> {
    let now = app.clock.now();
    let mut to_send = Vec::with_capacity(rows.len());
    let mut sealed = Vec::with_capacity(rows.len());
    let mut simulated = Vec::new();
    let mut also_counted: BTreeMap<Allowance, u32> = BTreeMap::new();
    let (mut channel, mut refused) = (Channel::Email, 0);
    for row in rows {
        refused += u32::from(!row.is_to_be_sent);
        channel = row.channel;
        if let Some(allowance) = row.also_counts_as {
            *also_counted.entry(allowance).or_default() += 1;
        }
        if row.is_to_be_sent {
            to_send.push((row.sealed.id, row.sealed.size_bytes()));
        }
        if row.receipt_is_simulated {
            simulated.push(row.sealed.id);
        }
        sealed.push(row.sealed);
    }
    if refused > 0 {
        let id = job.id;
        warn!(job.id = %id, "{refused} rows of job {id} have failed validation and will not be sent: each says why");
    }
    let inserted = store::notifications::insert_many(tx, &sealed).await?;
    // The ids of all rows begin with the time at which the job was due.
    let what = Stored::Messages(channel, job.due.utc_day());
    let bytes = sealed.iter().map(SealedRow::stored_bytes).sum();
    store::stored_bytes::add(tx, job.service_id, what, bytes).await?;
    let generate = || TaskId::generate(now, app.random());
    // The letters of a job come from a template.
    let step = Step::first(channel, NotificationStatus::Created);
    let deliver = |delivery: Delivery| NewTask {
        pool: step.pool_for(job.key_type),
        ..tasks::deliver(generate(), job.service_id, step, lane, &delivery, now)
    };
    let report =
        |ids: &[NotificationId]| tasks::simulated_receipts(generate(), job.service_id, ids, now);
    let deliveries = tasks::delivery_batches(to_send).into_iter().map(deliver);
    let tasks: Vec<NewTask> = deliveries
        .chain(simulated.chunks(MAX_TASK_IDS).map(report))
        .collect();
    let pools: BTreeSet<_> = tasks.iter().map(|task| task.pool).collect();
    tx.enqueue(tasks).await?;
    if job.key_type != KeyType::Test {
        // Counted, never rejected: the job's quota was decided when it began (`docs/spec/workers.md` §5.3).
        let day = now.utc_day();
        for (allowance, count) in also_counted {
            store::counters::spend(tx, job.service_id, allowance, day, count, i64::MAX).await?;
        }
    }
    Ok((inserted, pools.into_iter().collect()))
}

/// Returns the lane of a job's rows: the template's own, else `bulk`, behind messages that are sent one by one.
pub(super) fn lane(prepared: &ParsedTemplate) -> Lane {
    match prepared.template.lane {
        Some(Lane::Priority) => Lane::Priority,
        Some(Lane::Normal | Lane::Bulk) | None => Lane::Bulk,
    }
}
