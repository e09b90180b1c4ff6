//! The settings of an SMTP relay.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lettre::transport::smtp::extension::ClientId;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{OAuth2Settings, SmtpRelay, session::Timeouts, tls::TlsMode};
use crate::{
    EmailProvider, Secret, SettingsError,
    email::{address::to_ascii_address, dsn},
    settings::{ProviderSettings, ReceiptWay, Server, require_positive},
};

/// The settings of an SMTP relay.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The identifier of the provider's row. Default `smtp`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The relay's host name, which its certificate must carry, or its IP address.
    pub host: String,
    /// Default: 465 for `tls`, 587 for `starttls`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// Encryption of the connection: `tls`, `starttls` or `none`. Default `starttls`.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A PEM file with additional certificate authorities, for a relay with a private certificate.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The user name to authenticate with. Default: no authentication.
    #[serde(default)]
    pub username: Option<String>,
    /// The password of `username`. With `auth = "xoauth2"`, an access token.
    #[serde(default)]
    pub password: Secret,
    /// How to authenticate: `auto`, `plain`, `login` or `xoauth2`. Default `auto`: `PLAIN`, or `LOGIN` if the relay offers
    /// only that.
    #[serde(default)]
    pub auth: SmtpAuth,
    /// With `auth = "xoauth2"`: a file with an access token, which another program keeps fresh. Read for each connection.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// With `auth = "xoauth2"`: where to fetch access tokens, `{ token_url = "…", client_id = "…", client_secret = "…" }`, and
    /// `scope` and `refresh_token` where the server wants them.
    #[serde(default)]
    pub oauth2: Option<OAuth2Settings>,
    /// The most connections at the same time. Default 10. More helps when the relay is far away.
    #[serde(default = "default_pool_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub pool_size: usize,
    /// Seconds to wait for the connection. Default 30.
    #[serde(default = "default_connect_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub connect_timeout_seconds: u64,
    /// Seconds to wait for the greeting, for each reply, and for each 32 KiB of a message to be taken. Default 300, as RFC
    /// 5321 asks.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// Seconds to wait for the reply after the whole message was sent. Default 600, as RFC 5321 asks: relays scan and
    /// deliver before they reply. Do not shorten it without need, because a timeout here leaves the outcome unknown, and
    /// the message may be sent twice.
    #[serde(default = "default_end_of_data_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub end_of_data_timeout_seconds: u64,
    /// The host name to send with `EHLO`. Default: this machine's host name.
    #[serde(default)]
    pub hello_name: Option<String>,
    /// The address to which mail servers return e-mails, such as `bounces@notify.example.com`. The id of each e-mail is added to
    /// it (`bounces+<id>@…`). Let its mail server deliver into the maildir of the setting `receipts.bounce_maildir`. Default: the
    /// sender's own address, so that bounces go to the service.
    #[serde(default)]
    pub return_path: Option<String>,
    /// Whether to ask for a report on every e-mail, also on those that arrive (RFC 3461), and to wait for it. Default no: an
    /// e-mail counts as delivered when the relay accepts it. Needs `return_path` and a relay that offers `DSN`.
    #[serde(default)]
    pub reports_delivery: bool,
}

/// The encryption of the connection to a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// None: for a relay on the same machine only.
    None,
    /// `STARTTLS` after the greeting, required: there is no fallback to clear text.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
}

/// How to authenticate at a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpAuth {
    /// By password, with the mechanism that the relay offers.
    #[default]
    Auto,
    /// By password, `PLAIN`.
    Plain,
    /// By password, `LOGIN`.
    Login,
    /// By access token, `XOAUTH2`.
    Xoauth2,
}

fn default_name() -> String {
    "smtp".to_owned()
}

/// Longest time for the text of one message. A relay that takes a little of it every few minutes would otherwise keep its
/// sender for a day. The largest message needs three kilobytes a second.
const MAX_TRANSFER: Duration = Duration::from_hours(1);

const fn default_pool_size() -> usize {
    10
}

const fn default_connect_timeout_seconds() -> u64 {
    30
}

const fn default_timeout_seconds() -> u64 {
    300
}

const fn default_end_of_data_timeout_seconds() -> u64 {
    600
}

impl SmtpSettings {
    /// Settings for a relay at `host`, with defaults for everything else.
    pub fn for_host(host: impl Into<String>) -> Self {
        Self {
            name: default_name(),
            host: host.into(),
            port: None,
            tls: SmtpTls::default(),
            ca_file: None,
            username: None,
            password: Secret::default(),
            auth: SmtpAuth::default(),
            token_file: None,
            oauth2: None,
            pool_size: default_pool_size(),
            connect_timeout_seconds: default_connect_timeout_seconds(),
            timeout_seconds: default_timeout_seconds(),
            end_of_data_timeout_seconds: default_end_of_data_timeout_seconds(),
            hello_name: None,
            return_path: None,
            reports_delivery: false,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::None => 25,
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
        })
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.host.is_empty() {
            return Err(SettingsError::invalid(&self.name, "host", "it is empty"));
        }
        require_positive(&self.name, "pool_size", self.pool_size)?;
        match &self.return_path {
            Some(address) => {
                let filled = dsn::return_path(address, Uuid::nil());
                if filled
                    .and_then(|filled| to_ascii_address(&filled))
                    .is_none()
                {
                    return Err(SettingsError::invalid(
                        &self.name,
                        "return_path",
                        "it must be an e-mail address",
                    ));
                }
            }
            None if self.reports_delivery => {
                return Err(SettingsError::invalid(
                    &self.name,
                    "reports_delivery",
                    "it needs return_path, to which the reports are sent: without, every message would time out after three \
                     days",
                ));
            }
            None => {}
        }
        for (setting, seconds) in [
            ("connect_timeout_seconds", self.connect_timeout_seconds),
            ("timeout_seconds", self.timeout_seconds),
            (
                "end_of_data_timeout_seconds",
                self.end_of_data_timeout_seconds,
            ),
        ] {
            require_positive(&self.name, setting, seconds)?;
        }
        Ok(())
    }

    pub(super) const fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(self.connect_timeout_seconds),
            reply: Duration::from_secs(self.timeout_seconds),
            end_of_data: Duration::from_secs(self.end_of_data_timeout_seconds),
            transfer: MAX_TRANSFER,
        }
    }

    pub(super) fn hello_name(&self) -> Result<ClientId, SettingsError> {
        match &self.hello_name {
            None => Ok(ClientId::default()),
            Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(ClientId::Domain(name.clone()))
            }
            Some(_) => Err(SettingsError::invalid(
                &self.name,
                "hello_name",
                "it must be a host name",
            )),
        }
    }

    pub(super) fn tls_mode(&self) -> Result<TlsMode, SettingsError> {
        TlsMode::new(self.tls, &self.host, self.ca_file.as_deref()).map_err(|source| {
            SettingsError::Connection {
                provider: self.name.clone(),
                source,
            }
        })
    }
}

impl ProviderSettings<dyn EmailProvider> for SmtpSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        Some(Server {
            host: self.host.clone(),
            port: self.port(),
            is_encrypted: self.tls != SmtpTls::None,
        })
    }

    fn receipt_way(&self) -> Option<ReceiptWay> {
        self.reports_delivery.then_some(ReceiptWay::Maildir)
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn EmailProvider>, SettingsError> {
        Ok(Arc::new(SmtpRelay::new(self)?))
    }
}
