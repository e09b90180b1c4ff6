//! How a connection to a relay is opened and protected.

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

type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How the connection to one relay is protected, with all that this takes.
pub(super) enum Protection {
    /// Not at all.
    None,
    /// Lettre asks the relay for it after the greeting.
    Starttls(TlsParameters),
    /// From the first byte.
    Tls(TlsConnector, ServerName<'static>),
}

impl Protection {
    /// Certificates are checked as this machine checks them, and may also come from the authorities in `ca_file`.
    pub(super) fn new(tls: SmtpTls, host: &str, ca_file: Option<&Path>) -> Result<Self, Trouble> {
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

    /// Connects, and protects the connection if that comes first.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
    ) -> io::Result<Box<dyn AsyncTokioStream>> {
        let socket = TcpStream::connect((host, port)).await?;
        // The end mark of a text is a write of its own. With Nagle's algorithm it would wait for the relay to
        // acknowledge the text, and the relay for more to acknowledge: forty milliseconds a message.
        socket.set_nodelay(true)?;
        match self {
            Self::None | Self::Starttls(_) => Ok(Box::new(socket)),
            Self::Tls(connector, name) => {
                let stream = connector.connect(name.clone(), socket).await?;
                Ok(Box::new(Protected(stream)))
            }
        }
    }
}

fn connector(authorities: Vec<CertificateDer<'static>>) -> Result<TlsConnector, Trouble> {
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&crypto))?;
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        // "Dangerous" is only that the verifier is given, and this one is the machine's own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A protected stream that lettre can use. Its own way of opening one gives no access to the socket's options.
struct Protected(TlsStream<TcpStream>);

impl fmt::Debug for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protected")
    }
}

impl AsyncTokioStream for Protected {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Protected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Protected {
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
