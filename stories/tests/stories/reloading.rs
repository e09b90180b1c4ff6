//! Providers that are reloaded while the platform sends.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{Router, http::HeaderMap, routing::post};
use pillarbox_stories::World;
use server::{
    reload,
    settings::{self, Flags, Settings},
    system::SystemRandom,
    wiring::{self, Platform},
};
use tokio::{net::TcpListener, sync::Notify};

/// An SMS gateway that remembers with which token each message came, and holds the first one until it is let go.
struct Gateway {
    url: String,
    tokens: Arc<Mutex<Vec<String>>>,
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Self {
            url: format!("http://{}/send", listener.local_addr().unwrap()),
            tokens: Arc::default(),
            arrived: Arc::default(),
            go: Arc::default(),
        };
        let (tokens, arrived, go) = (
            gateway.tokens.clone(),
            gateway.arrived.clone(),
            gateway.go.clone(),
        );
        let send = async move |headers: HeaderMap| {
            let token = headers["authorization"].to_str().unwrap().to_owned();
            let is_first = {
                let mut tokens = tokens.lock().unwrap();
                tokens.push(token);
                tokens.len() == 1
            };
            if is_first {
                arrived.notify_one();
                go.notified().await;
            }
            r#"{"id": "1"}"#
        };
        let router = Router::new().route("/send", post(send));
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    fn settings(&self, name: &str, token: &str) -> String {
        format!(
            "[[providers.sms]]\nkind = 'http'\nname = '{name}'\nurl = '{}'\nauth = {{ bearer = {{ token = '{token}' }} }}\n\
             body = {{ json = {{ to = '{{to}}' }} }}\n",
            self.url
        )
    }
}

/// A process over the database of a world, with the settings file in the world's directory.
struct Process {
    platform: Platform,
    flags: Flags,
    file: PathBuf,
}

impl Process {
    async fn start(world: &World, providers: &str) -> Self {
        let directory = world.keyring().parent().unwrap().to_owned();
        let file = directory.join("pillarbox.toml");
        fs::write(&file, providers).unwrap();
        let flags = Flags {
            data_dir: Some(directory),
            ..Flags::default()
        };
        let (found, _) = settings::load(&flags).unwrap();
        let settings = Settings {
            database: Some(world.database_address().into()),
            database_connections: 4,
            ..found
        };
        let random = Arc::new(SystemRandom);
        let platform = wiring::open_with(settings, world.clock.clone(), random).await;
        Self {
            platform: platform.unwrap(),
            flags,
            file,
        }
    }

    async fn run_tasks(&self) {
        let runner = self.platform.app.runner(queue::RunnerSettings::default());
        runner.drain(app::tasks::POOLS).await;
    }

    async fn reload(&self, file: &str) -> Result<Vec<String>, String> {
        fs::write(&self.file, file).unwrap();
        let reloaded = reload::providers(&self.platform, &self.flags).await;
        reloaded.map_err(|error| format!("{error:#}"))
    }
}

#[tokio::test]
async fn a_call_in_flight_ends_with_the_key_that_it_began_with() {
    let (world, gateway) = (World::new().await, Gateway::start().await);
    let service = world.service("Riverside Council").await;
    let process = Process::start(&world, &gateway.settings("acme", "old")).await;
    let first = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let ((), reloaded) = tokio::join!(process.run_tasks(), async {
        gateway.arrived.notified().await;
        let reloaded = process.reload(&gateway.settings("acme", "new")).await;
        gateway.go.notify_one();
        reloaded
    });
    assert_eq!(reloaded.unwrap(), ["sink", "acme", "sink"]);
    let second = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    process.run_tasks().await;

    assert_eq!(gateway.tokens(), ["Bearer old", "Bearer new"]);
    for sent in [first, second] {
        let id = sent.json["id"].as_str().unwrap();
        assert_eq!(world.status_of(&service, id).await, "delivered");
    }
    process.platform.app.store().close().await;
}

#[tokio::test]
async fn a_settings_file_that_is_wrong_changes_nothing() {
    let (world, gateway) = (World::new().await, Gateway::start().await);
    gateway.go.notify_one();
    let service = world.service("Riverside Council").await;
    let process = Process::start(&world, &gateway.settings("acme", "old")).await;
    for (file, why) in [
        ("", "is empty"),
        ("[[providers.sms", "is not valid TOML"),
        ("[[providers.sms]]\nkind = 'pigeon'", "no kind `pigeon`"),
        (
            "[[providers.sms]]\nkind = 'http'\nname = 'acme'\nurl = 'pigeon'\nbody = { form = {} }",
            "the setting url of provider acme is wrong",
        ),
        (
            &gateway.settings("other", "new"),
            "are acme and those of the settings file are other: restart",
        ),
        (
            "# No providers.",
            "are acme and those of the settings file are sink: restart",
        ),
    ] {
        let refused = process.reload(file).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    process.run_tasks().await;
    assert_eq!(gateway.tokens(), ["Bearer old"]);
    process.platform.app.store().close().await;
}
