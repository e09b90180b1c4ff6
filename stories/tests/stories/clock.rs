//! The schedule through the year: through both nights on which the clocks change, and after a week in which no
//! process ran it. Runs are counted by local day.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use app::App;
use async_trait::async_trait;
use domain::{Clock, JobId, NotificationStatus, Timestamp};
use pillarbox_stories::{ManualClock, TestService, World};
use queue::{DatabaseSource, Runner, TaskContext, TaskHandler, TaskOutcome};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    auditors::lose_tasks,
    jobs::{count, people},
    retention::{is_there, sent, until},
};

/// Tasks that run once a day.
const DAILY: [&str; 6] = [
    "timeout-sending-notifications.v1",
    "archive-unsubscribe-requests.v1",
    "delete-inbound-sms.v1",
    "replay-created-notifications-this-week.v1",
    "delete-notifications-older-than-retention.v1",
    "remove_sms_email_jobs.v1",
];
/// Tasks that run at an interval, in minutes.
const OFTEN: [(&str, i64); 4] = [
    ("run-scheduled-jobs.v1", 1),
    ("check-job-status.v1", 1),
    ("check-for-missing-rows-in-completed-jobs.v1", 10),
    ("replay-created-notifications.v1", 15),
];

/// A handler that runs tasks as the platform does and records their kinds and times.
struct Diary {
    app: App,
    clock: Arc<ManualClock>,
    ran: Mutex<Vec<(String, Timestamp)>>,
}

#[async_trait]
impl TaskHandler for Diary {
    async fn handle(&self, task: &TaskContext) -> TaskOutcome {
        let entry = (task.leased().kind.clone(), self.clock.now());
        self.ran.lock().unwrap().push(entry);
        self.app.handle(task).await
    }
}

impl Diary {
    fn begin(world: &World) -> (Arc<Self>, Runner) {
        let diary = Arc::new(Self {
            app: world.app.clone(),
            clock: world.clock.clone(),
            ran: Mutex::default(),
        });
        let clock: Arc<dyn Clock> = world.clock.clone();
        let source = DatabaseSource::new(
            world.app.store().clone(),
            clock.clone(),
            Arc::new(pillarbox_stories::SeededRandom::new(23)),
        );
        let pools = app::tasks::POOLS.iter().map(|pool| pool.name);
        let runner = Runner::new(
            Arc::new(source),
            diary.clone(),
            clock,
            queue::Notifier::new(pools),
            queue::RunnerSettings::default(),
        );
        (diary, runner)
    }

    /// Returns how often each kind ran on each local day.
    fn by_local_day(&self) -> BTreeMap<(String, String), u32> {
        let mut found = BTreeMap::new();
        for (kind, at) in self.ran.lock().unwrap().iter() {
            *found.entry((kind.clone(), local_day(*at))).or_default() += 1;
        }
        found
    }

    fn times(&self, kind: &str) -> u32 {
        let ran = self.ran.lock().unwrap();
        u32::try_from(ran.iter().filter(|(one, _)| one == kind).count()).unwrap()
    }
}

fn local_day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.unix_micros()).unwrap();
    at.in_tz("Europe/London").unwrap().date().to_string()
}

/// Runs the schedule at every `step`, in two processes at once, and every task at once. Returns the minutes at which it
/// ran.
async fn live_through(
    world: &World,
    runner: &Runner,
    step: Duration,
    end: Timestamp,
) -> Vec<Timestamp> {
    let mut minutes = Vec::new();
    while world.clock.now() < end {
        let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
        let fire = || app::upkeep::schedule::fire(&world.app, minute);
        let (one, other) = futures::future::join(fire(), fire()).await;
        one.and(other).unwrap();
        runner.drain(app::tasks::POOLS).await;
        minutes.push(minute);
        world.advance(step);
    }
    minutes
}

async fn scheduled_job(world: &World, service: &TestService, at: &str) -> String {
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", people(3))
        .await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    let body = json!({"id": id, "scheduled_for": at});
    let made = world.create_job(service.id, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    id
}

/// Runs one night on which the clocks change: minute by minute from before the local day begins until the last daily task
/// of the morning, then hour by hour, and the last minute of the local day.
async fn night(day: &str, from: &str, over: &str, hours: usize, forgotten_in: &str) {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    until(&world, from);
    // In and around the local hour that does not exist, or exists twice.
    let jobs = [
        scheduled_job(&world, &service, &format!("{day}T00:30:00")).await,
        scheduled_job(&world, &service, &format!("{day}T01:00:00")).await,
        scheduled_job(&world, &service, &format!("{day}T01:30:00")).await,
    ];
    let (diary, runner) = Diary::begin(&world);
    let over: Timestamp = over.parse().unwrap();
    let last_minute = over.minus(Duration::from_mins(1));
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    // A whole day of minutes would be 45,000 transactions, most of them far from the clock change.
    let morning = format!("{day}T05:00:00Z").parse().unwrap();
    let mut ran_at = live_through(&world, &runner, minute, morning).await;
    let last_hour = over.minus(hour);
    ran_at.extend(live_through(&world, &runner, hour, last_hour).await);
    // One minute, because a whole step would pass the last minute of the day.
    ran_at.extend(live_through(&world, &runner, minute, last_hour.plus(minute)).await);
    world.advance(last_minute.since(world.clock.now()));
    let yesterday = sent(&world, &service, &service.normal).await;
    ran_at.extend(live_through(&world, &runner, minute, over).await);
    let today = sent(&world, &service, &service.normal).await;

    // A daily task runs once, and a frequent one as often as the local day has intervals.
    let ran = diary.by_local_day();
    let on = |kind: &str| ran.get(&(kind.to_owned(), day.to_owned())).copied();
    for kind in DAILY {
        assert_eq!(on(kind), Some(1), "{kind} on {day}");
    }
    ran_at.retain(|minute| local_day(*minute) == day);
    let hourly = ran_at
        .iter()
        .filter(|minute| minute.unix_seconds() % 3600 == 0);
    assert_eq!(hourly.count(), hours, "hours of {day}");
    for (kind, minutes) in OFTEN {
        let due = |minute: &&Timestamp| minute.unix_seconds() % (minutes * 60) == 0;
        let times = u32::try_from(ran_at.iter().filter(due).count()).unwrap();
        assert_eq!(on(kind), Some(times), "{kind} on {day}");
    }
    for job in &jobs {
        let status = world.job_status(service.id, job).await;
        assert_eq!(count(&status, "sending"), 3, "{status}");
        let minute = |of: &str| status[of].as_str().unwrap()[..16].to_owned();
        assert_eq!(
            minute("scheduled_for"),
            minute("processing_started"),
            "in the minute that it asked for"
        );
    }

    // Messages of the last minute of a local day and of the first of the next are deleted one night apart.
    until(&world, forgotten_in);
    world.run_schedule().await;
    assert!(!is_there(&world, &service, &yesterday).await);
    assert!(is_there(&world, &service, &today).await);
    world.advance(Duration::from_hours(24));
    world.run_schedule().await;
    assert!(!is_there(&world, &service, &today).await);
    let handed_over = 3 * jobs.len() + 2;
    assert_eq!(world.sms.accepted().len(), handed_over, "nothing ran twice");
}

#[tokio::test]
async fn the_day_summer_time_begins_runs_each_schedule_once() {
    // The 29th has 23 hours, and ends at 23:00 in UTC.
    let (from, over) = ("2026-03-28T23:50:00Z", "2026-03-29T23:00:00Z");
    night("2026-03-29", from, over, 23, "2026-04-06T03:00:00Z").await;
}

#[tokio::test]
async fn the_day_summer_time_ends_runs_each_schedule_once() {
    // The 25th has 25 hours, and begins at 23:00 in UTC.
    let (from, over) = ("2026-10-24T22:50:00Z", "2026-10-26T00:00:00Z");
    night("2026-10-25", from, over, 25, "2026-11-02T03:00:00Z").await;
}

/// Starts the schedule, which first enqueues what was due while it did not run.
async fn start_the_clock(world: &World) {
    let (stop, app) = (CancellationToken::new(), world.app.clone());
    let clock = tokio::spawn({
        let stop = stop.clone();
        async move { app::upkeep::schedule::run(&app, stop).await }
    });
    loop {
        let view = app::upkeep::queue_stats::read(&world.app).await.unwrap();
        if view.lanes.iter().any(|lane| lane.pool == "periodic-tasks") {
            break;
        }
        tokio::task::yield_now().await;
    }
    stop.cancel();
    clock.await.unwrap();
}

#[tokio::test]
async fn a_week_without_the_schedule_is_caught_up_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    // Over the night on which the clocks go forward.
    until(&world, "2026-03-26T09:00:00Z");
    let old = sent(&world, &service, &service.normal).await;
    let old_job = world.job(service.id, service.sms, people(4)).await;
    world.run_tasks().await;
    until(&world, "2026-03-28T22:00:00Z");
    let silent = sent(&world, &service, &service.normal).await;
    let lost = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    let lost = lost.json["id"].as_str().unwrap().to_owned();
    assert_eq!(lose_tasks(&world, "send-email-tasks").await, 1);
    let finished = world.job(service.id, service.sms, people(5)).await;
    world.run_tasks().await;
    let due = [
        scheduled_job(&world, &service, "2026-03-29T01:30:00").await,
        scheduled_job(&world, &service, "2026-04-02T09:00:00").await,
    ];
    let later = scheduled_job(&world, &service, "2026-04-04T22:00:00").await;
    let stuck = world.job(service.id, service.sms, people(6)).await;
    assert_eq!(lose_tasks(&world, "job-tasks").await, 1);

    until(&world, "2026-04-04T21:30:20Z");
    let (diary, runner) = Diary::begin(&world);
    // Two clocks begin to run at once.
    futures::future::join(start_the_clock(&world), start_the_clock(&world)).await;
    runner.drain(app::tasks::POOLS).await;
    for kind in DAILY.into_iter().chain(OFTEN.map(|(kind, _)| kind)) {
        assert_eq!(diary.times(kind), 1, "{kind}");
    }

    // One is past its retention of a week, the other two are past the three days without a receipt.
    assert!(!is_there(&world, &service, &old).await);
    assert_eq!(
        world.status_of(&service, &silent).await,
        NotificationStatus::TemporaryFailure.as_str()
    );
    assert_eq!(
        world.status_of(&service, &lost).await,
        NotificationStatus::TechnicalFailure.as_str()
    );
    for (job, rows) in [(&due[0], 3), (&due[1], 3), (&stuck, 6)] {
        let status = world.job_status(service.id, job).await;
        assert_eq!(
            (&status["job_status"], count(&status, "sending")),
            (&json!("finished"), rows),
            "{status}"
        );
    }
    let archived = world.job_status(service.id, &old_job).await;
    assert_eq!(
        (&archived["archived"], count(&archived, "temporary-failure")),
        (&json!(true), 4),
        "{archived}"
    );
    let whole = "finished all notifications created";
    let was_counted = world.job_status(service.id, &finished).await;
    assert_eq!(
        (&was_counted["job_status"], &archived["job_status"]),
        (&json!(whole), &json!(whole))
    );
    let waits = world.job_status(service.id, &later).await;
    assert_eq!(waits["job_status"], "scheduled");
    let handed_over = 1 + 4 + 1 + 5 + 3 + 3 + 6;
    assert_eq!(world.sms.accepted().len(), handed_over);

    until(&world, "2026-04-04T22:00:00Z");
    world.run_schedule().await;
    let ids: BTreeSet<JobId> = [&due[0], &due[1], &later]
        .map(|id| id.parse().unwrap())
        .into();
    assert_eq!(ids.len(), 3);
    assert_eq!(world.sms.accepted().len(), handed_over + 3);
}

#[tokio::test]
async fn nightly_work_interrupted_by_a_stop_is_continued() {
    let world = World::new().await;
    world.service("Riverside Council").await;
    for time in [
        "2026-03-29T00:05:00Z",
        "2026-03-29T01:40:00Z",
        "2026-03-29T04:00:00Z",
    ] {
        app::upkeep::schedule::fire(&world.app, time.parse().unwrap())
            .await
            .unwrap();
    }
    until(&world, "2026-03-29T04:00:00Z");
    let walks = [
        "timeout-sending-notifications.v1",
        "archive-unsubscribe-requests.v1",
        "delete-inbound-sms.v1",
        "remove_sms_email_jobs.v1",
    ];
    let (store, clock) = (world.app.store().clone(), world.clock.clone());
    let entropy = Arc::new(pillarbox_stories::SeededRandom::new(5));
    let source = DatabaseSource::new(store, clock, entropy);
    let (room, lease) = (queue::ClaimLimits::uniform(64), Duration::from_secs(30));
    let taken = queue::TaskSource::claim(&source, "periodic-tasks", 64, &room, lease)
        .await
        .unwrap();
    let mut found = 0;
    for task in taken.iter().filter(|task| walks.contains(&&*task.kind)) {
        let stop = CancellationToken::new();
        stop.cancel();
        let verdict = world
            .app
            .handle(&TaskContext::new(task.clone(), stop))
            .await;
        assert!(
            matches!(verdict, TaskOutcome::Snooze(_)),
            "{}: {verdict:?}",
            task.kind
        );
        found += 1;
    }
    assert_eq!(found, walks.len());
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
}
