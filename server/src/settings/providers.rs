//! Who takes messages from us, as the settings describe it.

use ::providers::{
    email::smtp::SmtpSettings,
    sms::{http::HttpSmsSettings, twilio::TwilioSettings},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    described::{Described, Entry},
    load::without_values,
};

/// The providers of each channel. A channel without any has the sink.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Providers {
    /// Who takes e-mails.
    pub email: Vec<EmailProvider>,
    /// Who takes text messages.
    pub sms: Vec<SmsProvider>,
}

/// Lists of tables have no variables of their own; the reference tells of them in a section of their own.
impl Described for Providers {
    fn entries(_: &str) -> Vec<Entry> {
        Vec::new()
    }
}

/// A provider of e-mails and its share of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct EmailProvider {
    /// Its share against those of the others.
    pub priority: u32,
    /// Who.
    pub kind: EmailKind,
}

/// The kinds of providers of e-mails.
#[derive(Debug, Clone)]
pub enum EmailKind {
    /// Keeps them in a directory, sends none.
    Sink,
    /// A relay.
    Smtp(Box<SmtpSettings>),
}

/// A provider of text messages and its share of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct SmsProvider {
    /// Its share against those of the others.
    pub priority: u32,
    /// Who.
    pub kind: SmsKind,
}

/// The kinds of providers of text messages.
#[derive(Debug, Clone)]
pub enum SmsKind {
    /// Keeps them in a directory, sends none.
    Sink,
    /// Any HTTP interface.
    Http(Box<HttpSmsSettings>),
    /// Twilio.
    Twilio(Box<TwilioSettings>),
}

/// What every provider has beside its own settings.
struct Table {
    kind: String,
    priority: u32,
    rest: Map<String, Value>,
}

impl Table {
    fn open(mut table: Map<String, Value>) -> Result<Self, String> {
        let kind = match table.remove("kind") {
            Some(Value::String(kind)) => kind,
            _ => return Err("a provider needs its kind, such as `kind = \"sink\"`".to_owned()),
        };
        let priority = match table.remove("priority") {
            None => 100,
            Some(value) => value
                .as_u64()
                .and_then(|priority| u32::try_from(priority).ok())
                .ok_or_else(|| {
                    format!("the priority of the {kind} provider must be a whole number, 0 to 100")
                })?,
        };
        Ok(Self {
            kind,
            priority,
            rest: table,
        })
    }

    fn own<T: DeserializeOwned>(self) -> Result<Box<T>, String> {
        let kind = self.kind;
        serde_json::from_value(Value::Object(self.rest))
            .map(Box::new)
            .map_err(|error| {
                format!(
                    "the settings of the {kind} provider are wrong: {}",
                    without_values(&error.to_string())
                )
            })
    }

    fn nothing_more(self) -> Result<(), String> {
        match self.rest.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("a {} has no setting `{key}`", self.kind)),
        }
    }
}

impl TryFrom<Map<String, Value>> for EmailProvider {
    type Error = String;

    fn try_from(table: Map<String, Value>) -> Result<Self, String> {
        let table = Table::open(table)?;
        let priority = table.priority;
        let kind = match table.kind.as_str() {
            "sink" => table.nothing_more().map(|()| EmailKind::Sink)?,
            "smtp" => EmailKind::Smtp(table.own()?),
            other => {
                return Err(format!(
                    "there is no kind `{other}` of e-mail providers: use smtp or sink"
                ));
            }
        };
        Ok(Self { priority, kind })
    }
}

impl TryFrom<Map<String, Value>> for SmsProvider {
    type Error = String;

    fn try_from(table: Map<String, Value>) -> Result<Self, String> {
        let table = Table::open(table)?;
        let priority = table.priority;
        let kind = match table.kind.as_str() {
            "sink" => table.nothing_more().map(|()| SmsKind::Sink)?,
            "http" => SmsKind::Http(table.own()?),
            "twilio" => SmsKind::Twilio(table.own()?),
            other => {
                return Err(format!(
                    "there is no kind `{other}` of text message providers: use http, twilio or sink"
                ));
            }
        };
        Ok(Self { priority, kind })
    }
}

impl Providers {
    /// The longest that one of them may take to answer, in seconds, and its name.
    pub(super) fn slowest(&self) -> Option<(String, u64)> {
        let email = self.email.iter().filter_map(|one| match &one.kind {
            EmailKind::Sink => None,
            EmailKind::Smtp(relay) => Some((relay.name.clone(), relay.timeout_seconds)),
        });
        let sms = self.sms.iter().filter_map(|one| match &one.kind {
            SmsKind::Sink => None,
            SmsKind::Http(http) => Some((http.name.clone(), http.timeout_seconds)),
            SmsKind::Twilio(twilio) => Some((twilio.name.clone(), twilio.timeout_seconds)),
        });
        email.chain(sms).max_by_key(|(_, seconds)| *seconds)
    }

    /// Whether e-mails go to the sink, all or some.
    pub(super) fn email_in_sink(&self) -> bool {
        self.email.is_empty()
            || self
                .email
                .iter()
                .any(|one| matches!(one.kind, EmailKind::Sink))
    }

    /// Whether texts go to the sink, all or some.
    pub(super) fn sms_in_sink(&self) -> bool {
        self.sms.is_empty() || self.sms.iter().any(|one| matches!(one.kind, SmsKind::Sink))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Providers, String> {
        let source = config::File::from_str(toml, config::FileFormat::Toml);
        let config = config::Config::builder()
            .add_source(source)
            .build()
            .unwrap();
        config.get("providers").map_err(|error| error.to_string())
    }

    #[test]
    fn providers_of_every_kind_read_and_keep_the_case_of_their_keys() {
        let providers = read(
            r#"
            [[providers.email]]
            kind = "smtp"
            host = "relay.example"
            priority = 60

            [[providers.email]]
            kind = "sink"
            priority = 40

            [[providers.sms]]
            kind = "http"
            name = "acme"
            url = "https://sms.example/v1"
            auth = { bearer = { token = "hunter2" } }
            body = { json = { to = "{to}", clientRef = "{reference}", flash = false, ttl = 60 } }

            [[providers.sms]]
            kind = "twilio"
            account_sid = "AC1"
            secret = "hunter2"
            "#,
        )
        .unwrap();
        assert_eq!(
            providers
                .email
                .iter()
                .map(|one| one.priority)
                .collect::<Vec<_>>(),
            [60, 40]
        );
        let SmsKind::Http(http) = &providers.sms[0].kind else {
            panic!("an HTTP provider")
        };
        let ::providers::sms::http::HttpBody::Json(body) = &http.body else {
            panic!("a JSON body")
        };
        assert_eq!(
            (&body["clientRef"], &body["flash"], &body["ttl"]),
            (&"{reference}".into(), &false.into(), &60.into())
        );
        assert!(!format!("{providers:?}").contains("hunter2"));
        assert_eq!(providers.slowest(), Some(("smtp".to_owned(), 30)));
    }

    #[test]
    fn what_is_wrong_with_a_provider_is_said() {
        for (toml, what) in [
            ("[[providers.email]]\nhost = 'x'", "needs its kind"),
            ("[[providers.email]]\nkind = 'twilio'", "use smtp or sink"),
            ("[[providers.email]]\nkind = 'smtp'", "missing field `host`"),
            (
                "[[providers.sms]]\nkind = 'sink'\nhost = 'x'",
                "has no setting `host`",
            ),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
