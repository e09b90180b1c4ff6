//! What happens in a storm, drawn from its seed.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use domain::{Channel, Clock as _, Lane, NotificationId, TaskId};
use queue::{Enqueue as _, NewTask, Runner};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use stories::{Answer, Council, Door, Ground, Mood, World};

use super::{
    asked::{Asked, Asker},
    faults::FAULTS,
    promises,
    worker::{Step, Worker},
};
use crate::jobs::people;

/// How many things happen before the storm is over.
const EVENTS: u32 = 60;
/// Longer than the database ever takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// More steps than a task takes.
const A_WHOLE_TASK: u32 = 60;
/// How long a lease lasts, and a little.
const PAST_THE_LEASE: Duration = Duration::from_secs(31);
const POOLS: [&str; 5] = [
    "send-sms-tasks",
    "send-email-tasks",
    "job-tasks",
    "research-mode-tasks",
    "periodic-tasks",
];
/// A platform in a storm.
pub(super) struct Storm<'a> {
    pub(super) ground: &'a Ground,
    pub(super) world: Rc<World>,
    pub(super) council: Council,
    /// Messages that somebody was told are accepted.
    pub(super) accepted: Rc<RefCell<BTreeSet<NotificationId>>>,
    /// What was accepted under each `Idempotency-Key`.
    pub(super) once: Rc<RefCell<BTreeMap<u32, BTreeSet<NotificationId>>>>,
    /// Jobs of which somebody was told that they are cancelled.
    pub(super) cancelled: Rc<RefCell<BTreeSet<String>>>,
    /// Jobs, with how many rows each has.
    pub(super) jobs: Vec<(String, u32)>,
    /// How many hand-overs of a message fell into the one honest window, so that one more may follow each.
    pub(super) excused: BTreeMap<NotificationId, usize>,
    /// The workers of one process or of two, which share nothing but the database and the files.
    runners: Vec<Runner>,
    /// The front door of the second.
    door: Rc<Door>,
    workers: Vec<Worker>,
    asked: Arc<Asked>,
    next_asker: Asker,
    requests: u32,
    rng: StdRng,
    is_broken: bool,
    tells: bool,
    /// Of all that happened.
    trail: DefaultHasher,
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
    /// The same for the same seeds, as long as nothing changes.
    pub(super) trail: u64,
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
        self.trail ^= other.trail;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages and {} rows kept, {} hand-overs, {} of them a second time inside the window; \
             {} deaths, {} lost leases, {} faults of the store; its trail is {:016x}",
            self.messages,
            self.rows,
            self.handed,
            self.twice,
            self.kills,
            self.jumps,
            self.faults,
            self.trail
        )
    }
}

impl<'a> Storm<'a> {
    pub(super) async fn new(
        seed: u64,
        ground: &'a Ground,
        asked: &Arc<Asked>,
        tells: bool,
    ) -> Self {
        let world = World::seeded(seed, ground).await;
        let council = world.service("Riverside Council").await;
        let another = world.another_process();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut runners = vec![world.runner().clone()];
        if rng.random_bool(0.7) {
            runners.push(another.runner(queue::Settings::default()));
        }
        Self {
            ground,
            world: Rc::new(world),
            council,
            accepted: Rc::default(),
            once: Rc::default(),
            cancelled: Rc::default(),
            jobs: Vec::new(),
            excused: BTreeMap::new(),
            runners,
            door: Rc::new(World::door_of(&another)),
            workers: Vec::new(),
            asked: asked.clone(),
            next_asker: 1,
            requests: 0,
            rng,
            is_broken: false,
            tells,
            trail: DefaultHasher::new(),
            sum: Sums::default(),
        }
    }

    /// Lets the storm rage, mends everything, works off what is left, and counts the promises.
    pub(super) async fn rage(mut self) -> Result<Sums, String> {
        for _ in 0..EVENTS {
            self.something_happens().await;
        }
        self.calm_down().await?;
        let mut sum = self.sum;
        sum.trail = self.trail.finish();
        promises::count(&self, &mut sum).await
    }

    fn tell(&mut self, what: impl fmt::Display) {
        let what = what.to_string();
        what.hash(&mut self.trail);
        if self.tells {
            eprintln!("{what}");
        }
    }

    async fn something_happens(&mut self) {
        self.settle().await;
        match self.rng.random_range(0..100) {
            0..12 => self.somebody_asks(),
            12..15 => self.somebody_uploads().await,
            15..18 => self.somebody_minds_a_job(),
            18..20 => self.the_clock_fires(),
            20..37 => self.a_worker_begins(),
            37..75 => self.a_worker_goes_on().await,
            75..79 => self.a_worker_dies().await,
            79..81 => self.a_process_dies().await,
            81..83 => self.the_clock_jumps(PAST_THE_LEASE).await,
            83..85 => self.somebody_is_overtaken().await,
            85..88 => self.the_clock_jumps(Duration::from_mins(6)).await,
            88..92 => self.a_task_is_doubled().await,
            92..96 => self.the_store_breaks_or_is_mended().await,
            _ => self.a_provider_misbehaves(),
        }
    }

    /// A request comes in; its caller may go away at any await, like a worker that dies.
    fn somebody_asks(&mut self) {
        if self.rng.random_bool(0.2) {
            return self.somebody_asks_again();
        }
        let (world, council) = (self.world.clone(), self.council.clone());
        let accepted = self.accepted.clone();
        let number = self.requests;
        self.requests += 1;
        let by_email = self.rng.random_bool(0.4);
        let key = if self.rng.random_bool(0.15) {
            council.test.clone()
        } else {
            council.normal.clone()
        };
        self.begins("a request", async move {
            let answer = if by_email {
                let to = format!("ada{number}@example.com");
                world.send_email(&council, &key, &to).await
            } else {
                world.send_sms(&council, &key, "07700900123").await
            };
            accepted.borrow_mut().extend(id_of(&answer));
        });
    }

    /// One of few things is asked for, with its `Idempotency-Key`: perhaps for the first time, perhaps once more.
    fn somebody_asks_again(&mut self) {
        let (world, council) = (self.world.clone(), self.council.clone());
        let (accepted, once) = (self.accepted.clone(), self.once.clone());
        let number = self.rng.random_range(0..3);
        let elsewhere = self.rng.random_bool(0.5).then(|| self.door.clone());
        self.begins("a request with a key", async move {
            let door = elsewhere.as_deref().unwrap_or(world.door());
            let token = world.token(&council.normal.service.to_string(), &council.normal.secret);
            let key = format!("once {number}");
            let headers = [("authorization", token.as_str()), ("idempotency-key", &key)];
            let body = json!({
                "phone_number": "07700900123",
                "template_id": council.sms,
                "personalisation": {"name": "Ada", "day": "Friday"},
                "reference": key,
            });
            let asked = door.ask("POST", "/v2/notifications/sms", &headers, body.to_string());
            if let Some(id) = id_of(&asked.await) {
                accepted.borrow_mut().insert(id);
                once.borrow_mut().entry(number).or_default().insert(id);
            }
        });
    }

    async fn somebody_uploads(&mut self) {
        if self.is_broken || self.jobs.len() == 2 {
            return;
        }
        let rows = self.rng.random_range(1..14);
        // A worker that holds the store would keep the upload waiting for ever.
        self.let_all_go().await;
        let council = self.council.clone();
        let uploaded = self
            .world
            .upload(council.id, council.sms, "people.csv", people(rows as usize))
            .await;
        let id = uploaded.data()["id"].as_str().expect("it is kept");
        let mut body = json!({"id": id});
        if self.rng.random_bool(0.3) {
            let soon = self.world.clock.now().plus(Duration::from_mins(5));
            body["scheduled_for"] = json!(soon.to_string());
        }
        let made = self.world.make_job(council.id, &body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        self.tell(format_args!("job {id} of {rows} rows"));
        self.jobs.push((id.to_owned(), rows));
    }

    /// Somebody pauses a job, lets it go on, or cancels it, and may go away before it is answered.
    fn somebody_minds_a_job(&mut self) {
        let verb = ["pause", "resume", "cancel"][self.rng.random_range(0..3)];
        if self.jobs.is_empty() {
            return;
        }
        let job = self.jobs[self.rng.random_range(0..self.jobs.len())]
            .0
            .clone();
        let (world, service) = (self.world.clone(), self.council.id);
        let cancelled = self.cancelled.clone();
        self.begins("somebody minds a job", async move {
            let path = format!("/service/{service}/job/{job}/{verb}");
            let answer = world.ask_internally("POST", &path, "").await;
            if verb == "cancel" && answer.status.is_success() {
                cancelled.borrow_mut().insert(job);
            }
        });
    }

    /// What is due this minute: jobs that were scheduled, and everybody who looks after the others.
    fn the_clock_fires(&mut self) {
        let world = self.world.clone();
        self.begins("the clock", async move {
            let minute = app::schedule::this_minute(world.clock.now());
            let _ = app::schedule::fire(&world.app, minute).await;
        });
    }

    fn a_worker_begins(&mut self) {
        if self.workers.len() >= 5 {
            return;
        }
        let pool = POOLS[self.rng.random_range(0..POOLS.len())];
        let process = self.rng.random_range(0..self.runners.len());
        self.a_worker_begins_at(pool, process);
    }

    fn a_worker_begins_at(&mut self, pool: &'static str, process: usize) {
        let runner = self.runners[process].clone();
        self.begins(pool, async move {
            runner.work_one(pool).await;
        });
        if let Some(worker) = self.workers.last_mut() {
            worker.process = Some(process);
        }
    }

    fn begins(&mut self, name: &'static str, work: impl Future<Output = ()> + 'static) {
        let asker = self.next_asker;
        self.next_asker += 1;
        self.workers
            .push(Worker::new(name, asker, &self.asked, work));
    }

    /// Until all is answered that was asked, and all that runs beside the workers has come to rest: what happens next is in
    /// the hands of the seed alone.
    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 2 {
            let before = self.asked.ever();
            tokio::task::yield_now().await;
            if self.is_answered() {
                let nothing_new = self.asked.ever() == before;
                quiet = if nothing_new { quiet + 1 } else { 0 };
            } else {
                quiet = 0;
                let came = tokio::time::timeout(PATIENCE, self.asked.something_came());
                came.await.expect("the database answers");
            }
        }
    }

    /// An answer that its asker has not taken yet may hold the database's thread: it has come all the same.
    fn is_answered(&self) -> bool {
        self.asked.is_answered(|asker| {
            let asks = |worker: &&Worker| worker.asker == asker;
            let asker = self.workers.iter().find(asks);
            asker.is_some_and(Worker::holds_the_database)
        })
    }

    /// One worker goes on.
    async fn step(&mut self, chosen: usize) -> Step {
        self.settle().await;
        let (step, name) = (self.workers[chosen].step(), self.workers[chosen].name);
        self.tell(format_args!("{name} {step:?}"));
        step
    }

    async fn a_worker_goes_on(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let chosen = self.rng.random_range(0..self.workers.len());
        let steps = self.rng.random_range(1..12);
        self.goes_on(chosen, steps).await;
    }

    async fn goes_on(&mut self, chosen: usize, steps: u32) {
        for _ in 0..steps {
            match self.step(chosen).await {
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
        self.settle().await;
        self.sum.kills += 1;
        self.excuse_what_is_in_the_window().await;
    }

    /// All workers of a process die with all that it remembers, and it is started again.
    async fn a_process_dies(&mut self) {
        let dead = self.rng.random_range(0..self.runners.len());
        self.tell(format_args!("dies: process {dead}"));
        self.workers.retain(|worker| worker.process != Some(dead));
        self.settle().await;
        self.runners[dead] = self
            .world
            .another_process()
            .runner(queue::Settings::default());
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

    /// Whoever holds a lease loses it, and another takes over and is done before the first goes on.
    async fn somebody_is_overtaken(&mut self) {
        self.the_clock_jumps(PAST_THE_LEASE).await;
        let at_work = |worker: &Worker| Some((worker.name, worker.process?));
        let at_work: Vec<_> = self.workers.iter().filter_map(at_work).collect();
        if at_work.is_empty() {
            return;
        }
        let (pool, process) = at_work[self.rng.random_range(0..at_work.len())];
        self.a_worker_begins_at(pool, (process + 1) % self.runners.len());
        self.goes_on(self.workers.len() - 1, A_WHOLE_TASK).await;
    }

    /// A message that was handed over and is not recorded yet may be handed over once more.
    async fn excuse_what_is_in_the_window(&mut self) {
        let unrecorded = promises::unrecorded(self.ground).await;
        for (id, handed) in promises::hand_overs(&self.world) {
            if unrecorded.contains(&id) {
                let excused = self.excused.entry(id).or_default();
                *excused = (*excused).max(handed);
            }
        }
    }

    /// The same job or the same messages in a second task. Our own queue never has a message in two tasks at once; a
    /// process knows what it has in hand, but two of them would both hand it over, so only one is tried with that.
    async fn a_task_is_doubled(&mut self) {
        if self.is_broken {
            return;
        }
        self.let_all_go().await;
        let sms = ("send-sms-tasks", "deliver_sms.v1", Channel::Sms);
        let email = ("send-email-tasks", "deliver_email.v1", Channel::Email);
        let (pool, kind, payload) = match self.rng.random_range(0..3) {
            0 if self.runners.len() == 1 => self.delivery(sms).await,
            1 if self.runners.len() == 1 => self.delivery(email).await,
            _ => match self.jobs.first() {
                Some((job, _)) => ("job-tasks", "process-job.v1", json!({"job": job})),
                None => return,
            },
        };
        let now = self.world.clock.now();
        let task = NewTask {
            id: TaskId::mint(now, self.world.app.entropy()),
            pool,
            lane: Lane::Bulk,
            service_id: self.council.id,
            kind,
            payload: payload.to_string(),
            attempt: 0,
            ready_at: now.plus(Duration::from_secs(self.rng.random_range(0..40))),
            created_at: now,
        };
        self.tell(format_args!("{kind} comes once more"));
        let mut tx = self.world.app.store().write().await.unwrap();
        tx.enqueue(vec![task]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// All messages that were accepted and travel so.
    async fn delivery(
        &self,
        (pool, kind, channel): (&'static str, &'static str, Channel),
    ) -> (&'static str, &'static str, serde_json::Value) {
        let ids: Vec<NotificationId> = self.accepted.borrow().iter().copied().collect();
        let ids = promises::of_channel(self.ground, &ids, channel).await;
        (pool, kind, json!({"ids": ids}))
    }

    async fn the_store_breaks_or_is_mended(&mut self) {
        self.let_all_go().await;
        if self.is_broken {
            self.mend().await;
            return;
        }
        let fault = FAULTS[self.rng.random_range(0..FAULTS.len())];
        let spared = self.rng.random_range(0..4);
        self.tell(format_args!("the store refuses {fault} but for {spared}"));
        self.ground
            .run(format!("INSERT INTO refused VALUES ('{fault}', {spared})"))
            .await;
        self.is_broken = true;
        self.sum.faults += 1;
    }

    async fn mend(&mut self) {
        self.tell("the store is mended");
        self.ground.run("DELETE FROM refused").await;
        self.is_broken = false;
        self.excuse_what_is_in_the_window().await;
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
                match self.step(index).await {
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
        for _ in 0..20 {
            self.let_jobs_go_on().await;
            self.world.run_the_clock().await;
            if promises::tasks_left(self.ground).await == 0 && self.jobs_are_over().await {
                return Ok(());
            }
            self.world.advance(Duration::from_mins(6));
        }
        Err("there are tasks or jobs that never end".to_owned())
    }

    async fn let_jobs_go_on(&self) {
        for (job, _) in &self.jobs {
            let path = format!("/service/{}/job/{job}/resume", self.council.id);
            self.world.ask_internally("POST", &path, "").await;
        }
    }

    async fn jobs_are_over(&self) -> bool {
        for (job, _) in &self.jobs {
            let job = self.world.job_status(self.council.id, job).await;
            if !matches!(
                job["job_status"].as_str(),
                Some("finished" | "finished all notifications created" | "cancelled")
            ) {
                return false;
            }
        }
        true
    }
}

/// The message that this answer accepts.
fn id_of(answer: &Answer) -> Option<NotificationId> {
    if answer.status != 201 {
        return None;
    }
    answer.json["id"].as_str()?.parse().ok()
}
