//! A network that drops packets without an error.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A proxy before a server, such as PostgreSQL, that can swallow all bytes.
#[derive(Debug)]
pub struct BlackHole {
    port: u16,
    /// Even while the network works; connections of another number are never forwarded again.
    period: Arc<AtomicU64>,
}

impl BlackHole {
    /// Opens a proxy before the server of this database, whose network works.
    pub async fn before(database: &str) -> Self {
        Self::before_server(server_of(database)).await
    }

    /// Opens a proxy before the server at this host and port, whose network works.
    pub async fn before_server(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let period = Arc::new(AtomicU64::new(0));
        let now = period.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let since = now.load(Ordering::SeqCst);
                let server = TcpStream::connect(&server)
                    .await
                    .expect("the server itself can be reached");
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, now.clone(), since));
                tokio::spawn(forward(from_server, to_client, now.clone(), since));
            }
        });
        Self { port, period }
    }

    /// Returns the address of a database of the server through the proxy.
    pub fn address_for(&self, database: &str) -> String {
        let (start, end) = database
            .rsplit_once('/')
            .expect("an address with a database");
        let (user, _) = start.rsplit_once('@').expect("an address with a user");
        format!("{user}@127.0.0.1:{}/{end}", self.port)
    }

    /// Returns the port of the proxy.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Drops all bytes from now on.
    pub fn vanish(&self) {
        assert_eq!(self.period.fetch_add(1, Ordering::SeqCst) % 2, 0);
    }

    /// Forwards the bytes of connections that are opened from now on.
    pub fn return_for_new_connections(&self) {
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

fn server_of(database: &str) -> String {
    let (start, _) = database
        .rsplit_once('/')
        .expect("an address with a database");
    let (_, server) = start.rsplit_once('@').expect("an address with a user");
    server.to_owned()
}
