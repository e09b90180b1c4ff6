//! The server as it runs, for stories in which it is the connection that matters.

use std::{net::SocketAddr, time::Duration};

use app::manage::services::NewService;
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use server::{
    roles::{self, Listeners, Role, RunningPlatform},
    settings::Settings,
    system::SystemRandom,
    wiring,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Longer than any request takes on a busy machine; only a hanging request reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running server over the database and clock of a world.
pub(crate) struct TestServer {
    pub(crate) world: World,
    pub(crate) service: TestService,
    pub(crate) address: SocketAddr,
    /// The address for monitors, if the settings have one.
    pub(crate) monitoring: Option<SocketAddr>,
    stop: CancellationToken,
    at_work: RunningPlatform,
}

impl TestServer {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Opens a server with other settings.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let world = World::new().await;
        let service = world
            .service_with(NewService {
                rate_limit: 100_000,
                ..NewService::named("Riverside Council")
            })
            .await;
        let mut settings = Settings {
            data_dir: world.keyring().parent().unwrap().to_owned(),
            database: Some(world.database_address().into()),
            database_connections: 4,
            keyring_file: Some(world.keyring()),
            internal_secret: Some(pillarbox_stories::INTERNAL_SECRET.into()),
            ..Settings::default()
        };
        change(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listeners = Listeners::with_monitoring(Some(listener), &settings)
            .await
            .unwrap();
        let monitoring = listeners.monitoring.as_ref();
        let monitoring = monitoring.map(|listener| listener.local_addr().unwrap());
        let platform = wiring::open_with(
            settings,
            world.clock.clone(),
            std::sync::Arc::new(SystemRandom),
        )
        .await
        .unwrap();
        let stop = CancellationToken::new();
        let at_work = roles::start(platform, &[Role::Api], listeners, stop.clone())
            .await
            .unwrap();
        Self {
            world,
            service,
            address,
            monitoring,
            stop,
            at_work,
        }
    }

    pub(crate) fn head(&self, path: &str, length: usize) -> String {
        let key = &self.service.normal;
        let token = self.world.token(&key.service.to_string(), &key.secret);
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {token}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n",
            self.address
        )
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        let mut connection = self.connect().await;
        let head = self.head(path, body.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(body).await.unwrap();
        answer(connection).await
    }

    /// Asserts that an ordinary message is accepted.
    pub(crate) async fn works(&self) {
        let text = json!({
            "phone_number": "07700900123", "template_id": self.service.sms,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        let (status, answer) = self
            .post("/v2/notifications/sms", text.to_string().as_bytes())
            .await;
        assert_eq!(status, 201, "{answer}");
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.at_work.run_until_stopped().await.unwrap();
    }
}

/// Reads a response up to the end of the connection; returns its status and body.
pub(crate) async fn answer(mut connection: TcpStream) -> (u16, Value) {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes))
        .await
        .expect("it answers in good time")
        .unwrap();
    let answer = String::from_utf8(bytes).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
