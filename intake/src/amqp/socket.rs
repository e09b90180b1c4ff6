//! The sockets under a connection: plain or encrypted, and ended from outside.
//!
//! lapin is built without its TLS, which would bring forty packages; it takes sockets from a reactor instead, so this is one.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_rs::{
    Tokio,
    traits::{Reactor, RuntimeKit},
    util::RuntimeParts,
};
use futures::{AsyncRead as FuturesRead, AsyncWrite as FuturesWrite, Stream};
use lapin::uri::{AMQPScheme, AMQPUri};
use rustls_platform_verifier::Verifier;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tokio_util::{
    compat::{Compat, TokioAsyncReadCompatExt as _},
    sync::{CancellationToken, WaitForCancellationFutureOwned},
};

use super::{address::Address, server::MAX_GREETING};
use crate::LogError;

/// The runtime of a connection.
pub(super) type Runtime = RuntimeParts<Tokio, Sockets>;

/// Returns the runtime for connections, which is the current one.
pub(super) fn runtime()
-> async_rs::Runtime<impl RuntimeKit<TcpStream = Compat<Socket>> + Clone + Send + 'static> {
    let tokio = Tokio::current();
    async_rs::Runtime::new(Runtime::new(tokio.clone(), Sockets(tokio)))
}

/// Timers are tokio's; sockets are opened by [`Opener::open`].
#[derive(Debug, Clone)]
pub(super) struct Sockets(Tokio);

impl Reactor for Sockets {
    type TcpStream = Compat<Socket>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl FuturesRead + FuturesWrite + Send + Unpin + 'static> {
        Err::<Compat<Socket>, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "the trait wants a future that borrows nothing"
    )]
    fn tcp_connect_addr(
        &self,
        _address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        async { Err(io::ErrorKind::Unsupported.into()) }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The first bytes that a broker sends.
pub(super) type Greeting = Arc<Mutex<Vec<u8>>>;

/// A connection to a broker that fails once it is abandoned. lapin has no other way to leave a broker that has accepted a
/// connection and says nothing, and the thread that waits for it would stay.
pub(super) struct Socket {
    stream: Box<dyn Duplex>,
    token: CancellationToken,
    /// The first bytes of the broker.
    greeting: Greeting,
    abandoned: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Socket {
    fn fail<T>() -> Poll<io::Result<T>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.abandoned.as_mut().poll(cx).is_ready() {
            return Self::fail();
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let mut greeting = self.greeting.lock().expect("no one panics holding it");
        if greeting.len() < MAX_GREETING {
            greeting.extend_from_slice(&buffer.filled()[before..]);
        }
        drop(greeting);
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.token.is_cancelled() {
            return Self::fail();
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.token.is_cancelled() {
            return Self::fail();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.token.is_cancelled() {
            return Self::fail();
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Opens sockets to the nodes of a broker.
#[derive(Clone)]
pub(super) struct Opener(Option<TlsConnector>);

impl Opener {
    pub(super) fn new(address: &Address) -> Result<Self, LogError> {
        if !address.is_encrypted() {
            return Ok(Self(None));
        }
        let connector = connector(address)
            .map_err(|error| LogError::new(format!("cannot prepare TLS to the broker: {error}")))?;
        Ok(Self(Some(connector)))
    }

    /// Opens a socket, which fails once `token` is cancelled, and keeps its first bytes in `greeting`.
    pub(super) async fn open(
        &self,
        node: &AMQPUri,
        token: CancellationToken,
        greeting: Greeting,
    ) -> io::Result<Compat<Socket>> {
        let host = node.authority.host.trim_matches(['[', ']']);
        let socket = TcpStream::connect((host, node.authority.port)).await?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Duplex> = match (&node.scheme, &self.0) {
            (AMQPScheme::AMQPS, Some(connector)) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Box::new(connector.connect(name, socket).await?)
            }
            _ => Box::new(socket),
        };
        Ok(Socket {
            stream,
            greeting,
            abandoned: Box::pin(token.clone().cancelled_owned()),
            token,
        }
        .compat())
    }
}

/// Certificates are verified by the platform's verifier, with the authorities in `ca_file` in addition.
fn connector(address: &Address) -> Result<TlsConnector, Box<dyn std::error::Error + Send + Sync>> {
    let pem = match &address.ca_file {
        Some(path) => {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Vec::new(),
    };
    let authorities = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&crypto))?;
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        // The API calls any custom verifier dangerous; this one is the platform's own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
