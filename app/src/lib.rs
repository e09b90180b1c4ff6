//! Use cases: a folder for each stage of a notification's life, and one for each kind of work around it.
//!
//! Every write begins here. A use case reads, decides, then makes one short write; no transaction is open while a
//! provider, a callback URL or the file storage is called. [`tasks`] lists every kind of background work, [`upkeep`]
//! holds the schedule, and `worker` dispatches a task to its handler. The folders form no circle; what they share is the
//! [`App`] handle.

pub mod accept;
mod audit;
pub mod cache;
pub mod callbacks;
mod compose;
pub mod consistency;
mod database_gate;
pub mod documents;
pub mod fixtures;
pub mod foreign_files;
mod group_commit;
pub mod jobs;
pub mod letters;
mod local_days;
pub mod manage;
pub mod notifications;
mod partitions;
pub mod privacy;
pub mod receipts;
pub mod savers;
mod sealing;
mod send;
mod service_turns;
mod settings;
pub mod statistics;
mod stored_files;
pub mod suppression;
pub mod tasks;
mod technical_failures;
mod transient;
pub mod upkeep;
mod worker;

use std::{ops::Deref, sync::Arc};

use domain::{Clock, RandomSource, WorkerId};
use files::Files;
use foreign_files::ForeignFiles;
use queue::{DatabaseSource, Notifier, Runner};
use store::{Session, Store, Tx};
use tokio_util::sync::CancellationToken;

use database_gate::DatabaseGate;
use group_commit::Infrastructure;

pub use accept::{
    limits::{LimitError, QuotaExceeded},
    notification_writer::CommitError,
    storage::StorageExceeded,
};
pub use cache::templates::ParsedTemplate;
pub use cache::tenants::{Caller, Tenant};
pub use manage::AdminError;
pub use providers::Sink;
pub use sealing::{RewriteLock, RewriteLockError, sealed_files::OpenError};
pub use send::provider_selection::{ProviderLimits, Providers, Weighted};
pub use service_turns::{PlaceInQueue, ServiceTurns};
pub use settings::{
    Intake, IntakeMode, InvalidTime, Money, NoticeTemplate, Settings, SmsKeywords, TimeZone,
};
pub use store::{jobs::Job, schema_version, services::Service};
pub use transient::is_transient;

/// Handle to the platform. Cheap to clone; all clones share their state.
#[derive(Debug, Clone)]
pub struct App(Arc<AppInner>);

/// The infrastructure of the platform, and the state that each feature keeps in memory.
#[derive(Debug)]
pub struct AppInner {
    /// Settings that the use cases need.
    pub settings: Settings,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) providers: Providers,
    pub(crate) foreign_files: ForeignFiles,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) notifier: Notifier,
    pub(crate) partitions: partitions::Partitions,
    pub(crate) database_gate: DatabaseGate,
    pub(crate) intake: Option<intake::SharedLog>,
    pub(crate) accept: accept::AcceptState,
    pub(crate) caches: cache::Caches,
    pub(crate) callbacks: callbacks::CallbackState,
    pub(crate) documents: documents::DocumentState,
    pub(crate) receipts: receipts::ReceiptState,
    pub(crate) send: send::SendState,
    pub(crate) suppression: suppression::SuppressionState,
}

/// What an [`App`] is built from.
#[derive(Debug)]
pub struct Dependencies {
    /// The database.
    pub store: Store,
    /// The file storage.
    pub files: Files,
    /// Providers of every channel, and the virus scanner.
    pub providers: Providers,
    /// How foreign files are read.
    pub foreign_files: ForeignFiles,
    /// Source of the time.
    pub clock: Arc<dyn Clock>,
    /// Source of randomness.
    pub random: Arc<dyn RandomSource>,
    /// The intake log, if there is one. It is read even if the settings do not use it for accepting.
    pub intake: Option<intake::SharedLog>,
}

impl Deref for App {
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.0
    }
}

impl App {
    /// Builds the platform and starts its group commits. Must be called inside a runtime.
    pub fn new(settings: Settings, dependencies: Dependencies) -> Self {
        let Dependencies {
            store,
            files,
            providers,
            foreign_files,
            clock,
            random,
            intake,
        } = dependencies;
        let database_gate = match &intake {
            Some(_) if settings.intake.uses_log() => settings.intake.gate(&clock),
            _ => DatabaseGate::default(),
        };
        let partitions = partitions::Partitions::new(store.clone(), clock.clone());
        let infrastructure = Infrastructure {
            store,
            clock,
            random,
            notifier: Notifier::new(tasks::POOLS.iter().map(|pool| pool.name)),
            partitions,
            database_gate,
        };
        let accept = accept::AcceptState::start(&infrastructure, intake.as_ref(), &settings.intake);
        let receipts = receipts::ReceiptState::start(&infrastructure);
        let callbacks =
            callbacks::CallbackState::start(&infrastructure, settings.callback_pause_after);
        let send = send::SendState::start(&providers, &infrastructure);
        let Infrastructure {
            store,
            clock,
            random,
            notifier,
            partitions,
            database_gate,
        } = infrastructure;
        Self(Arc::new(AppInner {
            settings,
            store,
            files,
            providers,
            foreign_files,
            clock,
            random,
            notifier,
            partitions,
            caches: cache::Caches::new(&database_gate),
            database_gate,
            intake,
            accept,
            callbacks,
            documents: documents::DocumentState::default(),
            receipts,
            send,
            suppression: suppression::SuppressionState::default(),
        }))
    }

    /// Opens a connection for plain reads.
    pub async fn read(&self) -> Result<Session, store::Error> {
        self.store.read().await
    }

    /// Returns the database, for commands and workers.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the source of the time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the source of randomness.
    pub fn random(&self) -> &dyn RandomSource {
        &*self.random
    }

    /// Creates the workers over the queue in the database. Nothing runs until [`Runner::run`] is called.
    pub fn runner(&self, settings: queue::RunnerSettings) -> Runner {
        let source =
            DatabaseSource::new(self.store.clone(), self.clock.clone(), self.random.clone())
                .merging(tasks::merger());
        Runner::new(
            Arc::new(source),
            Arc::new(self.clone()),
            self.clock.clone(),
            self.notifier.clone(),
            settings,
        )
    }

    /// Releases the leases of a dead worker and returns how many, so that its tasks do not wait until they expire. A task
    /// whose workers died several times in a row becomes a dead letter.
    ///
    /// The caller must know that the worker is dead: one that is alive would send the same notifications as well.
    pub async fn reclaim_from_worker(&self, dead: WorkerId) -> Result<u64, store::Error> {
        let mut tx = self.write().await?;
        let now = self.clock.now();
        let reclaimed = store::tasks::reclaim(&mut tx, dead, now).await?;
        tx.commit().await?;
        // After the commit, so that nothing is reported that did not happen.
        reclaimed.dead_letters.iter().for_each(queue::log_crashed);
        if reclaimed.released > 0 {
            // The tasks of a dead worker may be in any pool.
            self.notifier.notify_all();
        }
        Ok(reclaimed.released)
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

    /// Commits, then wakes the workers of these pools.
    pub(crate) async fn commit_and_notify(
        &self,
        tx: Tx,
        pools: &[&str],
    ) -> Result<(), store::Error> {
        // After the commit: a worker that is woken earlier would find nothing.
        tx.commit().await?;
        for pool in pools {
            self.notifier.notify(pool);
        }
        Ok(())
    }
}
