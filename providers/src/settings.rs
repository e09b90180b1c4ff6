//! What the settings of all providers have in common: reading, checking, building.

use std::{fmt, io, path::Path, sync::Arc};

use reqwest::Url;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::SettingsError;

/// The settings of one provider for a channel, where `P` is the channel's port such as `dyn SmsProvider`.
pub trait ProviderSettings<P: ?Sized>: fmt::Debug + Send + Sync {
    /// Returns the identifier of the provider's row, by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Returns the server that messages are sent to; `None` if they stay on this machine, or the settings are wrong.
    fn server(&self) -> Option<Server> {
        None
    }

    /// Returns the way by which its delivery receipts arrive, if it waits for them and other settings have to open that way.
    fn receipt_way(&self) -> Option<ReceiptWay> {
        None
    }

    /// Checks the settings and builds the provider. `sink_directory` is where the platform keeps its sink, for the kind that
    /// stands for it.
    fn build(&self, sink_directory: &Path) -> Result<Arc<P>, SettingsError>;
}

/// A way by which delivery receipts arrive, open only if the settings of receipts say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptWay {
    /// Events of Amazon, from SNS or from a program that reads them from a queue.
    AmazonEvents,
    /// Reports of mail servers, in a maildir.
    Maildir,
}

/// A server that messages or files are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address; an IPv6 address has brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether what is sent to it is encrypted on the way.
    pub is_encrypted: bool,
}

impl Server {
    /// Returns the server of an `http` or `https` URL; `None` if it is something else.
    pub fn of_url(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        Some(Self {
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            is_encrypted: match url.scheme() {
                "https" => true,
                "http" => false,
                _ => return None,
            },
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A kind of provider: a line of the table in [`crate::registry`].
pub struct ProviderKind<P: ?Sized + 'static> {
    /// The value of `kind` in the settings.
    pub name: &'static str,
    /// Returns the JSON schema of its settings, without `kind` and `priority`. Their reference is made from it.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    parse: fn(Value) -> serde_json::Result<Arc<dyn ProviderSettings<P>>>,
}

impl<P: ?Sized + 'static> ProviderKind<P> {
    pub(crate) const fn new<S>(name: &'static str) -> Self
    where
        S: ProviderSettings<P> + JsonSchema + DeserializeOwned + 'static,
    {
        Self {
            name,
            schema: S::json_schema,
            parse: |settings| Ok(Arc::new(serde_json::from_value::<S>(settings)?)),
        }
    }

    /// Reads the settings of a provider of this kind from an object. The error may quote values, which may be secret.
    pub fn parse(&self, settings: Value) -> serde_json::Result<Arc<dyn ProviderSettings<P>>> {
        (self.parse)(settings)
    }
}

impl<P: ?Sized> fmt::Debug for ProviderKind<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderKind").field(&self.name).finish()
    }
}

pub(crate) fn require_positive<N: PartialEq + Default + Copy>(
    provider: &str,
    setting: &'static str,
    value: N,
) -> Result<(), SettingsError> {
    if value == N::default() {
        Err(SettingsError::invalid(
            provider,
            setting,
            "it must be at least 1",
        ))
    } else {
        Ok(())
    }
}

/// Fails if a setting names something else than a file. The file itself may be written later.
pub(crate) fn check_settings_file(
    provider: &str,
    setting: &'static str,
    file: &Path,
) -> Result<(), SettingsError> {
    match files::settings_file::check_is_regular(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SettingsError::invalid(
            provider,
            setting,
            format!("cannot read {}: {error}", file.display()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_a_url_is_found() {
        for (url, server, is_encrypted) in [
            ("http://sms.example/send", "sms.example:80", false),
            ("HTTP://ada:pw@sms.example:8080", "sms.example:8080", false),
            ("http://[::1]:8080/", "[::1]:8080", false),
            ("http://127.0.0.1?to=x", "127.0.0.1:80", false),
            ("https://sms.example/send", "sms.example:443", true),
        ] {
            let found = Server::of_url(url).unwrap();
            assert_eq!(
                (found.to_string().as_str(), found.is_encrypted),
                (server, is_encrypted)
            );
        }
        assert_eq!(Server::of_url(""), None);
        assert_eq!(Server::of_url("ftp://sms.example/"), None);
    }
}
