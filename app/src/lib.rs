//! What the platform does: a folder for each stage of a notification's life, and one for each kind of work around it.
//!
//! Every write begins here. A use case reads, decides, then makes one short write; no transaction is open while a
//! provider, a callback URL or the file storage is called. [`tasks`] lists every kind of background work, [`upkeep`]
//! holds the schedule, and `worker` dispatches a task to the feature that handles it. The folders form no circle; the
//! [`App`] handle is what they share.

pub mod accept;
mod audit;
pub mod cache;
mod compose;
pub mod documents;
pub mod fixtures;
pub mod jobs;
pub mod letters;
mod local_days;
pub mod manage;
pub mod notifications;
mod partitions;
pub mod privacy;
pub mod receipts;
mod sealing;
mod send;
mod settings;
pub mod tasks;
mod transient;
pub mod upkeep;
mod worker;

use std::{ops::Deref, sync::Arc};

use domain::{Clock, RandomSource, WorkerId};
use files::Files;
use queue::{DatabaseSource, Notifier, Runner};
use store::{Session, Store, Tx};
use tokio_util::sync::CancellationToken;

pub use accept::{
    group_commit::CommitError,
    limits::{LimitError, QuotaExceeded},
};
pub use cache::templates::ParsedTemplate;
pub use cache::tenants::{Caller, Tenant};
pub use manage::AdminError;
pub use providers::Sink;
pub use sealing::{RewriteLock, RewriteLockError, sealed_files::OpenError};
pub use send::provider_selection::{Providers, Weighted};
pub use settings::{Money, Settings, TimeZone};
pub use store::{jobs::Job, schema_version, services::Service};
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
    pub(crate) partitions: partitions::Partitions,
    pub(crate) group_commit: accept::group_commit::GroupCommit,
    pub(crate) receipt_writer: receipts::receipt_writer::ReceiptWriter,
    pub(crate) tenants: cache::tenants::TenantCache,
    pub(crate) templates: cache::templates::TemplateCache,
    pub(crate) rates: cache::rates::RateCache,
    pub(crate) rate_limiter: accept::limits::RateLimiter,
    pub(crate) in_flight_requests: accept::idempotency::InFlightRequests,
    pub(crate) in_flight_notifications: send::InFlightNotifications,
    pub(crate) quota_cache: accept::limits::QuotaCache,
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
        let spent = accept::limits::QuotaCache::default();
        let partitions = partitions::Partitions::new(store.clone(), clock.clone());
        let keeper = accept::group_commit::GroupCommit::start(&accept::group_commit::Writer {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            signals: signals.clone(),
            spent: spent.clone(),
            partitions: partitions.clone(),
        });
        let receipts =
            receipts::receipt_writer::ReceiptWriter::start(&store, &clock, &entropy, &signals);
        Self(Arc::new(AppInner {
            receipt_writer: receipts,
            tenants: cache::tenants::TenantCache::new(),
            templates: cache::templates::TemplateCache::new(),
            rates: cache::rates::RateCache::new(),
            rate_limiter: accept::limits::RateLimiter::default(),
            in_flight_requests: accept::idempotency::InFlightRequests::default(),
            in_flight_notifications: send::InFlightNotifications::default(),
            settings,
            store,
            files,
            providers,
            clock,
            random: entropy,
            notifier: signals,
            partitions,
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

    /// Creates the missing partitions of the days ahead, on a database that partitions by day. What fails is logged,
    /// counted and tried again later; it keeps nothing from starting.
    pub async fn prepare_partitions(&self) {
        self.partitions.prepare().await;
    }

    /// Keeps the partitions of the days ahead until `stop` is cancelled. Every process runs it, whatever its roles.
    pub async fn keep_partitions_ahead(&self, stop: &CancellationToken) {
        self.partitions.run(stop).await;
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
