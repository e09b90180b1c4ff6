//! The real binary in a data directory of its own, started and killed.

use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use pillarbox_stories::BlackHole;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::faulty_disk::FaultyDisk;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(150);

/// A short lease in place of the default of half a minute, so that a dead worker's tasks are claimed soon.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// The default lease.
pub(crate) const LONG_LEASE: Duration = Duration::from_secs(30);

/// The PostgreSQL server of this run, if there is one.
fn server() -> Option<String> {
    let server = std::env::var("PILLARBOX_TEST_DATABASE").ok();
    server.filter(|address| address.starts_with("postgres"))
}

/// Returns whether the databases of this run are on a server that several machines can share.
pub(crate) fn is_distributed() -> bool {
    server().is_some()
}

/// An installation: a data directory, a port, and perhaps a database on a PostgreSQL server.
pub(crate) struct Platform {
    directory: TempDir,
    port: u16,
    database: Option<String>,
    /// The address of the database for its processes, if it is not the one for the test itself.
    address_of_processes: Option<String>,
    /// The faulty disk, if its files are on one.
    disk: Option<FaultyDisk>,
    /// The lease, if it is not the default.
    lease: Option<Duration>,
    /// The mode and address of the intake log, if it has one.
    intake: Option<(&'static str, String)>,
}

/// A running process.
pub(crate) struct Process {
    child: Child,
}

/// What the first start prints for a developer.
pub(crate) struct Given {
    pub(crate) api_key: String,
    pub(crate) sms_template: String,
}

impl Platform {
    pub(crate) async fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let database = match server() {
            Some(server) => Some(fresh_database(&server, port).await),
            None => None,
        };
        Self {
            directory: tempfile::tempdir().unwrap(),
            port,
            database,
            address_of_processes: None,
            disk: None,
            lease: Some(LEASE),
            intake: None,
        }
    }

    /// Lets processes that are started from now on accept by an intake log.
    pub(crate) fn use_intake_log(&mut self, mode: &'static str, address: String) {
        self.intake = Some((mode, address));
    }

    /// Returns an installation with the default lease, [`LONG_LEASE`].
    pub(crate) async fn with_long_leases() -> Self {
        Self {
            lease: None,
            ..Self::new().await
        }
    }

    /// Returns an installation whose database is behind a network that can vanish; nothing where it needs no network.
    pub(crate) async fn behind_a_black_hole() -> Option<(Self, BlackHole)> {
        let mut platform = Self::new().await;
        let database = platform.database.as_ref()?;
        let network = BlackHole::before(database).await;
        platform.address_of_processes = Some(network.address_for(database));
        Some((platform, network))
    }

    /// Returns an installation on a faulty disk.
    pub(crate) async fn on(disk: FaultyDisk) -> Self {
        Self {
            disk: Some(disk),
            ..Self::new().await
        }
    }

    /// Returns the faulty disk.
    pub(crate) fn disk(&self) -> &FaultyDisk {
        self.disk.as_ref().expect("it was made on one")
    }

    /// Returns the log of its processes, if it is on a faulty disk.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.disk().log()).unwrap_or_default()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn sink(&self) -> PathBuf {
        self.data_dir().join("sink")
    }

    pub(crate) fn database_kind(&self) -> &'static str {
        if self.database.is_some() {
            "PostgreSQL"
        } else {
            "SQLite"
        }
    }

    /// Returns the address of its database.
    pub(crate) fn database_address(&self) -> String {
        self.database.clone().unwrap_or_else(|| {
            let file = self.data_dir().join("pillarbox.db");
            format!("sqlite:{}", file.display())
        })
    }

    /// Starts the whole platform in one process and waits until it serves.
    pub(crate) async fn start(&self) -> Process {
        self.run(&["up", "--listen", &self.listen()]).await
    }

    /// Starts a process that serves requests and runs the schedule, without workers.
    pub(crate) async fn start_door(&self) -> Process {
        let listen = self.listen();
        self.run(&["serve", "--roles", "api,clock", "--listen", &listen])
            .await
    }

    /// Starts a process with workers only.
    pub(crate) async fn start_worker(&self) -> Process {
        self.run(&["serve", "--roles", "worker"]).await
    }

    /// Starts a process that writes to the database what the intake log has accepted.
    pub(crate) async fn start_saver(&self) -> Process {
        self.run(&["serve", "--roles", "saver"]).await
    }

    /// Returns the port, which no other installation of this run has.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    fn listen(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts a process and waits until it reports that it is ready.
    async fn run(&self, arguments: &[&str]) -> Process {
        let mut child = self.prepare(arguments).spawn().expect("the binary starts");
        assert!(
            says_a_line(&mut child).await,
            "it prints a line before it ends"
        );
        Process { child }
    }

    /// Starts the whole platform on a faulty disk. Returns its log if it exits before it serves.
    pub(crate) async fn try_to_start(&self) -> Result<Process, String> {
        let before = self.log().len();
        let mut command = self.prepare(&["up", "--listen", &self.listen()]);
        let mut child = command.spawn().expect("the binary starts");
        if says_a_line(&mut child).await {
            return Ok(Process { child });
        }
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        let said = self.log().split_off(before);
        let status = ended.expect("it ends").expect("it ran");
        assert_eq!(status.code(), Some(1), "{said}");
        Err(said)
    }

    /// Starts the platform where it cannot serve, and returns its log.
    pub(crate) async fn start_in_vain(&self) -> String {
        match self.try_to_start().await {
            Ok(_) => panic!("it serves"),
            Err(said) => said,
        }
    }

    fn prepare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.data_dir())
            .env("PILLARBOX_LOG__LEVEL", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(lease) = self.lease {
            command.env("PILLARBOX_LEASE_SECONDS", lease.as_secs().to_string());
        }
        if let Some(database) = self
            .address_of_processes
            .as_ref()
            .or(self.database.as_ref())
        {
            command.env("PILLARBOX_DATABASE", database);
        }
        if let Some((mode, address)) = &self.intake {
            command
                .env("PILLARBOX_INTAKE__MODE", mode)
                .env("PILLARBOX_INTAKE__LOG", address);
        }
        if let Some(disk) = &self.disk {
            let log = File::options().create(true).append(true).open(disk.log());
            command
                .envs(disk.environment(self.directory.path()))
                .env("PILLARBOX_LOG__LEVEL", "warn")
                .stderr(log.expect("there is room for a log"));
        }
        command
    }

    /// Returns what the first start gave the developer.
    pub(crate) fn given(&self) -> Given {
        let text = std::fs::read_to_string(self.data_dir().join("demo.json"))
            .expect("the first start wrote it");
        let given: Value = serde_json::from_str(&text).expect("it is JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Given {
            api_key: text(&given["api_key"]),
            sms_template: text(&given["templates"]["sms"]),
        }
    }

    /// Runs one of the binary's commands against this installation and returns its output, if it succeeded.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new(binary())
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the binary starts");
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).expect("it prints text"))
    }

    /// Runs one of the binary's commands, which must fail, and returns its error output.
    pub(crate) async fn command_in_vain(&self, arguments: &[&str]) -> String {
        let output = Command::new(binary())
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the binary starts");
        let said = String::from_utf8(output.stderr).expect("it says text");
        assert!(!output.status.success(), "{said}");
        said
    }

    /// Waits until no task is left and every job is over.
    pub(crate) async fn wait_until_nothing_waits(&self) {
        let all_done = async {
            loop {
                if self.is_idle().await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, all_done).await;
        let (queue, jobs) = (self.queue().await, self.jobs().await);
        assert!(ended.is_ok(), "work is left: {queue:?} {jobs:?}");
    }

    async fn is_idle(&self) -> bool {
        let waiting = |lane: &Value| lane["pool"] != "periodic-tasks" && lane["tasks"] != 0;
        let queue = self.queue().await;
        let jobs = self.jobs().await;
        !queue.iter().any(waiting) && jobs.iter().all(|job| job["job_status"] == "finished")
    }

    async fn queue(&self) -> Vec<Value> {
        let printed = self
            .command(&["queue", "show", "--json"])
            .await
            .unwrap_or_default();
        let objects = printed
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects
            .flat_map(|one| {
                one["lanes"]
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![one])
            })
            .collect()
    }

    /// Returns every job with the statistics of its rows.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        let mut jobs = Vec::new();
        for page in 1.. {
            let printed = self
                .command(&["job", "list", "--json", "--page", &page.to_string()])
                .await;
            let found: Vec<Value> = printed
                .unwrap_or_default()
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if found.is_empty() {
                break;
            }
            jobs.extend(found);
        }
        jobs
    }
}

impl Process {
    /// Kills the process, as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().expect("it runs");
        self.child.wait().await.expect("it ends");
    }

    /// Sends a signal: `STOP` suspends the process at any point, `CONT` resumes it.
    pub(crate) async fn signal(&self, name: &str) {
        let process = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &process])
            .status()
            .await;
        assert!(status.expect("kill is there").success());
    }

    /// Sends SIGTERM, and returns how long the process took to exit by itself.
    pub(crate) async fn terminate(mut self) -> Duration {
        let asked = std::time::Instant::now();
        self.signal("TERM").await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends").expect("it ran");
        asked.elapsed()
    }

    /// Stops the process at the end of the test.
    pub(crate) async fn stop(self) {
        self.kill().await;
    }
}

/// Returns whether the process printed its ready line before it exited.
async fn says_a_line(child: &mut Child) -> bool {
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line())
        .await
        .expect("it serves in time");
    line.expect("its output is text").is_some()
}

/// The binary lies beside the tests: `target/<profile>/deps/<this>` and `target/<profile>/pillarbox`.
fn binary() -> PathBuf {
    let this = std::env::current_exe().expect("this test is a file");
    let binary = this
        .parent()
        .and_then(|deps| deps.parent())
        .expect("in target/<profile>/deps")
        .join("pillarbox");
    assert!(
        binary.exists(),
        "{} is not built: cargo build -p pillarbox-server --bin pillarbox",
        binary.display()
    );
    binary
}

async fn fresh_database(server: &str, port: u16) -> String {
    let name = format!("pillarbox_crash_{}_{port}", std::process::id());
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the test's PostgreSQL answers");
    let statement = format!("CREATE DATABASE {name}");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    let (server, _) = server.rsplit_once('/').expect("an address with a database");
    format!("{server}/{name}")
}
