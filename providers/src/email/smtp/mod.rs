//! E-mail over SMTP, to a relay that takes it from there.
//!
//! Lettre speaks the protocol; opening connections, the order of the commands and the pool are ours. Its own transport
//! does not say at which command something failed, and [`SendError::Unknown`] depends on exactly that. It limits only
//! the time of connecting, so a relay that falls silent would hold a message for ever. It asks each parked connection
//! whether it still lives, one round trip a message, where trying is as good: until the text is sent, nothing has
//! happened. And it leaves Nagle's algorithm on, which costs forty milliseconds a message.

mod dialogue;
mod pool;
mod protection;
mod verdict;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use lettre::transport::smtp::{authentication::Credentials, extension::ClientId};
use serde::Deserialize;

use self::{pool::Pool, protection::Protection};
use super::{Email, EmailProvider, mime};
use crate::{Handed, Secret, SendError, SettingsError};

/// A relay, as the settings describe it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The identifier of the provider's row. Default `smtp`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The relay's host name, to which its certificate must belong, or its address.
    pub host: String,
    /// Default: 465 for `tls`, 587 for `starttls`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected. Default `starttls`.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A PEM file with one more authority to trust, for a relay with a certificate of one's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whom to log in as; nobody by default.
    #[serde(default)]
    pub username: Option<String>,
    /// The password that belongs to the username.
    #[serde(default)]
    pub password: Secret,
    /// How many connections are used at the same time. Default 10. More helps when the relay is far away.
    #[serde(default = "default_pool_size")]
    pub pool_size: usize,
    /// Seconds to wait for connecting, and for each answer. Default 30. A relay that checks each text for spam while
    /// we wait needs more: running out after the text was sent leaves the message unknown.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// The name to greet the relay with. Default: this machine's host name.
    #[serde(default)]
    pub hello_name: Option<String>,
    /// Whether the relay's receipts are sent back to us, as those of SES are. Default no.
    #[serde(default)]
    pub reports_delivery: bool,
}

/// How the connection to a relay is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Not at all: for a relay on the same machine only.
    None,
    /// It begins in the clear and must be protected before anything is said. Never falls back.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
}

fn default_name() -> String {
    "smtp".to_owned()
}

const fn default_pool_size() -> usize {
    10
}

const fn default_timeout_seconds() -> u64 {
    30
}

impl SmtpSettings {
    /// The settings of a relay at `host`, all else being left at its default.
    pub fn for_host(host: impl Into<String>) -> Self {
        Self {
            name: default_name(),
            host: host.into(),
            port: None,
            tls: SmtpTls::default(),
            ca_file: None,
            username: None,
            password: Secret::default(),
            pool_size: default_pool_size(),
            timeout_seconds: default_timeout_seconds(),
            hello_name: None,
            reports_delivery: false,
        }
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::None => 25,
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
        })
    }

    fn wrong(&self, setting: &'static str, why: impl Into<String>) -> SettingsError {
        SettingsError::Wrong {
            provider: self.name.clone(),
            setting,
            why: why.into(),
        }
    }

    fn hello_name(&self) -> Result<ClientId, SettingsError> {
        match &self.hello_name {
            None => Ok(ClientId::default()),
            Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(ClientId::Domain(name.clone()))
            }
            Some(_) => Err(self.wrong("hello_name", "it must be a host name")),
        }
    }

    fn protection(&self) -> Result<Protection, SettingsError> {
        Protection::new(self.tls, &self.host, self.ca_file.as_deref()).map_err(|source| {
            SettingsError::Connection {
                provider: self.name.clone(),
                source,
            }
        })
    }
}

/// A relay that takes e-mails from us, over a few connections that are kept open between messages.
pub struct SmtpRelay {
    name: String,
    reports_delivery: bool,
    pool: Pool,
}

impl SmtpRelay {
    /// Builds the client. Does not connect: that is for the first message.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SettingsError> {
        if settings.host.is_empty() {
            return Err(settings.wrong("host", "it is empty"));
        }
        if settings.pool_size == 0 {
            return Err(settings.wrong("pool_size", "it must be at least 1"));
        }
        if settings.timeout_seconds == 0 {
            return Err(settings.wrong("timeout_seconds", "it must be at least 1"));
        }
        if settings.tls == SmtpTls::None && settings.username.is_some() {
            tracing::warn!(
                provider = settings.name,
                "the relay {} is given its password in the clear, because tls is none",
                settings.name
            );
        }
        let relay = dialogue::Relay {
            host: settings.host.clone(),
            port: settings.port(),
            protection: settings.protection()?,
            credentials: settings.username.as_ref().map(|username| {
                Credentials::new(username.clone(), settings.password.expose().to_owned())
            }),
            hello_name: settings.hello_name()?,
            patience: Duration::from_secs(settings.timeout_seconds),
        };
        Ok(Self {
            name: settings.name.clone(),
            reports_delivery: settings.reports_delivery,
            pool: Pool::new(relay, settings.pool_size),
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

    /// The reference is the relay's queue id, if it told one.
    async fn send(&self, email: &Email) -> Result<Handed, SendError> {
        let message = mime::compose(email)?;
        let answer = self.pool.send(&message).await?;
        Ok(Handed {
            reference: verdict::queue_id(&answer),
        })
    }
}
