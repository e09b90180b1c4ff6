//! A network that drops packets without an error: requests are answered, and soon after the network works again
//! everything does, without a restart. Connections from before are never answered again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use pillarbox_stories::World;
use server::system::SystemRandom;
use store::{Keyring, Store};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A proxy before the database server that can swallow all bytes.
struct Proxy {
    port: u16,
    /// Even while the network works; connections of another number are never forwarded again.
    period: Arc<AtomicU64>,
}

impl Proxy {
    async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let period = Arc::new(AtomicU64::new(0));
        let now = period.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let since = now.load(Ordering::SeqCst);
                let server = TcpStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, now.clone(), since));
                tokio::spawn(forward(from_server, to_client, now.clone(), since));
            }
        });
        Self { port, period }
    }

    fn vanish(&self) {
        assert_eq!(self.period.fetch_add(1, Ordering::SeqCst) % 2, 0);
    }

    fn return_for_new_connections(&self) {
        assert_eq!(self.period.fetch_add(1, Ordering::SeqCst) % 2, 1);
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    period: Arc<AtomicU64>,
    since: u64,
) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read) = from.read(&mut bytes).await {
        let is_forwarded = since.is_multiple_of(2) && period.load(Ordering::SeqCst) == since;
        if is_forwarded && (read == 0 || to.write_all(&bytes[..read]).await.is_err()) {
            return;
        }
        if read == 0 {
            // A network that drops everything drops the end of a connection too.
            std::future::pending::<()>().await;
        }
    }
}

/// Returns the host and port of the server, and the same address with the port of the proxy.
fn through(address: &str, port: u16) -> String {
    let (start, end) = address.rsplit_once('/').unwrap();
    let (user, _) = start.rsplit_once('@').unwrap();
    format!("{user}@127.0.0.1:{port}/{end}")
}

fn server_of(address: &str) -> String {
    let (start, _) = address.rsplit_once('/').unwrap();
    start.rsplit_once('@').unwrap().1.to_owned()
}

#[tokio::test]
async fn everything_works_again_soon_after_the_network_does() {
    let world = World::new().await;
    let address = world.database_address();
    if !address.starts_with("postgres") {
        return;
    }
    let council = world.service("Riverside Council").await;
    let proxy = Proxy::before(server_of(&address)).await;
    let keyring = Keyring::open_file(&world.keyring(), Arc::new(SystemRandom)).unwrap();
    let store = Store::connect(&through(&address, proxy.port), 4, keyring)
        .await
        .unwrap();
    let process = world.process_over(store.clone());
    let client = World::client_of(&process);
    let body = serde_json::json!({"phone_number": "07700900123", "template_id": council.sms, "personalisation": {"name": "Ada", "day": "Friday"}});
    let body = body.to_string();
    let send = || async {
        let token = world.token(&council.normal.service.to_string(), &council.normal.secret);
        let headers = [("authorization", token.as_str())];
        let path = "/v2/notifications/sms";
        client.request("POST", path, &headers, body.clone()).await
    };
    let accepted = join_all((0..8).map(|_| send())).await;
    assert!(accepted.iter().all(|answer| answer.status == 201));

    for _ in 0..2 {
        proxy.vanish();
        // More than there are connections, so that nothing of the pool is left untouched.
        let limit = Duration::from_secs(30);
        let refused = timeout(limit, join_all((0..8).map(|_| send()))).await;
        let refused = refused.expect("every request is answered");
        assert!(refused.iter().all(|answer| answer.status == 503));

        proxy.return_for_new_connections();
        let returned = Instant::now();
        while send().await.status != 201 {
            assert!(returned.elapsed() < Duration::from_secs(15));
        }
        assert!(returned.elapsed() < Duration::from_secs(15));
    }

    proxy.vanish();
    let closing = timeout(Duration::from_secs(10), store.close()).await;
    assert!(closing.is_ok(), "a process can stop meanwhile");
    world.run_tasks().await;
}
