//! Callers that send messages and spreadsheets, and try again, while the process is killed and restarted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::platform::Platform;

const POSTERS: usize = 4;
const ROWS: usize = 2000;

/// What was sent, as far as the callers know.
#[derive(Default)]
pub(crate) struct Sent {
    /// The ids of every message that was answered with 201.
    pub(crate) accepted: BTreeSet<String>,
    /// Other responses and how often each came: `503, Retry-After: 5`.
    pub(crate) refusals: BTreeMap<String, usize>,
    /// For each spreadsheet, how often its job was created. A lost response may hide one more.
    pub(crate) files: Vec<String>,
}

/// Rows of each spreadsheet.
pub(crate) const ROWS_OF_A_FILE: usize = ROWS;

/// The responses that the callers received.
#[derive(Default)]
struct Heard {
    accepted: BTreeSet<String>,
    refusals: BTreeMap<String, usize>,
}

/// The callers.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    asker: Poster,
    posters: Vec<tokio::task::JoinHandle<()>>,
    sender: Option<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    pub(crate) fn begin(platform: &Platform) -> Self {
        let load = Self::of_messages(platform);
        let sender = Sender {
            data_dir: platform.data_dir(),
            stop: load.stop.clone(),
        };
        Self {
            sender: Some(tokio::spawn(sender.run())),
            ..load
        }
    }

    /// Begins without spreadsheets.
    pub(crate) fn of_messages(platform: &Platform) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Heard::default()));
        let poster = |number| {
            let poster = Poster::new(platform, number, heard.clone());
            tokio::spawn(poster.run(stop.clone()))
        };
        Self {
            asker: Poster::new(platform, POSTERS, heard.clone()),
            posters: (0..POSTERS).map(poster).collect(),
            sender: None,
            stop,
            heard,
        }
    }

    /// Returns how many messages were accepted so far, and how many rejected.
    pub(crate) fn heard(&self) -> (usize, usize) {
        let heard = self.heard.lock().expect("nobody panicked");
        (heard.accepted.len(), heard.refusals.values().sum())
    }

    /// Returns the ids of the messages that were accepted so far.
    pub(crate) fn accepted(&self) -> BTreeSet<String> {
        self.heard.lock().expect("nobody panicked").accepted.clone()
    }

    /// Requests an accepted message and returns the status of the response.
    pub(crate) async fn look_at_one_that_was_accepted(&self) -> u16 {
        let id = {
            let heard = self.heard.lock().expect("nobody panicked");
            heard.accepted.first().expect("some were").clone()
        };
        self.asker.get(&id).await
    }

    /// Lets all callers finish their request.
    pub(crate) async fn end(self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        for poster in self.posters {
            poster.await.expect("a caller does not panic");
        }
        let files = match self.sender {
            Some(sender) => sender.await.expect("a caller does not panic"),
            None => Vec::new(),
        };
        let heard = std::mem::take(&mut *self.heard.lock().expect("nobody panicked"));
        Sent {
            accepted: heard.accepted,
            refusals: heard.refusals,
            files,
        }
    }
}

/// Asks a platform for these messages; those that it does not know.
pub(crate) async fn list_unknown(platform: &Platform, ids: &BTreeSet<String>) -> Vec<String> {
    let asker = Poster::new(platform, 0, Arc::default());
    let mut unknown = Vec::new();
    for id in ids {
        if asker.get(id).await != 200 {
            unknown.push(id.clone());
        }
    }
    unknown
}

struct Poster {
    client: reqwest::Client,
    url: String,
    template: String,
    service: String,
    secret: String,
    number: usize,
    heard: Arc<Mutex<Heard>>,
}

impl Poster {
    #[expect(
        clippy::disallowed_methods,
        reason = "a caller's own client, on this machine"
    )]
    fn new(platform: &Platform, number: usize, heard: Arc<Mutex<Heard>>) -> Self {
        let given = platform.given();
        let (rest, secret) = given.api_key.split_at(given.api_key.len() - 36);
        let service = &rest[rest.len() - 37..rest.len() - 1];
        Self {
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .expect("a client"),
            url: format!("{}/v2/notifications/sms", platform.url()),
            template: given.sms_template,
            service: service.to_owned(),
            secret: secret.to_owned(),
            number,
            heard,
        }
    }

    async fn run(self, stop: Arc<AtomicBool>) {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            count += 1;
            let answer = self.post(count).await;
            let mut heard = self.heard.lock().expect("nobody panicked");
            match answer {
                Some(Ok(id)) => drop(heard.accepted.insert(id)),
                Some(Err(refusal)) => *heard.refusals.entry(refusal).or_default() += 1,
                None => {}
            }
        }
    }

    /// Returns the id after a 201, the status of another response, or `None` without a response.
    async fn post(&self, count: usize) -> Option<Result<String, String>> {
        let body = json!({
            "phone_number": "07700900123",
            "template_id": self.template,
            "personalisation": {"name": format!("Poster {} message {count}", self.number), "day": "Friday"},
        });
        let answer = self
            .client
            .post(&self.url)
            .bearer_auth(self.token())
            .json(&body)
            .send()
            .await
            .ok()?;
        if answer.status() != 201 {
            let status = answer.status().as_u16();
            let after = answer.headers().get("retry-after");
            let after = after.and_then(|after| after.to_str().ok());
            return Some(Err(after.map_or_else(
                || status.to_string(),
                |after| format!("{status}, Retry-After: {after}"),
            )));
        }
        let body: Value = answer.json().await.ok()?;
        body["id"].as_str().map(|id| Ok(id.to_owned()))
    }

    async fn get(&self, id: &str) -> u16 {
        let (base, _) = self.url.rsplit_once('/').expect("a path");
        let answer = self.client.get(format!("{base}/{id}"));
        let answer = answer.bearer_auth(self.token()).send().await;
        answer.expect("it is answered").status().as_u16()
    }

    fn token(&self) -> String {
        let now = crate::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let claims = json!({"iss": self.service, "iat": now});
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .expect("claims can be signed")
    }
}

/// Sends one spreadsheet after another with the binary's own command, and again if that fails.
struct Sender {
    data_dir: std::path::PathBuf,
    stop: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut sent = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let name = format!("file{}", sent.len());
            let path = directory.path().join(format!("{name}.csv"));
            std::fs::write(&path, spreadsheet(&name)).expect("a file can be written");
            while !self.send(&path).await {
                tokio::task::yield_now().await;
            }
            sent.push(name);
        }
        sent
    }

    async fn send(&self, path: &std::path::Path) -> bool {
        let binary = std::env::current_exe().expect("this test is a file");
        let binary = binary
            .parent()
            .and_then(|deps| deps.parent())
            .expect("in deps")
            .join("pillarbox");
        let status = tokio::process::Command::new(binary)
            .args([
                "job",
                "send",
                "--json",
                "--template",
                "Bin day",
                "--data-dir",
            ])
            .arg(&self.data_dir)
            .arg(path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .status()
            .await;
        status.is_ok_and(|status| status.success())
    }
}

/// Returns a spreadsheet in which every row names itself.
fn spreadsheet(name: &str) -> String {
    let mut text = "phone number,name,day\n".to_owned();
    for row in 0..ROWS {
        let _ = writeln!(
            text,
            "07700 900{:03},\"{name} row {row}\",\"Friday\nor Saturday\"",
            row % 1000
        );
    }
    text
}
