//! The events of a simulation, drawn from its seed.

mod disturbances;
mod posting;
mod traffic;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use app::manage::callbacks::CallbackChange;
use domain::{CallbackKind, NotificationId};
use pillarbox_stories::{SharedDatabase, TestClient, TestService, World};
use posting::Letters;
use queue::Runner;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::{
    invariants,
    requests::{Answers, Requester, Requests},
    worker::{Step, Worker},
};

/// Number of events of a simulation.
const EVENTS: u32 = 60;
/// Longer than any statement takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause before a thread that may sleep soon is looked at again.
const BEFORE_ANOTHER_LOOK: Duration = Duration::from_millis(1);
/// More steps than any task takes.
const A_WHOLE_TASK: u32 = 60;
/// Letters are sent in every fifth simulation: their pages take long to make.
const LETTERS_IN: u64 = 5;
/// Slightly longer than a lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(31);
/// Pools, each with its share of the work: a worker without tasks tests nothing.
const POOLS: [(&str, u32); 7] = [
    ("send-sms-tasks", 5),
    ("send-email-tasks", 2),
    ("job-tasks", 3),
    ("research-mode-tasks", 1),
    ("service-callbacks", 2),
    ("service-callbacks-retry", 1),
    ("periodic-tasks", 1),
];

/// Where the service is told of its messages.
pub(super) const CALLBACK_URL: &str = "https://riverside.example.org/told";
/// Failures of that URL in one simulation: fewer than the attempts of a callback, so that none is given up.
const MAX_CALLBACK_FAILURES: usize = 4;

/// A platform under simulated faults.
pub(super) struct Storm<'a> {
    pub(super) shared_database: &'a SharedDatabase,
    pub(super) world: Rc<World>,
    pub(super) service: TestService,
    /// Messages whose acceptance was answered.
    pub(super) accepted: Rc<RefCell<BTreeSet<NotificationId>>>,
    /// Messages accepted under each `Idempotency-Key`.
    pub(super) once: Rc<RefCell<BTreeMap<u32, BTreeSet<NotificationId>>>>,
    /// Jobs whose cancellation was answered.
    pub(super) cancelled: Rc<RefCell<BTreeSet<String>>>,
    /// Jobs with their numbers of rows.
    pub(super) jobs: Vec<(String, u32)>,
    /// Number of sends of each message that fell into the one window in which a second send is allowed.
    pub(super) excused: BTreeMap<NotificationId, usize>,
    /// The workers of one or two processes, which share only the database and the files.
    runners: Vec<Runner>,
    /// What happens to letters, if any are sent.
    pub(super) letters: Option<Letters>,
    /// A client of the second process.
    client: Rc<TestClient>,
    workers: Vec<Worker>,
    asked: Arc<Requests>,
    next_asker: Requester,
    requests: u32,
    rng: StdRng,
    taken_back: Rc<Cell<u64>>,
    is_broken: bool,
    tells: bool,
    callback_failures: usize,
    /// Hash of all steps.
    trail: DefaultHasher,
    sum: Sums,
}

/// Totals of a simulation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) messages: u64,
    pub(super) rows: u64,
    pub(super) handed: u64,
    pub(super) twice: u64,
    pub(super) letters: u64,
    kills: u64,
    taken_back: u64,
    jumps: u64,
    faults: u64,
    /// Hash of all steps: the same for the same seeds and the same program.
    pub(super) trail: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.rows += other.rows;
        self.handed += other.handed;
        self.twice += other.twice;
        self.letters += other.letters;
        self.kills += other.kills;
        self.taken_back += other.taken_back;
        self.jumps += other.jumps;
        self.faults += other.faults;
        self.trail ^= other.trail;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages and {} rows kept, {} hand-overs, {} of them a second time inside the window; {} letters; \
             {} deaths, {} tasks taken back from the dead, {} lost leases, {} faults of the store; its trail is {:016x}",
            self.messages,
            self.rows,
            self.handed,
            self.twice,
            self.letters,
            self.kills,
            self.taken_back,
            self.jumps,
            self.faults,
            self.trail
        )
    }
}

impl<'a> Storm<'a> {
    pub(super) async fn new(
        seed: u64,
        shared_database: &'a SharedDatabase,
        asked: &Arc<Requests>,
        tells: bool,
    ) -> Self {
        let world = World::seeded(seed, shared_database).await;
        let service = world.service("Riverside Council").await;
        let letters = match seed % LETTERS_IN {
            0 => Some(Letters::of(&world, service.id).await),
            _ => None,
        };
        let change = CallbackChange {
            url: Some(CALLBACK_URL.to_owned()),
            bearer_token: Some("a-token-of-theirs".to_owned()),
            ..CallbackChange::default()
        };
        let kind = CallbackKind::DeliveryStatus;
        app::manage::callbacks::set(&world.app, service.id, kind, change)
            .await
            .expect("the URL is good");
        // Then acceptance is final, and the service is told of it.
        world.email.set_reports_delivery(false);
        world.sms.yield_while_sending();
        world.email.yield_while_sending();
        let another = world.another_process();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut runners = vec![world.runner().clone()];
        if rng.random_bool(0.7) {
            runners.push(another.runner(queue::RunnerSettings::default()));
        }
        Self {
            shared_database,
            world: Rc::new(world),
            service,
            accepted: Rc::default(),
            once: Rc::default(),
            cancelled: Rc::default(),
            jobs: Vec::new(),
            excused: BTreeMap::new(),
            runners,
            letters,
            client: Rc::new(World::client_of(&another)),
            workers: Vec::new(),
            asked: asked.clone(),
            next_asker: 1,
            requests: 0,
            rng,
            taken_back: Rc::default(),
            is_broken: false,
            tells,
            callback_failures: 0,
            trail: DefaultHasher::new(),
            sum: Sums::default(),
        }
    }

    /// Runs the events, repairs every fault, completes the remaining work and checks the invariants.
    pub(super) async fn rage(mut self) -> Result<Sums, String> {
        for _ in 0..EVENTS {
            self.something_happens().await;
        }
        self.calm_down().await?;
        let mut sum = self.sum;
        sum.taken_back = self.taken_back.get();
        sum.trail = self.trail.finish();
        invariants::count(&self, &mut sum).await
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
        if self.letters.is_some() && self.rng.random_bool(0.3) {
            return self.something_happens_to_letters();
        }
        match self.rng.random_range(0..100) {
            0..12 => self.somebody_asks(),
            12..15 => self.somebody_uploads().await,
            15..18 => self.somebody_minds_a_job(),
            18..20 => self.the_clock_fires(),
            20..37 => self.a_worker_begins(),
            37..69 => self.a_worker_goes_on().await,
            69..73 => self.a_worker_dies().await,
            73..77 => self.a_process_dies().await,
            77..79 => self.the_clock_jumps(PAST_THE_LEASE).await,
            79..83 => self.somebody_is_overtaken().await,
            83..86 => self.the_clock_jumps(Duration::from_mins(6)).await,
            86..90 => self.a_task_is_doubled().await,
            90..94 => self.the_store_breaks_or_is_mended().await,
            _ => self.a_provider_misbehaves(),
        }
    }

    fn a_worker_begins(&mut self) {
        if self.workers.len() >= 5 {
            return;
        }
        let (pool, _) = POOLS
            .choose_weighted(&mut self.rng, |(_, weight)| *weight)
            .expect("some have something to do");
        let process = self.rng.random_range(0..self.runners.len());
        if self.rng.random_bool(0.3) {
            self.is_started_anew(process);
        }
        self.a_worker_begins_at(pool, process);
    }

    /// Returns whether a process without running tasks was restarted. Only a restarted one awaits something between
    /// reading a message and sending it.
    fn is_started_anew(&mut self, process: usize) {
        let is_at_work = |worker: &Worker| worker.process == Some(process);
        if self.workers.iter().any(is_at_work) {
            return;
        }
        self.tell(format_args!("process {process} is started anew"));
        let anew = self.world.another_process();
        self.runners[process] = anew.runner(queue::RunnerSettings::default());
    }

    fn a_worker_begins_at(&mut self, pool: &'static str, process: usize) {
        let runner = self.runners[process].clone();
        self.begins(pool, async move {
            runner.run_one(pool).await;
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

    /// Waits until every statement is answered and everything beside the workers rests, so that the seed alone
    /// decides what happens next.
    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 2 {
            let before = self.asked.ever();
            tokio::task::yield_now().await;
            match self.answers() {
                Answers::All => {
                    let nothing_new = self.asked.ever() == before;
                    quiet = if nothing_new { quiet + 1 } else { 0 };
                }
                Answers::AboutToCome => {
                    quiet = 0;
                    // Most are answered at once, which is a signal. One that waits for its worker gives none.
                    let came = self.asked.something_came();
                    let _ = tokio::time::timeout(BEFORE_ANOTHER_LOOK, came).await;
                }
                Answers::Missing => {
                    quiet = 0;
                    let came = tokio::time::timeout(PATIENCE, self.asked.something_came());
                    came.await.expect("the database answers");
                }
            }
        }
    }

    fn answers(&self) -> Answers {
        self.asked.answers(|asker| {
            let asks = |worker: &&Worker| worker.asker == asker;
            self.workers.iter().find(asks).is_some_and(Worker::is_woken)
        })
    }

    /// Advances one worker.
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

    /// Advances every worker to its end, so that none holds anything.
    async fn let_all_go(&mut self) {
        let mut waited = 0;
        while !self.workers.is_empty() && waited < 10_000 {
            // Also those that a worker has called only just now.
            self.providers_answer();
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

    /// Repairs every fault and completes the remaining work, past every delay and lease.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.let_all_go().await;
        if self.is_broken {
            self.mend().await;
        }
        self.world.sms.reset_behaviour();
        self.world.email.reset_behaviour();
        self.world.print_drop.reset();
        // Requests whose callers disconnected share the next commit, or were in an earlier one.
        self.somebody_asks();
        self.let_all_go().await;
        let mut is_over = false;
        for _ in 0..20 {
            self.let_jobs_go_on().await;
            self.replay_crashed().await;
            self.print_and_report_all().await;
            self.world.run_schedule().await;
            if invariants::tasks_left(self.shared_database).await == 0
                && self.jobs_are_over().await
                && self.letters_are_over().await
            {
                // Letters that have left only now are reported on once more.
                if self.letters.is_none() || is_over {
                    return Ok(());
                }
                is_over = true;
            }
            self.world.advance(Duration::from_mins(6));
        }
        Err("there are tasks or jobs that never end".to_owned())
    }

    /// Replays, as an operator would, the tasks that became dead letters because their processes died several times in a
    /// row: here by chance.
    async fn replay_crashed(&self) {
        let (store, now) = (self.world.app.store(), self.world.app.clock().now());
        let mut tx = store.write().await.unwrap();
        let dead = store::tasks::list_dead_letters(&mut tx, 1000)
            .await
            .unwrap();
        for letter in dead
            .iter()
            .filter(|letter| letter.why.contains("processes"))
        {
            store::tasks::replay(&mut tx, letter.id, now).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn let_jobs_go_on(&self) {
        for (job, _) in &self.jobs {
            let path = format!("/service/{}/job/{job}/resume", self.service.id);
            self.world.internal_request("POST", &path, "").await;
        }
    }

    async fn letters_are_over(&self) -> bool {
        let waiting = "SELECT id FROM notifications WHERE notification_type = 'letter' AND status = 'created'";
        self.letters.is_none() || self.shared_database.ids(waiting).await.is_empty()
    }

    async fn jobs_are_over(&self) -> bool {
        for (job, _) in &self.jobs {
            let job = self.world.job_status(self.service.id, job).await;
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
