//! `pillarbox up`: everything in one process, on nothing but itself.

use std::path::Path;

use anyhow::Context as _;
use app::{AdminError, fixtures::demo, manage::services};
use clap::Args;
use domain::KeyType;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Place;
use crate::{
    data_dir::{Announcement, DataDir, Lock, Running},
    measures,
    roles::{self, AtWork, Role},
    screen::{say, say_json},
    settings::{self, Settings},
    signals, telemetry,
    wiring::{self, Platform},
};

const DEMO_FILE: &str = "demo.json";

#[derive(Debug, Args)]
pub(super) struct Up {
    /// The address to listen on [default: 127.0.0.1:6011]; port 0 takes any that is free
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// What a developer needs of the demo service, as `demo.json` keeps it: keys can be read only when they are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoAccess {
    /// The service.
    pub(super) service_id: Uuid,
    /// Sends to anybody.
    pub(super) api_key: String,
    /// Sends to the team and the guest list.
    pub(super) team_key: String,
    /// Sends nothing.
    pub(super) test_key: String,
    /// What it can send.
    pub(super) templates: Templates,
}

/// A template of each channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Templates {
    pub(super) email: Uuid,
    pub(super) sms: Uuid,
    pub(super) letter: Uuid,
}

/// A platform that runs in this process.
pub(super) struct Started {
    /// Where it answers.
    pub(super) url: String,
    /// What it can be tried with.
    pub(super) demo: DemoAccess,
    /// The parts at work.
    pub(super) at_work: AtWork,
    /// The platform.
    pub(super) platform: Platform,
    _announcement: Announcement,
    _lock: Lock,
}

impl Up {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let (settings, strangers) = place.settings(self.listen.as_deref())?;
        telemetry::start(&settings.log)?;
        warn_of(&settings, &strangers);
        let data_dir = settings.data_dir.clone();
        let stop = signals::stop_when_asked()?;
        let listen = settings.listen.clone();
        let started = start(settings, async || roles::listen(&listen).await, stop).await?;
        if place.json {
            say_json(&line(&started));
        } else {
            say(page(&started, &data_dir)?);
        }
        started.at_work.until_stopped().await
    }
}

/// Says at the start what the settings may be regretted for.
pub(super) fn warn_of(settings: &Settings, strangers: &[String]) {
    for stranger in strangers {
        tracing::warn!(
            "the environment variable {stranger} names no setting; `pillarbox settings` lists them"
        );
    }
    for warning in settings::warnings(settings) {
        tracing::warn!("{warning}");
    }
}

/// Makes what is missing, and starts everything.
pub(super) async fn start(
    settings: Settings,
    listen: impl AsyncFnOnce() -> anyhow::Result<TcpListener>,
    stop: CancellationToken,
) -> anyhow::Result<Started> {
    let directory = DataDir::new(&settings.data_dir);
    directory.make()?;
    let lock = directory.lock()?;
    let listener = listen().await?;
    let url = roles::url_of(&listener)?;
    measures::start();
    let platform = wiring::open(settings).await?;
    let demo = demo_access(&platform, &directory).await?;
    let at_work = roles::start(
        platform.clone(),
        &[Role::Api, Role::Worker, Role::Clock],
        Some(listener),
        stop,
    )
    .await;
    let announcement = directory.announce(&Running {
        url: url.clone(),
        pid: std::process::id(),
    })?;
    tracing::info!("serving at {url}");
    Ok(Started {
        url,
        demo,
        at_work,
        platform,
        _announcement: announcement,
        _lock: lock,
    })
}

/// The keys of the demo service: made at the first start, remembered since; made anew if they were lost.
async fn demo_access(platform: &Platform, directory: &DataDir) -> anyhow::Result<DemoAccess> {
    let made = demo::create(&platform.app)
        .await
        .context("cannot make the demo service")?;
    if made.is_none()
        && let Some(known) = directory.read_json(DEMO_FILE)?
    {
        return Ok(known);
    }
    let [api_key, team_key, test_key] = match made {
        Some(keys) => [keys.normal, keys.team, keys.test],
        None => [
            new_key(platform, "live", KeyType::Normal).await?,
            new_key(platform, "team", KeyType::Team).await?,
            new_key(platform, "test", KeyType::Test).await?,
        ],
    }
    .map(|made| made.key.into_inner());
    let templates = Templates {
        email: demo::DEMO_TEMPLATES.email.as_uuid(),
        sms: demo::DEMO_TEMPLATES.sms.as_uuid(),
        letter: demo::DEMO_TEMPLATES.letter.as_uuid(),
    };
    let access = DemoAccess {
        service_id: demo::DEMO_SERVICE.as_uuid(),
        api_key,
        team_key,
        test_key,
        templates,
    };
    let text = serde_json::to_string_pretty(&access).expect("texts are writable as JSON");
    directory.write_private(DEMO_FILE, &text)?;
    Ok(access)
}

async fn new_key(
    platform: &Platform,
    name: &str,
    key_type: KeyType,
) -> anyhow::Result<services::MadeKey> {
    let app = &platform.app;
    let mut made = services::create_key(app, demo::DEMO_SERVICE, name, key_type).await;
    if let Err(AdminError::Fields(_)) = made {
        // The key that was lost still has the name.
        let name = format!("{name} of {}", app.clock().now());
        made = services::create_key(app, demo::DEMO_SERVICE, &name, key_type).await;
    }
    made.context("cannot make a key for the demo service")
}

/// The demo service's keys of an installation, for the commands that use them.
pub(super) fn known_demo(directory: &DataDir) -> anyhow::Result<Option<DemoAccess>> {
    directory.read_json(DEMO_FILE)
}

fn line(started: &Started) -> serde_json::Value {
    let mut line = serde_json::json!({"url": started.url});
    let demo = serde_json::to_value(&started.demo).expect("texts are writable as JSON");
    if let (Some(line), serde_json::Value::Object(demo)) = (line.as_object_mut(), demo) {
        line.extend(demo);
    }
    line
}

/// What a newcomer needs: where it runs, and how to send, by hand and with an official client.
fn page(started: &Started, data_dir: &Path) -> anyhow::Result<String> {
    let Started { url, demo, .. } = started;
    let program = quoted(&this_program()?);
    let place = quoted(&std::path::absolute(data_dir)?.display().to_string());
    let (key, email) = (&demo.api_key, demo.templates.email);
    Ok(format!(
        r#"Pillarbox runs at {url} and keeps its data in {}; Ctrl-C stops it.

Send an e-mail with curl:

  curl -H "Authorization: Bearer $({program} token --data-dir {place})" -H "Content-Type: application/json" -d '{{"email_address": "amala@example.com", "template_id": "{email}", "personalisation": {{"name": "Amala", "branch": "Riverside", "date": "Monday"}}}}' {url}/v2/notifications/email

Send one with the official Python client (pip install notifications-python-client):

  from notifications_python_client import NotificationsAPIClient
  client = NotificationsAPIClient("{key}", base_url="{url}")
  client.send_email_notification("amala@example.com", "{email}", personalisation={{"name": "Amala", "branch": "Riverside", "date": "Monday"}})

See what would have been sent:

  {program} sink list --data-dir {place}
"#,
        data_dir.display()
    ))
}

/// This program, as it can be typed from anywhere.
pub(super) fn this_program() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(path.display().to_string())
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        quoted_always(word)
    }
}

/// A word for a shell, in quotes whatever it is.
pub(super) fn quoted_always(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
