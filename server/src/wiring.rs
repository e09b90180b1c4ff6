//! From settings to a platform. The stories and the benchmarks wire theirs here too.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use app::{App, Dependencies, Providers, Sink};
use domain::{Clock, Private, RandomSource};
use files::Files;
use providers::{
    FileService,
    documents::{HttpFileService, HttpFileServiceSettings},
    scan::Clamd,
};
use store::{Keyring, Store};

use crate::{
    measures,
    outside::{SystemClock, SystemEntropy},
    secrets,
    settings::Settings,
};

/// A platform with all that belongs to it, ready to be run.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What it does.
    pub app: App,
    /// How it was set up.
    pub settings: Settings,
    /// The secrets that internal clients may sign with, the one to sign with first.
    pub internal_secrets: Vec<Private<String>>,
    /// Where messages are kept that no provider takes.
    pub sink: Option<Sink>,
}

/// Opens everything that the settings name, with the machine's clock and randomness. The data directory must be there.
pub async fn open(settings: Settings) -> anyhow::Result<Platform> {
    open_with(settings, Arc::new(SystemClock), Arc::new(SystemEntropy)).await
}

/// The same with a clock and randomness of one's own.
pub async fn open_with(
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn RandomSource>,
) -> anyhow::Result<Platform> {
    let vault = secrets::open_vault(&settings).await?;
    let internal_secrets = secrets::internal_secrets(&settings)?;
    let store = open_store(&settings, vault).await?;
    see_that_connections_suffice(&settings, &store).await?;
    let files = Files::open(&settings.files_address())?;
    let sink = Sink::new(settings.sink_directory());
    let providers = providers(&settings, &sink)?;
    let app = App::new(
        settings.rules(),
        Dependencies {
            store,
            files,
            providers,
            clock,
            random: entropy,
        },
    );
    app.prepare_partitions()
        .await
        .context("cannot prepare the database")?;
    Ok(Platform {
        app,
        settings,
        internal_secrets,
        sink: Some(sink),
    })
}

/// Opens the database, up to date.
pub async fn open_store(settings: &Settings, vault: Keyring) -> anyhow::Result<Store> {
    let store = secrets::connect(settings, vault).await?;
    if settings.migrate_on_start {
        store.migrate().await?;
    }
    Ok(store)
}

async fn see_that_connections_suffice(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    let wanted = settings.database_connections;
    let Some(found) = store::connections::find(&mut store.read().await?).await? else {
        return Ok(());
    };
    if wanted > found.granted.saturating_sub(found.spoken_for) {
        bail!(
            "this process may hold {wanted} connections (database_connections), others hold or may hold {}, and the \
             database's server grants {} in all: lower database_connections, here or there, or raise the server's \
             max_connections",
            found.spoken_for,
            found.granted
        );
    }
    Ok(())
}

/// The providers that the settings name; the sink for a channel that has none.
pub fn providers(settings: &Settings, sink: &Sink) -> anyhow::Result<Providers> {
    let mut found = settings.providers.build(sink)?;
    found.file_service = file_service(settings)?;
    if let Some(address) = &settings.virus_scanner {
        found.scanner = Some(Arc::new(Clamd::at(address)?));
    }
    Ok(found)
}

/// The file service that the settings name, if they name one.
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
    /// The HTTP side.
    pub fn router(&self) -> axum::Router {
        let settings = api::Settings {
            internal_client_id: self.settings.internal_client_id.clone(),
            internal_secrets: self.internal_secrets.clone(),
            trust_forwarded_proto: self.settings.trust_forwarded_proto,
            git_commit: option_env!("PILLARBOX_GIT_COMMIT").map(str::to_owned),
            build_time: option_env!("PILLARBOX_BUILD_TIME").map(str::to_owned),
            metrics: Arc::new(measures::render),
            serve_timeout: std::time::Duration::from_secs(self.settings.http_serve_timeout_seconds),
            text_bringers: self.settings.received_texts.bringers(),
            sink: self.sink.clone(),
        };
        api::router(api::Api::new(self.app.clone(), settings))
    }

    /// How long the workers keep and look for tasks.
    pub fn queue_settings(&self) -> queue::RunnerSettings {
        queue::RunnerSettings {
            lease: std::time::Duration::from_secs(self.settings.lease_seconds),
            ..queue::RunnerSettings::default()
        }
    }
}
