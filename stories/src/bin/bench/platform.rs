//! The platform as the program wires it, with a real clock, real randomness, sealed rows and metrics, over a fresh
//! database, with one service without limits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use app::{
    App, Dependencies, Providers, Sink, Weighted, fixtures::demo::DEMO_SERVICE,
    foreign_files::ForeignFiles, manage::services::NewService, manage::templates::NewTemplate,
};
use async_trait::async_trait;
use domain::{Allowance, ApiKeyId, Clock, KeyType, RandomSource, ServiceId, TemplateId, Timestamp};
use files::Files;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use providers::{
    Email, EmailProvider, SendError, SendReceipt, Sms, SmsProvider,
    outbound::{GuardedClient, UrlRules},
    sms::http::{HttpBody, HttpSms, HttpSmsSettings},
};
use rand::Rng as _;
use store::{Keyring, Store};

use crate::{databases::DataLocation, options::Channel};

/// Database connections, as many as the program opens by default.
const CONNECTIONS: u32 = 16;
/// A million requests a second: the bucket of 1,000 tokens never runs dry.
const RATE_LIMIT: u32 = 60_000_000;
const DAILY_LIMIT: i64 = 1_000_000_000;

/// The platform and what a measurement reads from it.
pub(crate) struct Platform {
    pub(crate) app: App,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) tenant: Tenant,
    /// When the messages to [`WATCHED`] were sent, if the provider discards messages.
    pub(crate) send_times: SendTimes,
}

/// Send times of the watched messages by their ids.
pub(crate) type SendTimes = Arc<Mutex<BTreeMap<String, Timestamp>>>;

/// The normalised number whose messages are watched; no other recipient of [`sample_data`](crate::sample_data) has it.
pub(crate) const WATCHED: &str = "447700900123";

/// A service without limits, with a key and the demo service's templates.
pub(crate) struct Tenant {
    pub(crate) service: ServiceId,
    pub(crate) key: ApiKeyId,
    pub(crate) secret: String,
    sms: TemplateId,
    email: TemplateId,
}

/// The provider of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BenchProvider {
    /// The development sink, which writes a file for each message.
    Sink,
    /// A provider that accepts at once, so that only the platform's own work is measured.
    Instant,
    /// A provider that takes its time and 20 messages at once.
    Slow,
    /// An HTTP provider on this port of this machine.
    Http(u16),
}

impl Platform {
    pub(crate) async fn open(location: &DataLocation, provider: BenchProvider) -> Result<Self> {
        let metrics = PrometheusBuilder::new()
            .install_recorder()
            .context("metrics cannot be counted")?;
        let random: Arc<dyn RandomSource> = Arc::new(SystemRandom);
        let keyring = Keyring::from_text(&Keyring::new_key_line(1, &*random), random.clone())?;
        let store = Store::connect(&location.database, CONNECTIONS, keyring).await?;
        store.migrate().await?;
        let send_times = SendTimes::default();
        let mut providers = configure(location, provider, &send_times)?;
        let rules = UrlRules {
            // The receiver is a process of this machine.
            allow_loopback: true,
            ..UrlRules::default()
        };
        providers.outbound = Some(Arc::new(GuardedClient::new(rules)?));
        let dependencies = Dependencies {
            store,
            files: Files::open(&format!(
                "file:{}",
                location.directory.join("files").display()
            ))?,
            providers,
            foreign_files: ForeignFiles::in_this_process(),
            clock: Arc::new(RealClock),
            intake: None,
            random,
        };
        let app = App::new(app::Settings::default(), dependencies);
        app.prepare_partitions().await;
        app::fixtures::demo::create(&app).await?;
        let tenant = Tenant::create(&app, "Bench Council").await?;
        Ok(Self {
            app,
            metrics,
            tenant,
            send_times,
        })
    }
}

impl Tenant {
    pub(crate) async fn create(app: &App, name: &str) -> Result<Self> {
        let new = NewService {
            rate_limit: RATE_LIMIT,
            limits: [
                (Allowance::Sms, DAILY_LIMIT),
                (Allowance::Email, DAILY_LIMIT),
            ]
            .into(),
            ..NewService::named(name)
        };
        let service = app::manage::services::create(app, new).await?.id;
        let made =
            app::manage::services::create_key(app, service, "bench", KeyType::Normal).await?;
        let secret = made
            .key
            .reveal()
            .get(made.key.reveal().len() - 36..)
            .context("a key ends in a UUID")?
            .to_owned();
        Ok(Self {
            service,
            key: made.id,
            secret,
            sms: copy_template(app, service, domain::Channel::Sms).await?,
            email: copy_template(app, service, domain::Channel::Email).await?,
        })
    }

    pub(crate) const fn template(&self, channel: Channel) -> TemplateId {
        match channel {
            Channel::Sms => self.sms,
            Channel::Email => self.email,
        }
    }
}

async fn copy_template(
    app: &App,
    service: ServiceId,
    channel: domain::Channel,
) -> Result<TemplateId> {
    let all = app::manage::templates::list(app, DEMO_SERVICE).await?;
    let one = all
        .into_iter()
        .find(|one| one.template_type == channel)
        .context("the demo has one of each channel")?;
    let new = NewTemplate {
        template_type: channel,
        name: one.name,
        subject: one.subject,
        content: one.content,
        lane: one.lane,
        created_by: None,
    };
    Ok(app::manage::templates::create(app, service, new).await?.id)
}

fn configure(
    location: &DataLocation,
    provider: BenchProvider,
    send_times: &SendTimes,
) -> Result<Providers> {
    Ok(match provider {
        BenchProvider::Sink => {
            for_both_channels(Arc::new(Sink::new(location.directory.join("sink"))))
        }
        BenchProvider::Instant => for_both_channels(Arc::new(Instant(send_times.clone()))),
        BenchProvider::Slow => Providers {
            sms: vec![Weighted::new(Arc::new(Slow), 100)],
            ..Providers::default()
        },
        BenchProvider::Http(port) => Providers {
            sms: vec![Weighted::new(
                Arc::new(HttpSms::new(http_settings(port))?),
                100,
            )],
            ..Providers::default()
        },
    })
}

fn http_settings(port: u16) -> HttpSmsSettings {
    let body = serde_json::json!({"to": "{to}", "from": "{sender}", "text": "{content}", "reference": "{reference}"});
    HttpSmsSettings {
        concurrency: CONCURRENCY,
        supports_international: true,
        ..HttpSmsSettings::new(
            "local",
            format!("http://127.0.0.1:{port}/"),
            HttpBody::Json(body),
        )
    }
}

fn for_both_channels<P: EmailProvider + SmsProvider + 'static>(provider: Arc<P>) -> Providers {
    Providers {
        email: vec![Weighted::new(provider.clone(), 100)],
        sms: vec![Weighted::new(provider, 100)],
        letter: Vec::new(),
        ..Providers::default()
    }
}

/// Accepts everything at once and records only the send times of the watched messages.
#[derive(Debug)]
struct Instant(SendTimes);

/// The same concurrency as the sink, so that the two can be compared.
const CONCURRENCY: usize = 64;

#[async_trait]
impl EmailProvider for Instant {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, _: &Email) -> Result<SendReceipt, SendError> {
        Ok(SendReceipt::default())
    }
}

#[async_trait]
impl SmsProvider for Instant {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        if *sms.to == *WATCHED {
            let (id, now) = (sms.id.to_string(), RealClock.now());
            let mut seen = self.0.lock().expect("the lock is not poisoned");
            seen.entry(id).or_insert(now);
        }
        Ok(SendReceipt::default())
    }
}

/// Accepts each message after the time that an SMS provider usually takes.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl SmsProvider for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        20
    }

    async fn send(&self, _: &Sms) -> Result<SendReceipt, SendError> {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(SendReceipt::default())
    }
}

/// The system clock.
#[derive(Debug)]
pub(crate) struct RealClock;

impl Clock for RealClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everybody else asks"
    )]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Random numbers from a generator for each thread, seeded by the operating system.
#[derive(Debug)]
pub(crate) struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
