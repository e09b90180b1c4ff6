use std::{sync::Arc, time::Duration};

use ::providers::EmailProvider;
use api::Api;
use app::{App, Dependencies, Providers, Weighted};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use domain::{Clock as _, RandomSource as _};
use files::Files;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use queue::Runner;
use serde_json::{Value, json};
use store::{Keyring, Store};
use tower::ServiceExt as _;

use crate::{
    database::Database,
    ground::Ground,
    outside::{ManualClock, SeededEntropy},
    providers::{FakeEmail, FakeLetter, FakeScanner, FakeSms},
};

/// The name that internal clients sign with.
pub const INTERNAL_CLIENT: &str = "notify-admin";
/// Their secret.
pub const INTERNAL_SECRET: &str = "an internal secret of the stories";

/// The name that MMG signs in with when it brings texts.
pub const MMG_USER: &str = "mmg of the stories";
/// The password of those who bring texts.
pub const BRINGER_PASSWORD: &str = "a password of the stories";

/// Everything around and inside a platform.
#[derive(Debug)]
pub struct World {
    /// The platform.
    pub app: App,
    /// The time.
    pub clock: Arc<ManualClock>,
    /// Who takes e-mails.
    pub email: Arc<FakeEmail>,
    /// Who takes texts.
    pub sms: Arc<FakeSms>,
    /// Who takes letters.
    pub letter: Arc<FakeLetter>,
    /// Who looks for viruses.
    pub scanner: Arc<FakeScanner>,
    door: Door,
    runner: Runner,
    database: Arc<Database>,
    kept: Files,
    expects_dead_letters: bool,
}

/// The front door of a platform.
#[derive(Debug)]
pub struct Door(Router);

/// An answer from the front door.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as JSON; null if it is none.
    pub json: Value,
    /// Its body as it came.
    pub bytes: Bytes,
    /// Its body as text.
    pub text: String,
}

impl Answer {
    /// The message of its first error, in either shape.
    pub fn message(&self) -> &str {
        self.json["errors"][0]["message"]
            .as_str()
            .or(self.json["message"].as_str())
            .unwrap_or_default()
    }

    /// The data of an internal answer.
    pub fn data(&self) -> &Value {
        &self.json["data"]
    }
}

impl World {
    /// A new world on a Monday morning.
    pub async fn new() -> Self {
        Self::like(|_, _| {}).await
    }

    /// One in which this provider takes the e-mails.
    pub async fn with_email_provider(provider: Arc<dyn EmailProvider>) -> Self {
        Self::like(|_, providers| providers.email[0].provider = provider).await
    }

    /// One that is set up otherwise, or with others outside.
    pub async fn like(change: impl FnOnce(&mut app::Settings, &mut Providers)) -> Self {
        let entropy = Arc::new(SeededEntropy::new(rand::rng().random_seed()));
        let mut random = [0; 16];
        entropy.fill(&mut random);
        let database = Arc::new(Database::fresh(uuid::Uuid::from_bytes(random)).await);
        let keyring = database.directory().join("keyring");
        std::fs::write(&keyring, Keyring::new_key_line(1, &*entropy))
            .expect("a key file can be written");
        let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
        Self::over(database, entropy, change, clock).await
    }

    /// A world in which everything that is drawn comes from a seed, over ground on which another may have been before, and
    /// in which jobs keep few rows at a time: for simulations, which need very many worlds.
    pub async fn seeded(seed: u64, ground: &Ground) -> Self {
        ground.is_clean_again().await;
        ground.entropy.begin_again(seed);
        let few_rows = |settings: &mut app::Settings, _: &mut Providers| {
            settings.job_rows_at_once = 3;
        };
        let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
        Self::put_together(
            ground.database.clone(),
            ground.store.clone(),
            Files::open("memory:").expect("there is memory"),
            ground.entropy.clone(),
            few_rows,
            clock,
        )
        .await
    }

    async fn over(
        database: Arc<Database>,
        entropy: Arc<SeededEntropy>,
        change: impl FnOnce(&mut app::Settings, &mut Providers),
        clock: Arc<ManualClock>,
    ) -> Self {
        let keyring = database.directory().join("keyring");
        let vault = Keyring::open_file(&keyring, entropy.clone()).expect("the key file is good");
        let store = Store::connect(&database.address(), 8, vault)
            .await
            .expect("the database answers");
        store.migrate().await.expect("the database can be migrated");
        let files = database.directory().join("files");
        let files = Files::open(&format!("file:{}", files.display())).expect("a directory");
        Self::put_together(database, store, files, entropy, change, clock).await
    }

    async fn put_together(
        database: Arc<Database>,
        store: Store,
        files: Files,
        entropy: Arc<SeededEntropy>,
        change: impl FnOnce(&mut app::Settings, &mut Providers),
        clock: Arc<ManualClock>,
    ) -> Self {
        let (email, sms) = (Arc::new(FakeEmail::default()), Arc::new(FakeSms::default()));
        let letter = Arc::new(FakeLetter::default());
        let scanner = Arc::new(FakeScanner::default());
        let mut settings = app::Settings::default();
        let mut providers = Providers {
            email: vec![Weighted {
                provider: email.clone(),
                priority: 100,
            }],
            sms: vec![Weighted {
                provider: sms.clone(),
                priority: 100,
            }],
            letter: vec![Weighted {
                provider: letter.clone(),
                priority: 100,
            }],
            scanner: Some(scanner.clone()),
            ..Providers::default()
        };
        change(&mut settings, &mut providers);
        let app = App::new(
            settings,
            Dependencies {
                store,
                files: files.clone(),
                providers,
                clock: clock.clone(),
                random: entropy,
            },
        );
        app.prepare_partitions()
            .await
            .expect("the days ahead can be made");
        let door = Door::of(&app);
        let runner = app.runner(queue::RunnerSettings::default());
        Self {
            app,
            clock,
            email,
            sms,
            letter,
            scanner,
            door,
            runner,
            database,
            kept: files,
            expects_dead_letters: false,
        }
    }

    /// The same platform after a restart: other caches, other cursors, the same data.
    #[must_use]
    pub async fn restarted(self) -> Self {
        let mut random = [0; 8];
        self.app.random().fill(&mut random);
        self.app.store().close().await;
        let entropy = Arc::new(SeededEntropy::new(u64::from_be_bytes(random)));
        let settings = self.app.settings.clone();
        Self::over(
            self.database,
            entropy,
            |ours, _| *ours = settings,
            self.clock,
        )
        .await
    }

    /// Works on all that is ready, and on what that makes ready; how many tasks it was.
    pub async fn run_tasks(&self) -> u32 {
        self.runner.drain(app::tasks::POOLS).await
    }

    /// Fires what the clock has for this minute, then works.
    pub async fn run_the_clock(&self) {
        let minute = app::schedule::this_minute(self.clock.now());
        app::schedule::fire(&self.app, minute)
            .await
            .expect("the clock can enqueue");
        self.run_tasks().await;
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The workers.
    pub const fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Where the embedded database is.
    pub fn database_file(&self) -> std::path::PathBuf {
        self.database.file()
    }

    /// Where the keys are.
    pub fn keyring(&self) -> std::path::PathBuf {
        self.database.directory().join("keyring")
    }

    /// Where the files are.
    pub fn files(&self) -> std::path::PathBuf {
        self.database.directory().join("files")
    }

    /// The database's address.
    pub fn database_address(&self) -> String {
        self.database.address()
    }

    /// This story gives a task up on purpose.
    pub fn expect_dead_letters(&mut self) {
        self.expects_dead_letters = true;
    }

    /// Asks through the front door.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: impl Into<Body>,
    ) -> Answer {
        let headers: Vec<_> = authorization
            .map(|token| ("authorization", token))
            .into_iter()
            .collect();
        self.ask_with(method, path, &headers, body).await
    }

    /// Asks with these headers.
    pub async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.door.ask(method, path, headers, body).await
    }

    /// The front door.
    pub const fn door(&self) -> &Door {
        &self.door
    }

    /// The front door of another process over the same database, with caches of its own.
    pub fn another_door(&self) -> Door {
        Self::door_of(&self.another_process())
    }

    /// The front door of this process.
    pub fn door_of(process: &App) -> Door {
        Door::of(process)
    }

    /// Another process over the same database, files and providers, with a memory of its own.
    pub fn another_process(&self) -> App {
        let mut random = [0; 8];
        self.app.random().fill(&mut random);
        App::new(
            self.app.settings.clone(),
            Dependencies {
                store: self.app.store().clone(),
                files: self.kept.clone(),
                providers: Providers {
                    email: vec![Weighted {
                        provider: self.email.clone(),
                        priority: 100,
                    }],
                    sms: vec![Weighted {
                        provider: self.sms.clone(),
                        priority: 100,
                    }],
                    letter: vec![Weighted {
                        provider: self.letter.clone(),
                        priority: 100,
                    }],
                    scanner: Some(self.scanner.clone()),
                    ..Providers::default()
                },
                clock: self.clock.clone(),
                random: Arc::new(SeededEntropy::new(u64::from_be_bytes(random))),
            },
        )
    }

    /// Asks as an internal client.
    pub async fn ask_internally(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let token = self.token(INTERNAL_CLIENT, INTERNAL_SECRET);
        self.ask(method, path, Some(&token), body).await
    }

    /// An `Authorization` header as the clients make it, at the world's time.
    pub fn token(&self, issuer: &str, secret: &str) -> String {
        let claims = json!({"iss": issuer, "iat": self.clock.now().unix_seconds()});
        self.signed(&claims, secret)
    }

    /// An `Authorization` header with these claims.
    pub fn signed(&self, claims: &Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
            .expect("it can be signed");
        format!("Bearer {token}")
    }

    /// Ends the story: no task is left and none was given up, unless the story said so.
    pub async fn end(self) {
        self.run_tasks().await;
        let view = app::queue_stats::read(&self.app)
            .await
            .expect("the queue answers");
        assert_eq!(view.lanes, [], "tasks were left behind");
        if !self.expects_dead_letters {
            let dead = app::queue_stats::list_dead(&self.app, 10)
                .await
                .expect("the queue answers");
            assert_eq!(dead, [], "tasks were given up");
        }
        self.app.store().close().await;
    }
}

impl Door {
    fn of(app: &App) -> Self {
        Self(api::router(Api::new(
            app.clone(),
            api::Settings {
                internal_client_id: INTERNAL_CLIENT.to_owned(),
                internal_secrets: vec![INTERNAL_SECRET.to_owned().into()],
                trust_forwarded_proto: false,
                git_commit: None,
                build_time: None,
                serve_timeout: Duration::from_secs(30),
                text_bringers: api::TextBringers {
                    mmg_users: vec![MMG_USER.to_owned().into()],
                    mmg_passwords: vec![
                        "an old password".to_owned().into(),
                        BRINGER_PASSWORD.to_owned().into(),
                    ],
                    firetext_passwords: vec![BRINGER_PASSWORD.to_owned().into()],
                },
                metrics: Arc::new(String::new),
                sink: None,
            },
        )))
    }

    /// Asks with these headers.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a story asks well");
        let response = self
            .0
            .clone()
            .oneshot(request)
            .await
            .expect("the router answers everything");
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20)
            .await
            .expect("an answer has a body");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: head.status,
            headers: head.headers,
            json,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    /// The routes behind it.
    pub(crate) const fn router(&self) -> &Router {
        &self.0
    }
}

/// A seed of its own for every world, so that ids differ between stories that share a server.
trait RandomSeed {
    fn random_seed(self) -> u64;
}

impl<R: rand::Rng> RandomSeed for R {
    fn random_seed(mut self) -> u64 {
        self.next_u64()
    }
}
