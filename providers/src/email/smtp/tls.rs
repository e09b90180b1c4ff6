//! Opens TCP and TLS connections to a relay.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use lettre::transport::smtp::client::{AsyncTokioStream, Certificate, TlsParameters};
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
    /// The session upgrades after the greeting, through lettre.
    Starttls(TlsParameters),
    /// From the first byte, before the greeting.
    Tls(TlsConnector, ServerName<'static>),
}

impl TlsMode {
    /// Certificates are verified by the platform's verifier, with the authorities in `ca_file` in addition.
    pub(super) fn new(tls: SmtpTls, host: &str, ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let authorities = ca_file.map(fs::read).transpose()?;
        match tls {
            SmtpTls::None => Ok(Self::None),
            SmtpTls::Starttls => {
                let mut builder = TlsParameters::builder(host.to_owned());
                if let Some(pem) = authorities {
                    builder = builder.add_root_certificate(Certificate::from_pem(&pem)?);
                }
                Ok(Self::Starttls(builder.build()?))
            }
            SmtpTls::Tls => {
                let name = ServerName::try_from(host.to_owned())?;
                let pem = authorities.unwrap_or_default();
                let authorities =
                    CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
                Ok(Self::Tls(connector(authorities)?, name))
            }
        }
    }

    /// Opens a connection; with [`TlsMode::Tls`] this includes the TLS handshake.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
    ) -> io::Result<Box<dyn AsyncTokioStream>> {
        let socket = TcpStream::connect((host, port)).await?;
        // lettre writes the end-of-data mark separately. Nagle's algorithm would hold it back until the relay acknowledges the
        // message, and the relay delays that acknowledgement: 40 ms a message.
        socket.set_nodelay(true)?;
        match self {
            Self::None | Self::Starttls(_) => Ok(Box::new(socket)),
            Self::Tls(connector, name) => {
                let stream = connector.connect(name.clone(), socket).await?;
                Ok(Box::new(TlsSocket(stream)))
            }
        }
    }
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

/// A TLS stream in the form that lettre takes. lettre's own constructor gives no access to socket options (`TCP_NODELAY`).
struct TlsSocket(TlsStream<TcpStream>);

impl fmt::Debug for TlsSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSocket")
    }
}

impl AsyncTokioStream for TlsSocket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for TlsSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
