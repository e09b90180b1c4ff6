//! What happens in a storm, drawn from its seed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    rc::Rc,
    time::Duration,
};

use domain::{Channel, Clock as _, Lane, NotificationId, TaskId};
use queue::{Enqueue as _, NewTask};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use stories::{Council, Mood, World};

use super::{
    promises,
    worker::{Step, Worker},
};
use crate::jobs::people;

/// How many things happen before the storm is over.
const EVENTS: u32 = 60;
/// How long a lease lasts, and a little.
const PAST_THE_LEASE: Duration = Duration::from_secs(31);
const POOLS: [&str; 4] = [
    "send-sms-tasks",
    "send-email-tasks",
    "job-tasks",
    "research-mode-tasks",
];
/// What the store refuses while it is broken: in the middle of a commit, by a trigger of its own.
const FAULTS: [&str; 4] = [
    "INSERT ON notifications",
    "UPDATE ON notifications",
    "INSERT ON tasks",
    "UPDATE ON jobs",
];

/// A platform in a storm.
pub(super) struct Storm {
    pub(super) world: Rc<World>,
    pub(super) council: Council,
    /// Messages that somebody was told are accepted.
    pub(super) accepted: Rc<RefCell<BTreeSet<NotificationId>>>,
    /// Jobs, with how many rows each has.
    pub(super) jobs: Vec<(String, u32)>,
    /// How many hand-overs of a message fell into the one honest window, so that one more may follow each.
    pub(super) excused: BTreeMap<NotificationId, usize>,
    workers: Vec<Worker>,
    requests: Rc<Cell<u32>>,
    rng: StdRng,
    is_broken: bool,
    tells: bool,
    sum: Sums,
}

/// What happened, added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) messages: u64,
    pub(super) rows: u64,
    pub(super) handed: u64,
    pub(super) twice: u64,
    kills: u64,
    jumps: u64,
    faults: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.rows += other.rows;
        self.handed += other.handed;
        self.twice += other.twice;
        self.kills += other.kills;
        self.jumps += other.jumps;
        self.faults += other.faults;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages and {} rows kept, {} hand-overs, {} of them a second time inside the window; \
             {} deaths, {} lost leases, {} faults of the store",
            self.messages, self.rows, self.handed, self.twice, self.kills, self.jumps, self.faults
        )
    }
}

impl Storm {
    pub(super) async fn new(seed: u64, migrated: &Path, tells: bool) -> Self {
        let world = World::seeded(seed, migrated).await;
        let council = world.service("Riverside Council").await;
        Self {
            world: Rc::new(world),
            council,
            accepted: Rc::default(),
            jobs: Vec::new(),
            excused: BTreeMap::new(),
            workers: Vec::new(),
            requests: Rc::default(),
            rng: StdRng::seed_from_u64(seed),
            is_broken: false,
            tells,
            sum: Sums::default(),
        }
    }

    /// Lets the storm rage, mends everything, works off what is left, and counts the promises.
    pub(super) async fn rage(mut self) -> Result<Sums, String> {
        for _ in 0..EVENTS {
            self.something_happens().await;
        }
        self.calm_down().await?;
        promises::count(&self, &mut self.sum.clone()).await
    }

    fn tell(&self, what: impl fmt::Display) {
        if self.tells {
            eprintln!("{what}");
        }
    }

    async fn something_happens(&mut self) {
        match self.rng.random_range(0..100) {
            0..12 => self.somebody_asks(),
            12..15 => self.somebody_uploads().await,
            15..35 => self.a_worker_begins(),
            35..75 => self.a_worker_goes_on().await,
            75..81 => self.a_worker_dies().await,
            81..85 => self.the_clock_jumps(PAST_THE_LEASE).await,
            85..88 => self.the_clock_jumps(Duration::from_mins(6)).await,
            88..92 => self.a_task_is_doubled().await,
            92..96 => self.the_store_breaks_or_is_mended().await,
            _ => self.a_provider_misbehaves(),
        }
    }

    /// A request comes in; its caller may go away at any await, like a worker that dies.
    fn somebody_asks(&mut self) {
        let (world, council) = (self.world.clone(), self.council.clone());
        let (accepted, number) = (self.accepted.clone(), self.requests.get());
        self.requests.set(number + 1);
        let by_email = self.rng.random_bool(0.4);
        let key = if self.rng.random_bool(0.15) {
            council.test.clone()
        } else {
            council.normal.clone()
        };
        self.workers.push(Worker::new("a request", async move {
            let answer = if by_email {
                let to = format!("ada{number}@example.com");
                world.send_email(&council, &key, &to).await
            } else {
                world.send_sms(&council, &key, "07700900123").await
            };
            if answer.status == 201 {
                let id = answer.json["id"].as_str().map(str::parse::<NotificationId>);
                accepted.borrow_mut().extend(id.and_then(Result::ok));
            }
        }));
    }

    async fn somebody_uploads(&mut self) {
        if self.is_broken || self.jobs.len() == 2 {
            return;
        }
        let rows = self.rng.random_range(1..14);
        // A worker that holds the store would keep the upload waiting for ever.
        self.let_all_go().await;
        let council = &self.council;
        let job = self
            .world
            .job(council.id, council.sms, people(rows as usize))
            .await;
        self.tell(format_args!("job {job} of {rows} rows"));
        self.jobs.push((job, rows));
    }

    fn a_worker_begins(&mut self) {
        if self.workers.len() >= 5 {
            return;
        }
        let pool = POOLS[self.rng.random_range(0..POOLS.len())];
        let world = self.world.clone();
        self.workers.push(Worker::new(pool, async move {
            world.runner().work_one(pool).await;
        }));
    }

    async fn a_worker_goes_on(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let chosen = self.rng.random_range(0..self.workers.len());
        let steps = self.rng.random_range(1..12);
        for _ in 0..steps {
            match self.workers[chosen].step().await {
                Step::Went => {}
                Step::Waits => break,
                Step::Done => {
                    let done = self.workers.swap_remove(chosen);
                    self.tell(format_args!("done: {}", done.name));
                    if self.is_broken {
                        self.excuse_what_is_in_the_window().await;
                    }
                    break;
                }
            }
        }
    }

    async fn a_worker_dies(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let chosen = self.rng.random_range(0..self.workers.len());
        let dead = self.workers.swap_remove(chosen);
        self.tell(format_args!("dies: {}", dead.name));
        drop(dead);
        self.sum.kills += 1;
        self.excuse_what_is_in_the_window().await;
    }

    /// Whoever holds a lease has lost it, and does not know.
    async fn the_clock_jumps(&mut self, by: Duration) {
        self.tell(format_args!("the clock jumps by {} s", by.as_secs()));
        self.world.advance(by);
        self.sum.jumps += 1;
        self.excuse_what_is_in_the_window().await;
    }

    /// A message that was handed over and is not recorded yet may be handed over once more.
    async fn excuse_what_is_in_the_window(&mut self) {
        let unrecorded = promises::unrecorded(&self.world).await;
        for (id, handed) in promises::hand_overs(&self.world) {
            if unrecorded.contains(&id) {
                let excused = self.excused.entry(id).or_default();
                *excused = (*excused).max(handed);
            }
        }
    }

    /// The same messages in a second task, as a broker would deliver one twice.
    async fn a_task_is_doubled(&mut self) {
        if self.is_broken {
            return;
        }
        let ids: Vec<NotificationId> = self.accepted.borrow().iter().copied().collect();
        let channel = *Channel::ALL.first().expect("texts come first");
        if ids.is_empty() {
            return;
        }
        self.let_all_go().await;
        let now = self.world.clock.now();
        let task = NewTask {
            id: TaskId::mint(now, self.world.app.entropy()),
            pool: "send-sms-tasks",
            lane: Lane::Bulk,
            service_id: self.council.id,
            kind: "deliver_sms.v1",
            payload: json!({"ids": promises::of_channel(&self.world, &ids, channel).await})
                .to_string(),
            attempt: 0,
            ready_at: now.plus(Duration::from_secs(self.rng.random_range(0..40))),
            created_at: now,
        };
        let mut tx = self.world.app.store().write().await.unwrap();
        tx.enqueue(vec![task]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn the_store_breaks_or_is_mended(&mut self) {
        self.let_all_go().await;
        if self.is_broken {
            self.mend().await;
            return;
        }
        let fault = FAULTS[self.rng.random_range(0..FAULTS.len())];
        self.tell(format_args!("the store refuses {fault}"));
        let trigger = format!(
            "CREATE TRIGGER refuse BEFORE {fault} BEGIN SELECT RAISE(ABORT, 'refused by the storm'); END"
        );
        self.run(trigger).await;
        self.is_broken = true;
        self.sum.faults += 1;
    }

    async fn mend(&mut self) {
        self.tell("the store is mended");
        self.run("DROP TRIGGER refuse".to_owned()).await;
        self.is_broken = false;
        self.excuse_what_is_in_the_window().await;
    }

    async fn run(&self, statement: String) {
        let mut connection = SqliteConnection::connect(&self.world.database_address())
            .await
            .unwrap();
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }

    fn a_provider_misbehaves(&mut self) {
        let mood = match self.rng.random_range(0..4) {
            0 => Mood::IsAway,
            1 => Mood::RefusesRecipient,
            _ => Mood::FallsSilent,
        };
        let times = self.rng.random_range(1..4);
        self.tell(format_args!("a provider {mood:?} {times} times"));
        let moods = std::iter::repeat_n(mood, times);
        if self.rng.random_bool(0.5) {
            self.world.sms.will_be(moods);
        } else {
            self.world.email.will_be(moods);
        }
    }

    /// Every worker goes on until it is done: nobody holds anything then.
    async fn let_all_go(&mut self) {
        let mut waited = 0;
        while !self.workers.is_empty() && waited < 10_000 {
            let mut index = 0;
            while index < self.workers.len() {
                waited += 1;
                match self.workers[index].step().await {
                    Step::Done => {
                        self.workers.swap_remove(index);
                    }
                    Step::Went | Step::Waits => index += 1,
                }
            }
        }
        assert!(self.workers.is_empty(), "the workers wait for each other");
        if self.is_broken {
            self.excuse_what_is_in_the_window().await;
        }
    }

    /// Mends everything, and works off what is left: every delay and every lease runs out.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.let_all_go().await;
        if self.is_broken {
            self.mend().await;
        }
        self.world.sms.calms_down();
        self.world.email.calms_down();
        // What requests left behind that died on their way shares the next commit, or has had one before it.
        self.somebody_asks();
        self.let_all_go().await;
        for _ in 0..12 {
            self.world.run_tasks().await;
            if promises::tasks_left(&self.world).await == 0 {
                return Ok(());
            }
            self.world.advance(Duration::from_mins(6));
        }
        Err("there are tasks that never end".to_owned())
    }
}
