//! E-mail over SMTP, through a relay that delivers it.
//!
//! lettre implements the protocol's commands and replies; opening connections, the order of the commands and the pool are
//! ours, because lettre's own transport
//!
//! * does not tell at which command a failure occurred, on which [`SendError::Unknown`] depends;
//! * only limits the time of connecting, so that a silent relay would block a message for ever;
//! * probes each pooled connection before use, one round trip a message, where simply trying is as safe: until the
//!   message itself is sent, nothing has happened;
//! * leaves Nagle's algorithm on, which costs 40 ms a message.

mod classify;
mod login;
mod oauth2;
mod pool;
mod session;
mod settings;
mod tls;

use async_trait::async_trait;

use self::{login::Login, pool::Pool};
pub use self::{
    oauth2::OAuth2Settings,
    settings::{SmtpAuth, SmtpSettings, SmtpTls},
};
use super::{Email, EmailProvider, address::to_ascii_address, dsn, mime};
use crate::{SendError, SendReceipt, SettingsError};

/// An SMTP relay, over a pool of connections that are kept open between messages.
pub struct SmtpRelay {
    name: String,
    reports_delivery: bool,
    return_path: Option<String>,
    pool: Pool,
}

impl SmtpRelay {
    /// Checks the settings and builds the client. Connects when the first message is sent.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        if settings.tls == SmtpTls::None && settings.username.is_some() {
            tracing::warn!(
                provider = settings.name,
                "the password for relay {} is sent unencrypted, because tls is none",
                settings.name
            );
        }
        let endpoint = session::RelayEndpoint {
            host: settings.host.clone(),
            port: settings.port(),
            tls: settings.tls_mode()?,
            login: Login::new(settings)?,
            hello_name: settings.hello_name()?,
            timeouts: settings.timeouts(),
        };
        Ok(Self {
            name: settings.name.clone(),
            reports_delivery: settings.reports_delivery,
            return_path: settings.return_path.clone(),
            pool: Pool::new(endpoint, settings.pool_size),
        })
    }
}

#[async_trait]
impl EmailProvider for SmtpRelay {
    fn name(&self) -> &str {
        &self.name
    }

    fn reports_delivery(&self) -> bool {
        self.reports_delivery
    }

    fn concurrency(&self) -> usize {
        self.pool.size()
    }

    /// Returns the relay's queue id as the reference, if its reply has one.
    async fn send(&self, email: &Email) -> Result<SendReceipt, SendError> {
        let mut message = mime::encode(email)?;
        if let Some(address) = &self.return_path {
            let address = dsn::return_path(address, email.id);
            // The setting was checked with an id.
            message.from = address
                .and_then(|address| to_ascii_address(&address))
                .unwrap_or(message.from);
            message.report_as = self.reports_delivery.then_some(email.id);
        }
        let reply = self.pool.send(&message).await?;
        Ok(SendReceipt {
            reference: classify::queue_id(&reply),
        })
    }
}
