//! Builds the platform from the settings; the stories and the benchmarks use it too.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use app::{App, Dependencies, Providers, Sink, foreign_files::ForeignFiles};
use domain::{Clock, Private, RandomSource};
use files::Files;
use providers::{
    FileService,
    documents::{HttpFileService, HttpFileServiceSettings},
    letter::ResponseDirectory,
    outbound::GuardedClient,
    scan::Clamd,
};
use store::{Keyring, Store};

use crate::{
    data_dir::{DataDir, partial_database},
    metrics, permissions, secrets,
    settings::{RunningProviders, Settings, split_list},
    system::{SystemClock, SystemRandom},
};

/// A platform and its settings, ready to run.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The use cases.
    pub app: App,
    /// Settings of the installation.
    pub settings: Settings,
    /// Secrets that internal clients may sign with; the first is the one to sign with.
    pub internal_secrets: Vec<Private<String>>,
    /// The development sink, for channels without a provider.
    pub sink: Option<Sink>,
    /// The providers of this process, which a reload replaces.
    pub providers: RunningProviders,
}

/// Opens everything that the settings configure, with the system's clock and randomness, and children of this program to
/// read foreign files. The data directory must exist.
pub async fn open(settings: Settings) -> anyhow::Result<Platform> {
    let foreign_files = ForeignFiles::in_children_of_this_program()?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    assemble(settings, foreign_files, clock, random).await
}

/// As [`open`], with a given clock and source of randomness: for tests, whose program cannot be its own child. Foreign files
/// are read in this process.
pub async fn open_with(
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
) -> anyhow::Result<Platform> {
    assemble(settings, ForeignFiles::in_this_process(), clock, random).await
}

async fn assemble(
    settings: Settings,
    foreign_files: ForeignFiles,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
) -> anyhow::Result<Platform> {
    // Of many that start at once on a new directory, one creates the keys and the tables, and the others find them.
    let starting = DataDir::new(&settings.data_dir).lock_start().await?;
    secure_stored_data(&settings)?;
    // First, because a new installation gets its first key here.
    let keyring = secrets::open_keyring(&settings).await?;
    let internal_secrets = secrets::internal_secrets(&settings)?;
    let store = open_store(&settings, keyring).await?;
    // Before anything is sealed: with other keys than those of the installation, it could not be opened again.
    store.check_keyring().await?;
    drop(starting);
    check_connection_limit(&settings, &store).await?;
    let files = settings.open_files()?;
    check_bucket(&files).await?;
    let running = settings.providers.build(&settings.sink_directory())?;
    let providers = app_providers(&settings, &running)?;
    let intake = settings.intake.open().await?;
    let app = App::new(
        settings.rules(),
        Dependencies {
            store,
            files,
            providers,
            foreign_files,
            clock,
            random,
            intake,
        },
    );
    app.prepare_partitions().await;
    let sink = Sink::new(settings.sink_directory());
    Ok(Platform {
        app,
        settings,
        internal_secrets,
        sink: Some(sink),
        providers: running,
    })
}

/// Fails if the files are in a bucket that does not exist or refuses us. One that does not answer now may answer later: what needs
/// it waits.
async fn check_bucket(files: &Files) -> anyhow::Result<()> {
    if files.directory().is_some() {
        return Ok(());
    }
    match files.check().await {
        Err(error) if error.is_for_good() => Err(error.into()),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the file storage does not answer; what needs it waits"
            );
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Creates the data directory if it does not exist. Fails, with nothing changed, if the settings name a database or a
/// directory of files that is not ours to use.
pub fn create_data_dir(settings: &Settings) -> anyhow::Result<DataDir> {
    check_stored_data(settings)?;
    let directory = DataDir::new(&settings.data_dir);
    directory.create()?;
    Ok(directory)
}

/// Makes the embedded database and the stored files accessible to their owner only, also where they are outside the data
/// directory.
fn secure_stored_data(settings: &Settings) -> anyhow::Result<()> {
    check_stored_data(settings)?;
    if let Some(database) = database_file(settings) {
        permissions::secure_database_file(&database)?;
    }
    match settings.files_address().strip_prefix("file:") {
        Some(directory) => permissions::secure_files_dir(Path::new(directory)),
        None => Ok(()),
    }
}

/// Fails if the database or the directory of files cannot be ours, or a restore was interrupted. Changes nothing.
pub(crate) fn check_stored_data(settings: &Settings) -> anyhow::Result<()> {
    if let Some(database) = database_file(settings) {
        permissions::check_database_file(&database)?;
        let partial = partial_database(&database);
        // Without this a start would make an empty database beside what is left of the restored one.
        if partial.exists() {
            bail!(
                "a restore was interrupted: {} is not complete; remove what it left and restore again",
                partial.display()
            );
        }
    }
    match settings.files_address().strip_prefix("file:") {
        Some(directory) => permissions::check_files_dir(Path::new(directory)),
        None => Ok(()),
    }
}

/// Returns the path of the embedded database.
pub(crate) fn database_file(settings: &Settings) -> Option<PathBuf> {
    let address = settings.database_address();
    let path = address.strip_prefix("sqlite:")?.trim_start_matches("//");
    Some(PathBuf::from(path))
}

/// Opens the database and migrates it, unless `migrate_on_start` is off.
pub async fn open_store(settings: &Settings, keyring: Keyring) -> anyhow::Result<Store> {
    let store = secrets::connect(settings, keyring).await?;
    if settings.migrate_on_start {
        store.migrate().await?;
    }
    Ok(store)
}

/// Fails if a channel that had a real provider has none now: the settings file is not the one of this installation, or is
/// lost, and its messages would go to the sink as if they were sent. Otherwise inserts the rows of the providers. Call it in
/// processes that send.
pub async fn check_providers(platform: &Platform) -> anyhow::Result<()> {
    let (store, providers) = (platform.app.store(), &platform.settings.providers);
    for channel in store::real_channels::list(&mut store.read().await?).await? {
        if providers.is_unconfigured(channel) {
            bail!(
                "this installation has sent messages of the channel {channel} through a provider, and the settings name \
                 none: give the settings file with --config, or configure a provider of kind `sink` in \
                 [[providers.{channel}]] to store these messages and send nothing"
            );
        }
    }
    // Marked only by settings that are accepted: those of another installation would leave a mark that stops this one.
    store::real_channels::mark(store, &providers.real_channels()).await?;
    platform.app.prepare_providers().await?;
    Ok(())
}

async fn check_connection_limit(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    let wanted = settings.database_connections;
    // Nothing is found on SQLite, which has no limit.
    let Some(found) = store::connections::find(&mut store.read().await?).await? else {
        return Ok(());
    };
    if wanted > found.granted.saturating_sub(found.reserved_by_others) {
        bail!(
            "this process may open {wanted} connections (database_connections), other processes hold or may open {}, and the \
             database server allows {} in total: lower database_connections, here or there, or raise the server's \
             max_connections",
            found.reserved_by_others,
            found.granted
        );
    }
    Ok(())
}

/// Returns what `app` sends and scans with.
pub fn app_providers(settings: &Settings, running: &RunningProviders) -> anyhow::Result<Providers> {
    let mut found = running.for_app();
    found.file_service = file_service(settings)?;
    found.outbound = Some(Arc::new(GuardedClient::new(
        settings.callbacks.url_rules(),
    )?));
    if let Some(directory) = &settings.letter_responses {
        found.response_files = vec![Arc::new(ResponseDirectory::new(directory))];
    }
    if let Some(address) = &settings.virus_scanner {
        found.scanner = Some(Arc::new(Clamd::at(address)?));
    }
    Ok(found)
}

/// Returns the configured file service, if there is one.
fn file_service(settings: &Settings) -> anyhow::Result<Option<Arc<dyn FileService>>> {
    let downloads = &settings.file_downloads;
    let Some(root) = &downloads.service else {
        return Ok(None);
    };
    let service = HttpFileService::new(HttpFileServiceSettings {
        root: root.clone(),
        token: downloads.service_token.clone().unwrap_or_default(),
        timeout_seconds: downloads.service_timeout_seconds,
    })?;
    Ok(Some(Arc::new(service)))
}

impl Platform {
    /// Returns the whole HTTP interface.
    pub fn router(&self) -> axum::Router {
        api::router(self.api())
    }

    /// Returns the HTTP interface without metrics and live counts.
    pub fn public_router(&self) -> axum::Router {
        api::public_router(self.api())
    }

    /// Returns health, metrics and live counts.
    pub fn monitoring_router(&self) -> axum::Router {
        api::monitoring_router(self.api())
    }

    fn api(&self) -> api::Api {
        let settings = api::Settings {
            internal_client_id: self.settings.internal_client_id.clone(),
            internal_secrets: self.internal_secrets.clone(),
            functional_tests_secrets: split_list(self.settings.functional_tests_secret.as_ref()),
            trust_forwarded_proto: self.settings.trust_forwarded_proto,
            // Set when a release is built; `/_status` shows them.
            git_commit: option_env!("PILLARBOX_GIT_COMMIT").map(str::to_owned),
            build_time: option_env!("PILLARBOX_BUILD_TIME").map(str::to_owned),
            metrics: Arc::new(metrics::render),
            serve_timeout: std::time::Duration::from_secs(self.settings.http_serve_timeout_seconds),
            least_bytes_per_second: self.settings.http_least_bytes_per_second,
            heavy_requests: self.settings.http_heavy_requests.map(usize::from),
            inbound_sms_credentials: self.settings.received_texts.credentials(),
            receipts: self.settings.receipts.rules(),
            trust_forwarded_for: self.settings.trust_forwarded_for,
            sink: self.sink.clone(),
        };
        api::Api::new(self.app.clone(), settings)
    }

    /// Returns the queue settings of the workers.
    pub fn queue_settings(&self) -> queue::RunnerSettings {
        queue::RunnerSettings {
            lease: std::time::Duration::from_secs(self.settings.lease_seconds),
            ..queue::RunnerSettings::default()
        }
    }
}
