use std::{panic::resume_unwind, sync::Arc, thread, time::Duration};

use ::providers::{EmailProvider, letter::file_drop::FileDrop};
use app::{App, Dependencies, Providers, Weighted, foreign_files::ForeignFiles};
use axum::body::Body;
use domain::{Clock as _, RandomSource as _};
use files::Files;
use intake::SharedLog;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use queue::Runner;
use serde_json::{Value, json};
use store::{Keyring, Store};

use crate::{
    black_hole::BlackHole,
    bucket::files_in_bucket,
    client::{INTERNAL_CLIENT, INTERNAL_SECRET, TestClient, TestResponse},
    database::{Database, runtime},
    deterministic::{ManualClock, SeededRandom},
    print_drop::FakeDrop,
    providers::{FakeEmail, FakeLetter, FakeScanner, FakeSms},
    receiver::FakeReceiver,
    shared_database::SharedDatabase,
    sns::FakeSns,
};

/// A platform with everything around it: clock, randomness, providers, database and files.
#[derive(Debug)]
pub struct World {
    /// The platform under test.
    pub app: App,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its e-mail provider.
    pub email: Arc<FakeEmail>,
    /// Its SMS provider.
    pub sms: Arc<FakeSms>,
    /// Its print provider.
    pub letter: Arc<FakeLetter>,
    /// Where a simulation puts its letters; other stories do not use it.
    pub print_drop: Arc<FakeDrop>,
    /// Its virus scanner.
    pub scanner: Arc<FakeScanner>,
    /// The hosts that its callbacks go to.
    pub receiver: Arc<FakeReceiver>,
    /// Its SNS, which delivers receipts.
    pub sns: Arc<FakeSns>,
    client: TestClient,
    runner: Runner,
    database: Arc<Database>,
    files: Files,
    providers: Providers,
    intake: Option<SharedLog>,
    log_network: Option<BlackHole>,
    checks_queue: bool,
    expects_dead_letters: bool,
}

/// What a story left in the queue.
struct Leftovers {
    lanes: Vec<app::upkeep::queue_stats::Depth>,
    dead_letters: Vec<app::upkeep::queue_stats::DeadLetter>,
}

impl World {
    /// Returns a world in which it is 09:00 UTC on Monday, 2 March 2026.
    pub async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// Returns a world with this e-mail provider.
    pub async fn with_email_provider(provider: Arc<dyn EmailProvider>) -> Self {
        Self::with(|_, providers| providers.email[0].provider = provider).await
    }

    /// Returns a world with changed settings or providers.
    pub async fn with(change: impl FnOnce(&mut app::Settings, &mut Providers)) -> Self {
        let (database, entropy) = fresh_database().await;
        let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
        Self::over_database(database, entropy, change, clock).await
    }

    /// Returns a world over a shared database, whose randomness comes from `seed` and whose jobs write three rows at a
    /// time: for simulations, which need very many worlds.
    pub async fn seeded(seed: u64, shared_database: &SharedDatabase) -> Self {
        shared_database.reset().await;
        shared_database.entropy.reseed(seed);
        let print_drop = Arc::new(FakeDrop::default());
        let target = print_drop.clone();
        let few_rows = move |settings: &mut app::Settings, providers: &mut Providers| {
            settings.job_rows_at_once = 3;
            settings.print_portion = 2;
            let drop = FileDrop::over("print-shop", target);
            providers.letter = vec![Weighted::new(Arc::new(drop), 100)];
        };
        let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
        let mut world = Self::assemble(
            shared_database.database.clone(),
            shared_database.store.clone(),
            Files::open("memory:").expect("files in memory always open"),
            shared_database.entropy.clone(),
            few_rows,
            clock,
        )
        .await;
        // A simulation counts its promises itself, and opening the database once more for each seed would cost more than
        // most of them do.
        world.checks_queue = false;
        world.print_drop = print_drop;
        world
    }

    async fn over_database(
        database: Arc<Database>,
        entropy: Arc<SeededRandom>,
        change: impl FnOnce(&mut app::Settings, &mut Providers),
        clock: Arc<ManualClock>,
    ) -> Self {
        let files = open_files(&database);
        Self::over_files(database, files, entropy, change, clock).await
    }

    /// Returns a world whose files are in this storage.
    pub async fn with_files(files: Files) -> Self {
        let (database, entropy) = fresh_database().await;
        let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
        Self::over_files(database, files, entropy, |_, _| {}, clock).await
    }

    async fn over_files(
        database: Arc<Database>,
        files: Files,
        entropy: Arc<SeededRandom>,
        change: impl FnOnce(&mut app::Settings, &mut Providers),
        clock: Arc<ManualClock>,
    ) -> Self {
        let store = open_store(&database, &entropy).await;
        store.migrate().await.expect("the database can be migrated");
        Self::assemble(database, store, files, entropy, change, clock).await
    }

    async fn assemble(
        database: Arc<Database>,
        store: Store,
        files: Files,
        entropy: Arc<SeededRandom>,
        change: impl FnOnce(&mut app::Settings, &mut Providers),
        clock: Arc<ManualClock>,
    ) -> Self {
        let (email, sms) = (Arc::new(FakeEmail::default()), Arc::new(FakeSms::default()));
        let letter = Arc::new(FakeLetter::default());
        let scanner = Arc::new(FakeScanner::default());
        let receiver = Arc::new(FakeReceiver::default());
        let mut settings = app::Settings::default();
        let mut providers = Providers {
            email: vec![Weighted::new(email.clone(), 100)],
            sms: vec![Weighted::new(sms.clone(), 100)],
            letter: vec![Weighted::new(letter.clone(), 100)],
            scanner: Some(scanner.clone()),
            outbound: Some(receiver.clone()),
            ..Providers::default()
        };
        change(&mut settings, &mut providers);
        let (intake, log_network) = open_log(&settings, &database).await.unzip();
        let app = App::new(
            settings,
            Dependencies {
                store,
                files: files.clone(),
                providers: providers.clone(),
                foreign_files: ForeignFiles::in_this_process(),
                clock: clock.clone(),
                random: entropy,
                intake: intake.clone(),
            },
        );
        app.prepare_partitions().await;
        let sns = Arc::new(FakeSns::default());
        let client = TestClient::of(&app, &sns);
        let runner = app.runner(queue::RunnerSettings::default());
        Self {
            app,
            clock,
            email,
            sms,
            letter,
            print_drop: Arc::default(),
            scanner,
            receiver,
            sns,
            client,
            runner,
            database,
            files,
            providers,
            intake,
            log_network: log_network.flatten(),
            checks_queue: true,
            expects_dead_letters: false,
        }
    }

    /// Restarts the platform: empty caches, the same data.
    #[must_use]
    pub async fn restarted(mut self) -> Self {
        // The queue lives on in the new world, which checks it.
        self.checks_queue = false;
        self.app.store().close().await;
        let settings = self.app.settings.clone();
        let mut world = Self::over_database(
            self.database.clone(),
            Arc::new(SeededRandom::new(self.random_seed())),
            |ours, _| *ours = settings,
            self.clock.clone(),
        )
        .await;
        world.expects_dead_letters = self.expects_dead_letters;
        world
    }

    /// Runs the tasks that are ready, and those that they make ready; returns how many.
    pub async fn run_tasks(&self) -> u32 {
        self.runner.drain(app::tasks::POOLS).await
    }

    /// Enqueues the scheduled tasks of this minute and runs them.
    pub async fn run_schedule(&self) {
        let minute = app::upkeep::schedule::start_of_minute(self.clock.now());
        app::upkeep::schedule::fire(&self.app, minute)
            .await
            .expect("scheduled tasks can be enqueued");
        self.run_tasks().await;
    }

    /// Makes the pages of all letters and lets the print run happen now, whatever the time, for every letter that exists.
    pub async fn print_letters(&self) {
        self.claim_letters().await;
        self.run_tasks().await;
    }

    /// Does the same, but leaves the letters that the run has claimed in the queue.
    pub async fn claim_letters(&self) {
        self.run_tasks().await;
        app::letters::print_run::start(&self.app, Some(self.clock.now()))
            .await
            .expect("the print run can be enqueued");
        self.run_periodic_tasks().await;
    }

    /// Runs the tasks of the schedule that are ready, and no others.
    pub async fn run_periodic_tasks(&self) {
        let is_periodic = |pool: &&queue::Pool| pool.name == "periodic-tasks";
        let periodic: Vec<_> = app::tasks::POOLS
            .iter()
            .filter(is_periodic)
            .cloned()
            .collect();
        self.runner.drain(&periodic).await;
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Returns the runner of the workers.
    pub const fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Returns the path of the embedded database.
    pub fn database_file(&self) -> std::path::PathBuf {
        self.database.file()
    }

    /// Returns the path of the key file.
    pub fn keyring(&self) -> std::path::PathBuf {
        self.database.directory().join("keyring")
    }

    /// Returns the directory of the stored files. It is empty if they are in a bucket.
    pub fn files(&self) -> std::path::PathBuf {
        self.database.directory().join("files")
    }

    /// Returns the address of the database.
    pub fn database_address(&self) -> String {
        self.database.address()
    }

    /// Lets the story end with dead letters.
    pub fn expect_dead_letters(&mut self) {
        self.expects_dead_letters = true;
    }

    /// Lets the story end with tasks in the queue, which are then not worked on.
    pub fn expect_unfinished_tasks(&mut self) {
        self.checks_queue = false;
    }

    /// Sends a request and returns the response.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: impl Into<Body>,
    ) -> TestResponse {
        let headers: Vec<_> = authorization
            .map(|token| ("authorization", token))
            .into_iter()
            .collect();
        self.request_with(method, path, &headers, body).await
    }

    /// Sends a request with these headers.
    pub async fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> TestResponse {
        self.client.request(method, path, headers, body).await
    }

    /// Returns the client of this process.
    pub const fn client(&self) -> &TestClient {
        &self.client
    }

    /// Returns a client of another process over the same database, with caches of its own.
    pub fn another_client(&self) -> TestClient {
        TestClient::of(&self.another_process(), &self.sns)
    }

    /// Returns a client of `process`.
    pub fn client_of(process: &App) -> TestClient {
        TestClient::of(process, &Arc::default())
    }

    /// Returns another process over the same database, files and providers, with caches of its own.
    pub fn another_process(&self) -> App {
        self.process_over(self.app.store().clone())
    }

    /// Returns another process with changed settings.
    pub fn another_process_with(&self, change: impl FnOnce(&mut app::Settings)) -> App {
        let mut settings = self.app.settings.clone();
        change(&mut settings);
        self.process(settings, self.app.store().clone(), self.providers.clone())
    }

    /// Saves what is in the intake log, and returns how many groups that was.
    pub async fn save_accepted(&self) -> usize {
        app::savers::save_what_waits(&self.app)
            .await
            .expect("the log and the database answer")
    }

    /// Returns the network to the intake log, if the log is a broker's.
    pub fn log_network(&self) -> Option<&BlackHole> {
        self.log_network.as_ref()
    }

    /// Returns the intake log, which a world has whose settings use one.
    pub fn intake(&self) -> &SharedLog {
        self.intake.as_ref().expect("the settings use a log")
    }

    /// Returns the switch of this process's database.
    pub fn outage(&self) -> &store::Outage {
        self.app.store().outage()
    }

    /// Returns another process over this store.
    pub fn process_over(&self, store: Store) -> App {
        self.process(self.app.settings.clone(), store, self.providers.clone())
    }

    /// Returns another process over the same database whose settings name changed providers.
    pub fn process_with(&self, change: impl FnOnce(&mut Providers)) -> App {
        let mut providers = self.providers.clone();
        change(&mut providers);
        let settings = self.app.settings.clone();
        self.process(settings, self.app.store().clone(), providers)
    }

    fn process(&self, settings: app::Settings, store: Store, providers: Providers) -> App {
        let settings_use_log = settings.intake.uses_log();
        App::new(
            settings,
            Dependencies {
                store,
                files: self.files.clone(),
                providers,
                foreign_files: ForeignFiles::in_this_process(),
                clock: self.clock.clone(),
                random: Arc::new(SeededRandom::new(self.random_seed())),
                intake: self.intake.clone().filter(|_| settings_use_log),
            },
        )
    }

    fn random_seed(&self) -> u64 {
        let mut random = [0; 8];
        self.app.random().fill(&mut random);
        u64::from_be_bytes(random)
    }

    /// Sends a request as an internal client.
    pub async fn internal_request(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
    ) -> TestResponse {
        let token = self.token(INTERNAL_CLIENT, INTERNAL_SECRET);
        self.request(method, path, Some(&token), body).await
    }

    /// Returns an `Authorization` header with a token as the official clients make it.
    pub fn token(&self, issuer: &str, secret: &str) -> String {
        let claims = json!({"iss": issuer, "iat": self.clock.machine_time().unix_seconds()});
        self.token_with_claims(&claims, secret)
    }

    /// Returns an `Authorization` header with a token of these claims.
    pub fn token_with_claims(&self, claims: &Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
            .expect("the claims can be signed");
        format!("Bearer {token}")
    }

    fn another_process_without_log(&self, store: Store) -> App {
        let mut settings = self.app.settings.clone();
        settings.intake = app::Intake::default();
        self.process(settings, store, self.providers.clone())
    }

    /// Works on the tasks that are ready and returns what is in the queue then.
    async fn leftovers(&self) -> Leftovers {
        let entropy = Arc::new(SeededRandom::new(self.random_seed()));
        let store = open_store(&self.database, &entropy).await;
        // The log's writer stands still with the story's runtime.
        let app = self.another_process_without_log(store.clone());
        let runner = app.runner(queue::RunnerSettings::default());
        runner.drain(app::tasks::POOLS).await;
        let view = app::upkeep::queue_stats::read(&app).await;
        let dead = app::upkeep::queue_stats::list_dead(&app, 10).await;
        store.close().await;
        Leftovers {
            lanes: view.expect("the queue answers").lanes,
            dead_letters: dead.expect("the queue answers"),
        }
    }
}

/// Checks that the story left no task in the queue and no dead letter that it does not expect, so that a forgotten
/// follow-up task fails it.
impl Drop for World {
    fn drop(&mut self) {
        // A second panic while the first unwinds would abort the other stories too.
        if !self.checks_queue || thread::panicking() {
            return;
        }
        // The story's runtime stands still while this runs, and its connections may need that runtime: hence a thread, a
        // runtime and connections of their own.
        let leftovers = thread::scope(|scope| {
            let world = &*self;
            let check = scope.spawn(|| runtime().block_on(world.leftovers()));
            check.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        assert_eq!(leftovers.lanes, [], "the story left tasks in the queue");
        if !self.expects_dead_letters {
            assert_eq!(leftovers.dead_letters, [], "the story left dead letters");
        }
    }
}

/// Opens the intake log of a world: a spool, or the broker of `PILLARBOX_TEST_INTAKE` behind a network that can vanish.
async fn open_log(
    settings: &app::Settings,
    database: &Database,
) -> Option<(SharedLog, Option<BlackHole>)> {
    if !settings.intake.uses_log() {
        return None;
    }
    let directory = database.directory();
    let Ok(broker) = std::env::var("PILLARBOX_TEST_INTAKE") else {
        let log = intake::open(&format!("spool:{}", directory.join("intake").display())).await;
        return Some((log.expect("the spool opens"), None));
    };
    let network = BlackHole::before(&broker).await;
    // The name of a temporary directory is not used twice.
    let name = directory.file_name().expect("a name").to_string_lossy();
    let address = format!("{}?prefix={name}-", network.address_for(&broker));
    let log = intake::open(&address).await.expect("the broker is fit");
    Some((log, Some(network)))
}

/// Returns an empty database with its key file.
async fn fresh_database() -> (Arc<Database>, Arc<SeededRandom>) {
    let entropy = Arc::new(SeededRandom::new(rand::rng().random_seed()));
    let mut random = [0; 16];
    entropy.fill(&mut random);
    let database = Arc::new(Database::fresh(uuid::Uuid::from_bytes(random)).await);
    let keyring = database.directory().join("keyring");
    std::fs::write(&keyring, Keyring::new_key_line(1, &*entropy))
        .expect("the key file can be written");
    (database, entropy)
}

/// Opens the directory of the files, or a folder of a bucket if the tests are to use one.
fn open_files(database: &Database) -> Files {
    let directory = database.directory();
    if std::env::var("PILLARBOX_TEST_FILES").as_deref() == Ok("bucket") {
        let name = directory.file_name().and_then(|name| name.to_str());
        let name = name.expect("temporary names are plain");
        return files_in_bucket(name.trim_start_matches('.'), None);
    }
    let directory = directory.join("files");
    Files::open(&format!("file:{}", directory.display())).expect("the directory can be opened")
}

async fn open_store(database: &Database, entropy: &Arc<SeededRandom>) -> Store {
    let keyring = database.directory().join("keyring");
    let vault = Keyring::open_file(&keyring, entropy.clone()).expect("the key file is good");
    Store::connect(&database.address(), 8, vault)
        .await
        .expect("the database can be reached")
}

/// Draws a seed for every world, so that ids differ between stories that share a server.
trait RandomSeed {
    fn random_seed(self) -> u64;
}

impl<R: rand::Rng> RandomSeed for R {
    fn random_seed(mut self) -> u64 {
        self.next_u64()
    }
}
