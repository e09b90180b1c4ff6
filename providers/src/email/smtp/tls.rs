//! Opens TCP and TLS connections to a relay.

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls_platform_verifier::Verifier;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::SmtpTls;

type TlsError = Box<dyn std::error::Error + Send + Sync>;

/// How connections to one relay are encrypted, with the parameters.
pub(super) enum TlsMode {
    None,
    /// After the greeting and `STARTTLS`.
    Starttls(Tls),
    /// From the first byte, before the greeting.
    Tls(Tls),
}

/// What a TLS handshake with the relay takes.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsMode {
    /// Certificates are verified by the platform's verifier, with the authorities in `ca_file` in addition.
    pub(super) fn new(tls: SmtpTls, host: &str, ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let pem = ca_file
            .map(files::settings_file::read)
            .transpose()?
            .unwrap_or_default();
        let parameters = || {
            let authorities =
                CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, TlsError>(Tls {
                connector: connector(authorities)?,
                name: ServerName::try_from(host.to_owned())?,
            })
        };
        Ok(match tls {
            SmtpTls::None => Self::None,
            SmtpTls::Starttls => Self::Starttls(parameters()?),
            SmtpTls::Tls => Self::Tls(parameters()?),
        })
    }
}

impl Tls {
    pub(super) async fn handshake(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), socket).await
    }
}

/// Opens a TCP connection.
pub(super) async fn open_socket(host: &str, port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((host, port)).await?;
    // lettre writes the end-of-data mark separately. Nagle's algorithm would hold it back until the relay acknowledges the
    // message, and the relay delays that acknowledgement: 40 ms a message.
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn connector(authorities: Vec<CertificateDer<'static>>) -> Result<TlsConnector, TlsError> {
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

/// Bytes of one reply. RFC 5321 §4.5.3.1.5 allows lines of 512 bytes; the reply to `EHLO` has a few dozen.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// A connection in the form that lettre takes. lettre's own constructors give no access to socket options
/// (`TCP_NODELAY`), lettre fails on replies that are not UTF-8, and it reads a line to its end, however long that is.
pub(super) struct RelayStream<S> {
    stream: S,
    peer: SocketAddr,
    /// What is read before the first byte of the stream.
    greeting: &'static [u8],
    /// Bytes read since the last write: of the reply to one command.
    reply_bytes: usize,
}

impl<S> RelayStream<S> {
    pub(super) const fn new(stream: S, peer: SocketAddr) -> Self {
        Self {
            stream,
            peer,
            greeting: b"",
            reply_bytes: 0,
        }
    }

    /// A stream after STARTTLS. The relay does not greet again, but lettre waits for a greeting on every connection.
    pub(super) const fn greeted(stream: S, peer: SocketAddr) -> Self {
        Self {
            stream,
            peer,
            greeting: b"220 \r\n",
            reply_bytes: 0,
        }
    }
}

/// A socket that lettre uses until STARTTLS, and that is taken back for the handshake.
pub(super) struct LentSocket(Arc<Mutex<TcpStream>>);

impl LentSocket {
    /// Returns two handles to one socket: one to use, one to take it back.
    pub(super) fn lend(socket: TcpStream) -> (Self, Self) {
        let socket = Arc::new(Mutex::new(socket));
        (Self(Arc::clone(&socket)), Self(socket))
    }

    /// Takes the socket back, after the other handle was dropped.
    pub(super) fn take_back(self) -> TcpStream {
        Arc::into_inner(self.0)
            .expect("the other handle was dropped")
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! poll_lent {
    ($socket:ident.$poll:ident($($argument:expr),*)) => {
        Pin::new(&mut *$socket.0.lock().unwrap_or_else(PoisonError::into_inner)).$poll($($argument),*)
    };
}

impl AsyncRead for LentSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_lent!(self.poll_read(context, buffer))
    }
}

impl AsyncWrite for LentSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_lent!(self.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_lent!(self.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_lent!(self.poll_shutdown(context))
    }
}

impl<S> fmt::Debug for RelayStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayStream")
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for RelayStream<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RelayStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let count = self.greeting.len().min(buffer.remaining());
            let (now, later) = self.greeting.split_at(count);
            buffer.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        for byte in &mut buffer.filled_mut()[before..] {
            // Relays write texts in whatever encoding they were set up with. Codes are ASCII, and nothing else is used.
            if !byte.is_ascii() {
                *byte = b'?';
            }
        }
        self.reply_bytes += buffer.filled().len() - before;
        if self.reply_bytes > MAX_REPLY_BYTES {
            let error = "the reply of the relay is too long";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RelayStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.reply_bytes = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
