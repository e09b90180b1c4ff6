//! `pillarbox up`: the whole platform in one process, without other services.

use std::path::Path;

use anyhow::Context as _;
use app::{AdminError, fixtures::demo, manage::services};
use clap::Args;
use domain::KeyType;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::CommandContext;
use crate::{
    data_dir::{DataDir, Lock, Running, RunningFile},
    metrics, reload,
    roles::{self, Listeners, Role, RunningPlatform},
    settings::{self, Settings},
    signals, telemetry,
    terminal::{print_json, print_line},
    wiring::{self, Platform},
};

const DEMO_FILE: &str = "demo.json";

#[derive(Debug, Args)]
pub(super) struct Up {
    /// Address to listen on [default: 127.0.0.1:6011]; port 0 picks a free port
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// The API keys and templates of the demo service, stored in `demo.json` because the database keeps only sealed keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DemoAccess {
    pub(super) service_id: Uuid,
    /// Sends to anyone.
    pub(super) api_key: String,
    /// Sends to the team and the guest list.
    pub(super) team_key: String,
    /// Simulates sending.
    pub(super) test_key: String,
    pub(super) templates: Templates,
}

/// The template of each channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Templates {
    pub(super) email: Uuid,
    pub(super) sms: Uuid,
    pub(super) letter: Uuid,
}

/// A platform that runs in this process, with its locks.
pub(super) struct StartedPlatform {
    /// Base URL.
    pub(super) url: String,
    pub(super) demo: DemoAccess,
    pub(super) running: RunningPlatform,
    pub(super) platform: Platform,
    _running_file: RunningFile,
    _lock: Lock,
}

impl Up {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (settings, unknown_variables) = context.settings(self.listen.as_deref())?;
        telemetry::start(&settings.log)?;
        log_warnings(&settings, &unknown_variables);
        let data_dir = settings.data_dir.clone();
        let stop = signals::stop_on_signal()?;
        let hangups = signals::listen_for_hangups()?;
        let listen = settings.listen.clone();
        let listen = async || roles::listen(&listen).await;
        let started = start(settings, listen, stop.clone()).await?;
        let flags = context.flags(self.listen.as_deref());
        reload::start(started.platform.clone(), flags, hangups, stop);
        if context.json {
            print_json(&json_line(&started));
        } else {
            print_line(welcome_text(&started, &data_dir)?);
        }
        started.running.run_until_stopped().await
    }
}

/// Logs warnings about the settings.
pub(super) fn log_warnings(settings: &Settings, unknown_variables: &[String]) {
    for variable in unknown_variables {
        tracing::warn!(
            "the environment variable {variable} is not a setting; `pillarbox settings` lists them"
        );
    }
    for warning in settings::warnings(settings) {
        tracing::warn!("{warning}");
    }
}

/// Creates what is missing in the data directory and starts all roles.
pub(super) async fn start(
    settings: Settings,
    listen: impl AsyncFnOnce() -> anyhow::Result<TcpListener>,
    stop: CancellationToken,
) -> anyhow::Result<StartedPlatform> {
    let directory = wiring::create_data_dir(&settings)?;
    // Before anything is created: a second process must not touch the files of a running one.
    let lock = directory.lock()?;
    // Before the database is opened: a port in use is reported at once, with nothing changed.
    let listener = listen().await?;
    let url = roles::listener_url(&listener)?;
    let listeners = Listeners::with_monitoring(Some(listener), &settings).await?;
    metrics::start();
    let platform = wiring::open(settings).await?;
    wiring::check_providers(&platform).await?;
    let demo = demo_access(&platform, &directory).await?;
    let running = roles::start(
        platform.clone(),
        &[Role::Api, Role::Worker, Role::Saver, Role::Clock],
        listeners,
        stop,
    )
    .await?;
    // After the start: a command that finds the file can connect at once.
    let running_file = directory.write_running_file(&Running {
        url: url.clone(),
        pid: std::process::id(),
    })?;
    tracing::info!("serving at {url}");
    Ok(StartedPlatform {
        url,
        demo,
        running,
        platform,
        _running_file: running_file,
        _lock: lock,
    })
}

/// Returns access to the demo service, which is created at the first start. If `demo.json` was lost, creates new keys.
async fn demo_access(platform: &Platform, directory: &DataDir) -> anyhow::Result<DemoAccess> {
    let created = demo::create(&platform.app)
        .await
        .context("cannot create the demo service")?;
    if created.is_none()
        && let Some(known) = directory.read_json(DEMO_FILE)?
    {
        return Ok(known);
    }
    let [api_key, team_key, test_key] = match created {
        Some(keys) => [keys.normal, keys.team, keys.test],
        None => [
            new_key(platform, "live", KeyType::Normal).await?,
            new_key(platform, "team", KeyType::Team).await?,
            new_key(platform, "test", KeyType::Test).await?,
        ],
    }
    .map(|created| created.key.into_inner());
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
    let text = serde_json::to_string_pretty(&access).expect("strings always serialise");
    directory.write_private(DEMO_FILE, &text)?;
    Ok(access)
}

async fn new_key(
    platform: &Platform,
    name: &str,
    key_type: KeyType,
) -> anyhow::Result<services::CreatedKey> {
    let app = &platform.app;
    let mut created = services::create_key(app, demo::DEMO_SERVICE, name, key_type).await;
    if let Err(AdminError::Fields(_)) = created {
        // The lost key still uses the name.
        let name = format!("{name} of {}", app.clock().now());
        created = services::create_key(app, demo::DEMO_SERVICE, &name, key_type).await;
    }
    created.context("cannot create a key for the demo service")
}

/// Reads `demo.json`, for commands that use the demo service.
pub(super) fn read_demo_access(directory: &DataDir) -> anyhow::Result<Option<DemoAccess>> {
    directory.read_json(DEMO_FILE)
}

fn json_line(started: &StartedPlatform) -> serde_json::Value {
    let mut json_line = serde_json::json!({"url": started.url});
    let demo = serde_json::to_value(&started.demo).expect("strings always serialise");
    if let (Some(json_line), serde_json::Value::Object(demo)) = (json_line.as_object_mut(), demo) {
        json_line.extend(demo);
    }
    json_line
}

/// Returns the text for a terminal: how to send a first message with curl and with an official client.
fn welcome_text(started: &StartedPlatform, data_dir: &Path) -> anyhow::Result<String> {
    let StartedPlatform { url, demo, .. } = started;
    let program = shell_quote(&program_path()?);
    let directory = shell_quote(&std::path::absolute(data_dir)?.display().to_string());
    let (key, email) = (&demo.api_key, demo.templates.email);
    Ok(format!(
        r#"Pillarbox runs at {url} with its data in {}. Press Ctrl-C to stop it.

Send an e-mail with curl:

  curl -H "Authorization: Bearer $({program} token --data-dir {directory})" -H "Content-Type: application/json" -d '{{"email_address": "amala@example.com", "template_id": "{email}", "personalisation": {{"name": "Amala", "branch": "Riverside", "date": "Monday"}}}}' {url}/v2/notifications/email

Send an e-mail with the official Python client (pip install notifications-python-client):

  from notifications_python_client import NotificationsAPIClient
  client = NotificationsAPIClient("{key}", base_url="{url}")
  client.send_email_notification("amala@example.com", "{email}", personalisation={{"name": "Amala", "branch": "Riverside", "date": "Monday"}})

List the messages that were sent (to the development sink):

  {program} sink list --data-dir {directory}

Letters wait, as `accepted`, for the print run at 17:50 London time, so that they can be cancelled until then. Print them now:

  {program} letters print-run --now --data-dir {directory}
"#,
        data_dir.display()
    ))
}

/// Returns the absolute path of this program.
pub(super) fn program_path() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("cannot find the path of this program")?;
    Ok(path.display().to_string())
}

/// Quotes a word for a shell if it needs quotes.
pub(super) fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        shell_quote_always(word)
    }
}

/// Quotes a word for a shell.
pub(super) fn shell_quote_always(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
