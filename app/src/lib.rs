//! What the platform does: one file for each thing that can happen. [`tasks`] and [`schedule`] are the tables of
//! contents of what happens later.
//!
//! Every write begins here. A use case reads, thinks, then makes one short write; nothing is held open while the
//! outside – a provider, the file storage – is spoken to.

mod admin_error;
pub mod api_keys;
mod audit;
pub mod callbacks;
pub mod contact_lists;
pub mod demo;
pub mod documents;
pub mod erasure;
pub mod fixtures;
pub mod folders;
mod group_commit;
pub mod guests;
pub mod idempotency;
pub mod inbound_numbers;
pub mod inbound_sms;
pub mod jobs;
pub mod letter_contacts;
pub mod letters;
pub mod limits;
mod local_days;
pub mod members;
pub mod notifications;
pub mod organisations;
mod provider_selection;
pub mod queue_stats;
pub mod rates;
pub mod receipts;
pub mod reencryption;
pub mod reply_to_addresses;
pub mod retention;
mod retention_cleanup;
mod rewrite_lock;
pub mod schedule;
mod sealed_files;
mod sealed_tokens;
pub mod send;
pub mod services;
mod settings;
pub mod sms_senders;
pub mod spreadsheets;
pub mod status;
mod stuck_notifications;
pub mod tasks;
pub mod template_previews;
pub mod templates;
pub mod tenants;
mod transient;
pub mod unsubscribe;
pub mod users;

use std::{ops::Deref, sync::Arc};

use domain::{Clock, RandomSource, WorkerId};
use files::Files;
use queue::{DatabaseSource, Notifier, Runner};
use store::{Session, Store, Tx};

pub use admin_error::AdminError;
pub use group_commit::CommitError;
pub use limits::LimitError;
pub use provider_selection::{Providers, Weighted};
pub use providers::Sink;
pub use rewrite_lock::{RewriteLock, RewriteLockError};
pub use sealed_files::OpenError;
pub use settings::{Money, Settings, TimeZone};
pub use store::{jobs::Job, schema_version, services::Service};
pub use templates::ParsedTemplate;
pub use tenants::{Caller, Tenant};
pub use transient::is_transient;

/// How often a task whose worker died is ready again at once, if the work never got on with it.
const MAX_CRASHES: u32 = 2;

/// The platform. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct App(Arc<AppInner>);

/// What the platform is made of.
#[derive(Debug)]
pub struct AppInner {
    /// How it is set.
    pub settings: Settings,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) providers: Providers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) notifier: Notifier,
    pub(crate) group_commit: group_commit::GroupCommit,
    pub(crate) receipt_writer: receipts::receipt_writer::ReceiptWriter,
    pub(crate) tenants: tenants::TenantCache,
    pub(crate) templates: templates::TemplateCache,
    pub(crate) rates: rates::RateCache,
    pub(crate) rate_limiter: limits::RateLimiter,
    pub(crate) in_flight_requests: idempotency::InFlightRequests,
    pub(crate) in_flight_notifications: send::InFlightNotifications,
    pub(crate) quota_cache: limits::QuotaCache,
    pub(crate) document_attempts: documents::AttemptLimiter,
}

/// What an [`App`] is built over.
#[derive(Debug)]
pub struct Dependencies {
    /// The database.
    pub store: Store,
    /// The files.
    pub files: Files,
    /// Who takes messages from us.
    pub providers: Providers,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn RandomSource>,
}

impl Deref for App {
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.0
    }
}

impl App {
    /// Puts the platform together. Must be called inside a runtime: the group commit begins to wait for messages.
    pub fn new(settings: Settings, foundations: Dependencies) -> Self {
        let Dependencies {
            store,
            files,
            providers,
            clock,
            random: entropy,
        } = foundations;
        let signals = Notifier::new(tasks::POOLS.iter().map(|pool| pool.name));
        let spent = limits::QuotaCache::default();
        let keeper = group_commit::GroupCommit::start(&group_commit::Writer {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            signals: signals.clone(),
            spent: spent.clone(),
        });
        let receipts =
            receipts::receipt_writer::ReceiptWriter::start(&store, &clock, &entropy, &signals);
        Self(Arc::new(AppInner {
            receipt_writer: receipts,
            tenants: tenants::TenantCache::new(),
            templates: templates::TemplateCache::new(),
            rates: rates::RateCache::new(),
            rate_limiter: limits::RateLimiter::default(),
            in_flight_requests: idempotency::InFlightRequests::default(),
            in_flight_notifications: send::InFlightNotifications::default(),
            settings,
            store,
            files,
            providers,
            clock,
            random: entropy,
            notifier: signals,
            group_commit: keeper,
            quota_cache: spent,
            document_attempts: documents::AttemptLimiter::default(),
        }))
    }

    /// A connection for a plain read.
    pub async fn read(&self) -> Result<Session, store::Error> {
        self.store.read().await
    }

    /// The database, for commands and for the workers.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Randomness.
    pub fn random(&self) -> &dyn RandomSource {
        &*self.random
    }

    /// The workers over the database's own queue, ready to run.
    pub fn runner(&self, settings: queue::RunnerSettings) -> Runner {
        let source =
            DatabaseSource::new(self.store.clone(), self.clock.clone(), self.random.clone());
        Runner::new(
            Arc::new(source),
            Arc::new(self.clone()),
            self.clock.clone(),
            self.notifier.clone(),
            settings,
        )
    }

    /// Makes ready at once what a dead worker had in hand, so that nobody waits for the ends of its leases; how many tasks.
    /// Only for who knows that it is dead: one that lives would hand the same over too.
    pub async fn reclaim_from_worker(&self, dead: WorkerId) -> Result<u64, store::Error> {
        let mut tx = self.write().await?;
        let now = self.clock.now();
        let taken_back = store::tasks::reclaim(&mut tx, dead, now, MAX_CRASHES).await?;
        tx.commit().await?;
        if taken_back > 0 {
            self.notifier.notify_all();
        }
        Ok(taken_back)
    }

    /// Makes what must be there before the first message comes: the days ahead, on a database that keeps days apart.
    pub async fn prepare_partitions(&self) -> Result<(), store::Error> {
        schedule::create_partitions(self).await
    }

    pub(crate) async fn write(&self) -> Result<Tx, store::Error> {
        self.store.write().await
    }

    /// Commits, then tells the workers of these pools that there is something for them.
    pub(crate) async fn commit_and_notify(
        &self,
        tx: Tx,
        pools: &[&str],
    ) -> Result<(), store::Error> {
        tx.commit().await?;
        for pool in pools {
            self.notifier.notify(pool);
        }
        Ok(())
    }
}
