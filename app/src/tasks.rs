//! Every kind of task, the workers that take it, and what it does: the table of contents of what happens later.
//!
//! Names on the wire are for ever: a kind carries its version, and a retired kind still decodes here and is dropped
//! with a warning.

use async_trait::async_trait;
use domain::{Channel, JobId, Lane, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{NewTask, Pool, Task, Verdict, Work};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{App, deliver, jobs, letters, receipts, schedule};

const DELIVER_EMAIL: &str = "deliver_email.v1";
const DELIVER_SMS: &str = "deliver_sms.v1";
const DELIVER_LETTER: &str = "deliver_letter.v1";
const PROCESS_JOB: &str = "process-job.v1";
const MADE_UP_RECEIPTS: &str = "made-up-receipts.v1";
const RETURNED_LETTERS: &str = "process-returned-letters.v1";
/// Fired by the clock.
pub(crate) const RUN_SCHEDULED_JOBS: &str = "run-scheduled-jobs.v1";
/// Fired by the clock.
pub(crate) const PREPARE_PARTITIONS: &str = "prepare-partitions.v1";

const SEND_EMAIL: &str = "send-email-tasks";
const SEND_SMS: &str = "send-sms-tasks";
const SEND_LETTER: &str = "send-letter-tasks";
/// What keeps the rows of jobs.
pub(crate) const JOBS: &str = "job-tasks";
const RESEARCH_MODE: &str = "research-mode-tasks";
/// What the clock fires, and what is the platform's own.
pub(crate) const PERIODIC: &str = "periodic-tasks";

/// The pools of workers, by the names of the queues of workers §2, with how many tasks each works on at once.
pub const POOLS: &[Pool] = &[
    Pool {
        name: SEND_EMAIL,
        workers: 4,
    },
    Pool {
        name: SEND_SMS,
        workers: 4,
    },
    Pool {
        name: SEND_LETTER,
        workers: 2,
    },
    Pool {
        name: JOBS,
        workers: 4,
    },
    Pool {
        name: RESEARCH_MODE,
        workers: 2,
    },
    Pool {
        name: PERIODIC,
        workers: 2,
    },
];

#[derive(Debug, Serialize, Deserialize)]
struct Ids {
    ids: Vec<NotificationId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct References {
    references: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OneJob {
    job: JobId,
}

/// The workers that hand over messages of this channel.
pub(crate) const fn delivery_pool(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => SEND_EMAIL,
        Channel::Sms => SEND_SMS,
        Channel::Letter => SEND_LETTER,
    }
}

/// Hand over these messages.
pub(crate) fn deliver(
    id: TaskId,
    service_id: ServiceId,
    channel: Channel,
    lane: Lane,
    ids: &[NotificationId],
    now: Timestamp,
) -> NewTask {
    let kind = match channel {
        Channel::Email => DELIVER_EMAIL,
        Channel::Sms => DELIVER_SMS,
        Channel::Letter => DELIVER_LETTER,
    };
    new(
        id,
        delivery_pool(channel),
        lane,
        service_id,
        kind,
        &Ids { ids: ids.to_vec() },
        now,
    )
}

/// Make up the receipts of these messages.
pub(crate) fn made_up_receipts(
    id: TaskId,
    service: ServiceId,
    ids: &[NotificationId],
    now: Timestamp,
) -> NewTask {
    new(
        id,
        RESEARCH_MODE,
        Lane::Normal,
        service,
        MADE_UP_RECEIPTS,
        &Ids { ids: ids.to_vec() },
        now,
    )
}

/// Mark and record the letters with these references, whosever they are.
pub(crate) fn returned_letters(id: TaskId, references: Vec<String>, now: Timestamp) -> NewTask {
    new(
        id,
        PERIODIC,
        Lane::Normal,
        Uuid::nil().into(),
        RETURNED_LETTERS,
        &References { references },
        now,
    )
}

/// Keep the rows of this job.
pub(crate) fn process_job(id: TaskId, service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    new(
        id,
        JOBS,
        Lane::Normal,
        service,
        PROCESS_JOB,
        &OneJob { job },
        now,
    )
}

/// Something that the clock fires. Its id is a function of what it is and when: two clocks enqueue it once.
pub(crate) fn periodic(kind: &'static str, at: Timestamp) -> NewTask {
    let name = Uuid::new_v5(&Uuid::nil(), format!("{kind} {at}").as_bytes());
    new(
        name.into(),
        PERIODIC,
        Lane::Priority,
        Uuid::nil().into(),
        kind,
        &serde_json::json!({}),
        at,
    )
}

fn new(
    id: TaskId,
    pool: &'static str,
    lane: Lane,
    service_id: ServiceId,
    kind: &'static str,
    payload: &impl Serialize,
    now: Timestamp,
) -> NewTask {
    NewTask {
        id,
        pool,
        lane,
        service_id,
        kind,
        payload: serde_json::to_string(payload).expect("ids are writable as JSON"),
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}

#[async_trait]
impl Work for App {
    async fn work(&self, task: &Task) -> Verdict {
        match task.taken().kind.as_str() {
            DELIVER_EMAIL => {
                with(task, async |Ids { ids }| {
                    deliver::deliver(self, task, Channel::Email, &ids).await
                })
                .await
            }
            DELIVER_SMS => {
                with(task, async |Ids { ids }| {
                    deliver::deliver(self, task, Channel::Sms, &ids).await
                })
                .await
            }
            DELIVER_LETTER => {
                with(task, async |Ids { ids }| {
                    deliver::deliver(self, task, Channel::Letter, &ids).await
                })
                .await
            }
            PROCESS_JOB => {
                with(task, async |OneJob { job }| {
                    jobs::process(self, task, job).await
                })
                .await
            }
            MADE_UP_RECEIPTS => {
                with(task, async |Ids { ids }| {
                    receipts::make_up(self, task, &ids).await
                })
                .await
            }
            RETURNED_LETTERS => {
                with(task, async |References { references }| {
                    letters::returned::record(self, task, &references).await
                })
                .await
            }
            RUN_SCHEDULED_JOBS => jobs::run_scheduled(self).await,
            PREPARE_PARTITIONS => schedule::prepare_partitions(self).await,
            other => Verdict::GiveUp(format!(
                "this program knows no task `{other}`: a newer one may have left it"
            )),
        }
    }
}

async fn with<P: DeserializeOwned>(task: &Task, work: impl AsyncFnOnce(P) -> Verdict) -> Verdict {
    match serde_json::from_str(&task.taken().payload) {
        Ok(payload) => work(payload).await,
        Err(error) => Verdict::GiveUp(format!("the payload does not read: {error}")),
    }
}
