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
pub mod deliver;
pub mod demo;
pub mod documents;
pub mod erasure;
pub mod fixtures;
pub mod folders;
mod forgetting;
mod group_commit;
pub mod guests;
pub mod idempotency;
pub mod inbound_numbers;
pub mod jobs;
pub mod keyring;
pub mod letter_contacts;
pub mod letters;
pub mod limits;
mod lingering;
mod links;
mod local_days;
pub mod members;
pub mod notifications;
pub mod organisations;
mod passing;
mod providers_in_use;
pub mod queue_view;
pub mod rates;
pub mod receipts;
pub mod received_texts;
pub mod reply_tos;
pub mod retention;
mod rewriting;
pub mod schedule;
mod sealed_files;
pub mod services;
mod settings;
pub mod sms_senders;
pub mod spreadsheets;
pub mod status;
pub mod tasks;
pub mod template_previews;
pub mod templates;
pub mod tenants;
pub mod unsubscribe;
pub mod users;

use std::{ops::Deref, sync::Arc};

use domain::{Clock, Entropy, WorkerId};
use files::Files;
use queue::{DatabaseSource, Runner, Signals};
use store::{Session, Store, Tx};

pub use admin_error::AdminError;
pub use group_commit::KeepError;
pub use limits::DoorError;
pub use passing::is_passing;
pub use providers::{Sink, sink};
pub use providers_in_use::{Providers, Weighted};
pub use rewriting::{Rewriting, RewritingError};
pub use sealed_files::OpenError;
pub use settings::{Money, Settings, TimeZone};
pub use store::{jobs::Job, schema_version, services::Service};
pub use templates::Prepared;
pub use tenants::{Caller, Tenant};

/// How often a task whose worker died is ready again at once, if the work never got on with it.
const MOST_DEATHS_AT_ONCE: u32 = 2;

/// The platform. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

/// What the platform is made of.
#[derive(Debug)]
pub struct Parts {
    /// How it is set.
    pub settings: Settings,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) providers: Providers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) signals: Signals,
    pub(crate) keeper: group_commit::Keeper,
    pub(crate) receipts: receipts::door::Door,
    pub(crate) tenants: tenants::Tenants,
    pub(crate) templates: templates::Templates,
    pub(crate) rates: rates::Known,
    pub(crate) buckets: limits::Buckets,
    pub(crate) in_flight: idempotency::InFlight,
    pub(crate) in_hand: deliver::InHand,
    pub(crate) spent: limits::Spent,
    pub(crate) document_tries: documents::Tries,
}

/// What an [`App`] is built over.
#[derive(Debug)]
pub struct Foundations {
    /// The database.
    pub store: Store,
    /// The files.
    pub files: Files,
    /// Who takes messages from us.
    pub providers: Providers,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts the platform together. Must be called inside a runtime: the group commit begins to wait for messages.
    pub fn new(settings: Settings, foundations: Foundations) -> Self {
        let Foundations {
            store,
            files,
            providers,
            clock,
            entropy,
        } = foundations;
        let signals = Signals::new(tasks::POOLS.iter().map(|pool| pool.name));
        let spent = limits::Spent::default();
        let keeper = group_commit::Keeper::start(&group_commit::Writer {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            signals: signals.clone(),
            spent: spent.clone(),
        });
        let receipts = receipts::door::Door::open(&store, &clock, &entropy, &signals);
        Self(Arc::new(Parts {
            receipts,
            tenants: tenants::Tenants::new(),
            templates: templates::Templates::new(),
            rates: rates::Known::new(),
            buckets: limits::Buckets::default(),
            in_flight: idempotency::InFlight::default(),
            in_hand: deliver::InHand::default(),
            settings,
            store,
            files,
            providers,
            clock,
            entropy,
            signals,
            keeper,
            spent,
            document_tries: documents::Tries::default(),
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
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The workers over the database's own queue, ready to run.
    pub fn runner(&self, settings: queue::Settings) -> Runner {
        let source =
            DatabaseSource::new(self.store.clone(), self.clock.clone(), self.entropy.clone());
        Runner::new(
            Arc::new(source),
            Arc::new(self.clone()),
            self.clock.clone(),
            self.signals.clone(),
            settings,
        )
    }

    /// Makes ready at once what a dead worker had in hand, so that nobody waits for the ends of its leases; how many tasks.
    /// Only for who knows that it is dead: one that lives would hand the same over too.
    pub async fn take_back_from(&self, dead: WorkerId) -> Result<u64, store::Error> {
        let mut tx = self.write().await?;
        let now = self.clock.now();
        let taken_back = store::tasks::take_back(&mut tx, dead, now, MOST_DEATHS_AT_ONCE).await?;
        tx.commit().await?;
        if taken_back > 0 {
            self.signals.wake_all();
        }
        Ok(taken_back)
    }

    /// Makes what must be there before the first message comes: the days ahead, on a database that keeps days apart.
    pub async fn prepare(&self) -> Result<(), store::Error> {
        schedule::make_days(self).await
    }

    pub(crate) async fn write(&self) -> Result<Tx, store::Error> {
        self.store.write().await
    }

    /// Commits, then tells the workers of these pools that there is something for them.
    pub(crate) async fn commit_and_wake(&self, tx: Tx, pools: &[&str]) -> Result<(), store::Error> {
        tx.commit().await?;
        for pool in pools {
            self.signals.wake(pool);
        }
        Ok(())
    }
}
