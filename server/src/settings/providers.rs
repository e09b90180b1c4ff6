//! The settings of providers: a list of tables for each channel, read by the table of kinds in `providers`.

use std::{collections::BTreeSet, fmt, path::Path, sync::Arc};

use ::providers::{
    EmailProvider, LetterProvider, ProviderKind, ProviderSettings, ReceiptWay, Replaceable, Server,
    SmsProvider,
    registry::{KINDS, SINK},
};
use anyhow::bail;
use app::{ProviderLimits, Weighted};
use domain::Channel;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{bounds, load::without_values, receipts::Receipts, schema::generator};

/// The providers of each channel. A channel without any uses the sink.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Tables")]
pub struct Providers {
    /// E-mail providers.
    pub email: Vec<ConfiguredProvider<dyn EmailProvider>>,
    /// Text message providers.
    pub sms: Vec<ConfiguredProvider<dyn SmsProvider>>,
    /// Letter providers.
    pub letter: Vec<ConfiguredProvider<dyn LetterProvider>>,
}

/// The tables as they are written, before their kinds are known.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tables {
    email: Vec<Map<String, Value>>,
    sms: Vec<Map<String, Value>>,
    letter: Vec<Map<String, Value>>,
}

impl TryFrom<Tables> for Providers {
    type Error = String;

    fn try_from(tables: Tables) -> Result<Self, String> {
        Ok(Self {
            email: read_channel(tables.email)?,
            sms: read_channel(tables.sms)?,
            letter: read_channel(tables.letter)?,
        })
    }
}

fn read_channel<P: Port + ?Sized>(
    tables: Vec<Map<String, Value>>,
) -> Result<Vec<ConfiguredProvider<P>>, String> {
    let read: Vec<ConfiguredProvider<P>> = tables
        .into_iter()
        .map(ConfiguredProvider::read)
        .collect::<Result<_, _>>()?;
    // The name is what operators, `sent_by` and the provider's row know it by.
    let mut names = BTreeSet::new();
    let twice = read.iter().find(|one| !names.insert(one.settings.name()));
    match twice {
        Some(one) => Err(format!(
            "two {} are called `{}`: give one of them another `name`",
            P::TITLE,
            one.settings.name()
        )),
        None => Ok(read),
    }
}

impl Providers {
    /// Fails if a provider waits for receipts that cannot arrive: each of its messages would fail after three days.
    pub(super) fn check_receipts(&self, receipts: &Receipts) -> anyhow::Result<()> {
        let email = self
            .email
            .iter()
            .map(|one| (one.settings.name(), one.settings.receipt_way()));
        let sms = self
            .sms
            .iter()
            .map(|one| (one.settings.name(), one.settings.receipt_way()));
        for (name, way) in email.chain(sms) {
            let (is_open, settings) = match way {
                None => continue,
                Some(ReceiptWay::AmazonEvents) => (
                    receipts.takes_amazon_events(),
                    "receipts.sns_topics or receipts.amazon_passwords",
                ),
                Some(ReceiptWay::Maildir) => {
                    (receipts.bounce_maildir.is_some(), "receipts.bounce_maildir")
                }
            };
            if !is_open {
                bail!(
                    "the provider {name} has reports_delivery, and no receipt can arrive: set {settings}, or remove \
                     reports_delivery"
                );
            }
        }
        Ok(())
    }
}

/// The port of a channel, with the kinds of its providers.
pub trait Port: 'static {
    /// What messages about settings call these providers.
    const TITLE: &'static str;

    /// Returns the kinds of providers.
    fn kinds() -> &'static [ProviderKind<Self>];
}

impl Port for dyn EmailProvider {
    const TITLE: &'static str = "e-mail providers";

    fn kinds() -> &'static [ProviderKind<Self>] {
        KINDS.email
    }
}

impl Port for dyn SmsProvider {
    const TITLE: &'static str = "text message providers";

    fn kinds() -> &'static [ProviderKind<Self>] {
        KINDS.sms
    }
}

impl Port for dyn LetterProvider {
    const TITLE: &'static str = "letter providers";

    fn kinds() -> &'static [ProviderKind<Self>] {
        KINDS.letter
    }
}

/// A provider and its share of the messages of its channel.
pub struct ConfiguredProvider<P: ?Sized> {
    /// The kind's name in the settings.
    pub kind: &'static str,
    /// Its share relative to the other providers of the channel.
    pub priority: u32,
    /// How much it takes.
    pub limits: ProviderLimits,
    /// The settings of its kind.
    pub settings: Arc<dyn ProviderSettings<P>>,
}

// Not derived: that would require `P: Clone` and `P: Debug`.
impl<P: ?Sized> Clone for ConfiguredProvider<P> {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind,
            priority: self.priority,
            limits: self.limits,
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<P: ?Sized> fmt::Debug for ConfiguredProvider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredProvider")
            .field("kind", &self.kind)
            .field("priority", &self.priority)
            .field("limits", &self.limits)
            .field("settings", &self.settings)
            .finish()
    }
}

impl<P: Port + ?Sized> ConfiguredProvider<P> {
    fn read(mut table: Map<String, Value>) -> Result<Self, String> {
        let kind = take_kind::<P>(&mut table)?;
        let schema = (kind.schema)(&mut generator());
        bounds::check_table(&table, schema.as_value()).map_err(|why| {
            format!(
                "the settings of the {} provider are wrong: {why}",
                kind.name
            )
        })?;
        Ok(Self {
            kind: kind.name,
            priority: take_priority(&mut table, kind.name)?,
            limits: ProviderLimits {
                per_second: take_limit(&mut table, kind.name, "per_second")?,
                daily_quota: take_limit(&mut table, kind.name, "daily_quota")?,
            },
            settings: kind.parse(Value::Object(table)).map_err(|error| {
                format!(
                    "the settings of the {} provider are wrong: {}",
                    kind.name,
                    // A value in the wrong place may be a secret.
                    without_values(&error.to_string())
                )
            })?,
        })
    }
}

fn take_kind<P: Port + ?Sized>(
    table: &mut Map<String, Value>,
) -> Result<&'static ProviderKind<P>, String> {
    let Some(Value::String(name)) = table.remove("kind") else {
        return Err(format!(
            "a provider needs its kind, such as `kind = \"{SINK}\"`"
        ));
    };
    P::kinds()
        .iter()
        .find(|kind| kind.name == name)
        .ok_or_else(|| {
            let title = P::TITLE;
            let names: Vec<_> = P::kinds().iter().map(|kind| kind.name).collect();
            format!(
                "there is no kind `{name}` of {title}: use {}",
                alternatives(&names)
            )
        })
}

fn take_priority(table: &mut Map<String, Value>, kind: &str) -> Result<u32, String> {
    match table.remove("priority") {
        None => Ok(100),
        Some(value) => value
            .as_u64()
            .and_then(|priority| u32::try_from(priority).ok())
            .filter(|priority| *priority <= 100)
            .ok_or_else(|| {
                format!("the priority of the {kind} provider must be a whole number, 0 to 100")
            }),
    }
}

fn take_limit(
    table: &mut Map<String, Value>,
    kind: &str,
    setting: &str,
) -> Result<Option<u32>, String> {
    let Some(value) = table.remove(setting) else {
        return Ok(None);
    };
    let limit = value.as_u64().and_then(|limit| u32::try_from(limit).ok());
    match limit {
        Some(limit) if limit > 0 => Ok(Some(limit)),
        _ => Err(format!(
            "the setting {setting} of the {kind} provider must be a whole number, at least 1; to send nothing through it, \
             use `pillarbox provider deactivate`"
        )),
    }
}

/// Joins names as a sentence does: `http, twilio or sink`.
pub(super) fn alternatives(names: &[&str]) -> String {
    match names {
        [all_but_last @ .., last] if !all_but_last.is_empty() => {
            format!("{} or {last}", all_but_last.join(", "))
        }
        _ => names.concat(),
    }
}

impl Providers {
    /// Returns whether any provider is configured.
    pub(super) const fn are_configured(&self) -> bool {
        !(self.email.is_empty() && self.sms.is_empty() && self.letter.is_empty())
    }

    /// Returns the servers that messages are sent to, with the names of their providers.
    pub(crate) fn list_servers(&self) -> Vec<(String, Server)> {
        fn servers<P: ?Sized>(
            providers: &[ConfiguredProvider<P>],
        ) -> impl Iterator<Item = (String, Server)> {
            let settings = providers.iter().map(|one| &one.settings);
            settings.filter_map(|one| Some((one.name().to_owned(), one.server()?)))
        }
        servers(&self.email)
            .chain(servers(&self.sms))
            .chain(servers(&self.letter))
            .collect()
    }

    /// Returns the channels with a real provider.
    pub(crate) fn real_channels(&self) -> Vec<Channel> {
        fn is_real<P: ?Sized>(providers: &[ConfiguredProvider<P>]) -> bool {
            providers.iter().any(|one| one.kind != SINK)
        }
        let channels = [
            (Channel::Email, is_real(&self.email)),
            (Channel::Sms, is_real(&self.sms)),
            (Channel::Letter, is_real(&self.letter)),
        ];
        let real = channels.into_iter().filter(|(_, is_real)| *is_real);
        real.map(|(channel, _)| channel).collect()
    }

    /// Returns whether nothing is configured for a channel, so that it uses the sink without being told to.
    pub(crate) fn is_unconfigured(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_empty(),
            Channel::Sms => self.sms.is_empty(),
            Channel::Letter => self.letter.is_empty(),
        }
    }

    /// Returns whether e-mails go to the sink, all or some.
    pub(super) fn email_in_sink(&self) -> bool {
        uses_sink(&self.email)
    }

    /// Returns whether text messages go to the sink, all or some.
    pub(super) fn sms_in_sink(&self) -> bool {
        uses_sink(&self.sms)
    }

    /// Builds all providers; for a channel without any, the sink.
    pub(crate) fn build(&self, sink_directory: &Path) -> anyhow::Result<RunningProviders> {
        Ok(RunningProviders {
            email: build_channel(&self.email, sink_directory)?,
            sms: build_channel(&self.sms, sink_directory)?,
            letter: build_channel(&self.letter, sink_directory)?,
        })
    }
}

/// The providers that this process sends through. Cheap to clone; all clones share their providers.
#[derive(Debug, Clone, Default)]
pub struct RunningProviders {
    email: Vec<RunningProvider<dyn EmailProvider>>,
    sms: Vec<RunningProvider<dyn SmsProvider>>,
    letter: Vec<RunningProvider<dyn LetterProvider>>,
}

/// A provider with its share of the messages of its channel.
struct RunningProvider<P: ?Sized> {
    provider: Arc<Replaceable<P>>,
    priority: u32,
    limits: ProviderLimits,
}

// Not derived: that would require `P: Clone` and `P: Debug`.
impl<P: ?Sized> Clone for RunningProvider<P> {
    fn clone(&self) -> Self {
        Self {
            provider: Arc::clone(&self.provider),
            priority: self.priority,
            limits: self.limits,
        }
    }
}

impl<P: ?Sized> fmt::Debug for RunningProvider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(f)
    }
}

impl RunningProviders {
    /// Returns the providers as `app` takes them.
    pub(crate) fn for_app(&self) -> app::Providers {
        macro_rules! weighted {
            ($channel:ident) => {
                self.$channel
                    .iter()
                    .map(|one| {
                        let provider = Arc::clone(&one.provider) as _;
                        Weighted::new(provider, one.priority).with_limits(one.limits)
                    })
                    .collect()
            };
        }
        app::Providers {
            email: weighted!(email),
            sms: weighted!(sms),
            letter: weighted!(letter),
            ..app::Providers::default()
        }
    }

    /// Prepares to replace all providers by those of changed settings.
    ///
    /// # Errors
    ///
    /// If the new settings do not name the same providers, because choosing among them, and their limits, began with those
    /// that there were at the start.
    pub(crate) fn prepare_replacement<'a>(
        &'a self,
        new: &'a Self,
    ) -> anyhow::Result<Replacement<'a>> {
        Ok(Replacement {
            email: pair_by_name("e-mail", &self.email, &new.email)?,
            sms: pair_by_name("text message", &self.sms, &new.sms)?,
            letter: pair_by_name("letter", &self.letter, &new.letter)?,
        })
    }

    /// Returns the names of all providers.
    pub(crate) fn names(&self) -> Vec<&str> {
        names(&self.email)
            .chain(names(&self.sms))
            .chain(names(&self.letter))
            .collect()
    }
}

fn names<P: ?Sized>(providers: &[RunningProvider<P>]) -> impl Iterator<Item = &str> {
    providers.iter().map(|one| one.provider.name())
}

/// Providers with those that replace them.
pub(crate) struct Replacement<'a> {
    email: Vec<Pair<'a, dyn EmailProvider>>,
    sms: Vec<Pair<'a, dyn SmsProvider>>,
    letter: Vec<Pair<'a, dyn LetterProvider>>,
}

type Pair<'a, P> = (&'a Replaceable<P>, &'a Replaceable<P>);

impl Replacement<'_> {
    /// Replaces the providers. Nothing can fail any more, so it is all or none.
    pub(crate) fn carry_out(self) {
        fn replace<P: ?Sized>((old, new): Pair<'_, P>) {
            old.replace(new.current());
        }
        self.email.into_iter().for_each(replace);
        self.sms.into_iter().for_each(replace);
        self.letter.into_iter().for_each(replace);
    }
}

fn pair_by_name<'a, P: ?Sized>(
    channel: &str,
    old: &'a [RunningProvider<P>],
    new: &'a [RunningProvider<P>],
) -> anyhow::Result<Vec<Pair<'a, P>>> {
    let (old_names, new_names) = (sorted_names(old), sorted_names(new));
    if old_names != new_names {
        bail!(
            "the {channel} providers of this process are {} and those of the settings file are {}: restart the process to \
             add, remove or rename one",
            old_names.join(", "),
            new_names.join(", ")
        );
    }
    let pairs = sorted(old).into_iter().zip(sorted(new));
    Ok(pairs.collect())
}

fn sorted_names<P: ?Sized>(providers: &[RunningProvider<P>]) -> Vec<&str> {
    sorted(providers)
        .into_iter()
        .map(Replaceable::name)
        .collect()
}

fn sorted<P: ?Sized>(providers: &[RunningProvider<P>]) -> Vec<&Replaceable<P>> {
    let mut sorted: Vec<_> = providers.iter().map(|one| &*one.provider).collect();
    sorted.sort_by_key(|one| one.name());
    sorted
}

fn uses_sink<P: ?Sized>(providers: &[ConfiguredProvider<P>]) -> bool {
    providers.is_empty() || providers.iter().any(|one| one.kind == SINK)
}

fn build_channel<P: Port + ?Sized>(
    configured: &[ConfiguredProvider<P>],
    sink_directory: &Path,
) -> anyhow::Result<Vec<RunningProvider<P>>> {
    let mut built = Vec::new();
    for one in configured {
        let provider = one.settings.build(sink_directory)?;
        built.push(RunningProvider {
            provider: Arc::new(Replaceable::new(one.settings.name(), provider)),
            priority: one.priority,
            limits: one.limits,
        });
    }
    if built.is_empty() {
        let mut table = Map::new();
        table.insert("kind".to_owned(), SINK.into());
        let default = ConfiguredProvider::read(table).map_err(anyhow::Error::msg)?;
        return build_channel(&[default], sink_directory);
    }
    Ok(built)
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
    fn providers_of_every_kind_are_read() {
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

            [[providers.letter]]
            kind = "sink"
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
        assert!(!format!("{providers:?}").contains("hunter2"));
    }

    #[test]
    fn receipts_that_cannot_arrive_are_not_waited_for() {
        let ses =
            "[[providers.email]]\nkind = 'ses'\nregion = 'eu-west-2'\nreports_delivery = true";
        let sms =
            "[[providers.sms]]\nkind = 'sms-v2'\nregion = 'eu-west-2'\nreports_delivery = true";
        let smtp = "[[providers.email]]\nkind = 'smtp'\nhost = 'relay.example'\nreports_delivery = true\n\
                    return_path = 'bounces@notify.example'";
        let topic = Receipts {
            sns_topics: Some("arn:aws:sns:eu-west-2:123456789012:receipts".to_owned()),
            ..Receipts::default()
        };
        let maildir = Receipts {
            bounce_maildir: Some("/var/mail/bounces".into()),
            ..Receipts::default()
        };
        for (toml, open, setting) in [
            (ses, &topic, "receipts.sns_topics"),
            (sms, &topic, "receipts.sns_topics"),
            (smtp, &maildir, "receipts.bounce_maildir"),
        ] {
            let providers = read(toml).unwrap();
            let why = providers.check_receipts(&Receipts::default()).unwrap_err();
            assert!(why.to_string().contains(setting), "{why}");
            providers.check_receipts(open).unwrap();
            let unasked = read(&toml.replace("reports_delivery = true", "")).unwrap();
            unasked.check_receipts(&Receipts::default()).unwrap();
        }
    }

    #[test]
    fn invalid_providers_are_explained() {
        for (toml, what) in [
            ("[[providers.email]]\nhost = 'x'", "needs its kind"),
            (
                "[[providers.email]]\nkind = 'twilio'",
                "use ses, smtp or sink",
            ),
            ("[[providers.email]]\nkind = 'smtp'", "missing field `host`"),
            (
                "[[providers.sms]]\nkind = 'acme'",
                "no kind `acme` of text message providers: use firetext, http, mmg, sms-v2, twilio or sink",
            ),
            (
                "[[providers.letter]]\nkind = 'royal-mail'",
                "no kind `royal-mail` of letter providers: use dvla, file-drop or sink",
            ),
            ("[[providers.letter]]\nname = 'x'", "needs its kind"),
            (
                "[[providers.sms]]\nkind = 'sink'\nhost = 'x'",
                "unknown field `host`",
            ),
            (
                "[[providers.sms]]\nkind = 'sink'\nper_second = 0",
                "per_second of the sink provider must be a whole number, at least 1",
            ),
            (
                "[[providers.sms]]\nkind = 'sink'\npriority = 101",
                "0 to 100",
            ),
            (
                "[[providers.email]]\nkind = 'smtp'\nhost = 'x'\n[[providers.email]]\nkind = 'smtp'\nhost = 'y'",
                "two e-mail providers are called `smtp`",
            ),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
