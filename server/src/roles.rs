//! The roles of a process: HTTP server, worker, saver, clock. One process may have all of them, or each runs on machines of its
//! own.

use std::{net::SocketAddr, time::Duration};

use ::providers::email::maildir::Maildir;
use anyhow::Context as _;
use clap::ValueEnum;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    data_dir::DataDir,
    http_server::{self, Limits},
    liveness::{self, WorkerLock},
    metrics,
    monitoring::Monitoring,
    settings::Settings,
    system,
    wiring::Platform,
};

/// A role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves HTTP.
    Api,
    /// Runs tasks: stores the rows of jobs and sends messages.
    Worker,
    /// Saves what was accepted by the intake log. Nothing to do without one.
    Saver,
    /// Starts scheduled tasks. Several are harmless: a task is enqueued once for each time.
    Clock,
}

impl Role {
    /// Returns the name used in `--roles`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Saver => "saver",
            Self::Clock => "clock",
        }
    }
}

/// Binds `address`. The error for a port in use says what to do.
pub async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow::bail!(
                "cannot listen on {address}: the port is in use; stop the process that uses it, or choose another with --listen"
            )
        }
        Err(error) => Err(error).context(format!("cannot listen on {address}")),
    }
}

/// The listeners of a process.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Serves the API.
    pub public: Option<TcpListener>,
    /// Serves monitors.
    pub monitoring: Option<TcpListener>,
}

impl Listeners {
    /// Adds the listener for monitors to that of the API, if the settings want one.
    pub async fn with_monitoring(
        public: Option<TcpListener>,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let is_exposed = |listener: &TcpListener| {
            let address = listener.local_addr();
            address.is_ok_and(|address| !address.ip().is_loopback())
        };
        let monitoring = match settings.metrics_listen.as_deref() {
            Some(SHARED) => None,
            Some(address) => Some(listen(address).await?),
            None if public.as_ref().is_some_and(is_exposed) => Some(default_monitoring().await?),
            None => None,
        };
        if let Some(listener) = &monitoring {
            tracing::info!("metrics and health at {}", listener_url(listener)?);
        }
        Ok(Self { public, monitoring })
    }
}

/// The value of `metrics_listen` for one address for everything.
const SHARED: &str = "listen";

async fn default_monitoring() -> anyhow::Result<TcpListener> {
    match TcpListener::bind("127.0.0.1:6012").await {
        Ok(listener) => Ok(listener),
        // The port is a default, so another process on this machine that has it must not prevent the start.
        Err(_) => listen("127.0.0.1:0").await,
    }
}

/// Returns the URL of a listener for clients on this machine.
pub fn listener_url(listener: &TcpListener) -> anyhow::Result<String> {
    let mut address: SocketAddr = listener
        .local_addr()
        .context("the listener has no address")?;
    // Clients cannot connect to 0.0.0.0 everywhere.
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            [0u16, 0, 0, 0, 0, 0, 0, 1].into()
        });
    }
    Ok(format!("http://{address}"))
}

/// The running roles of a process.
#[derive(Debug)]
pub struct RunningPlatform {
    platform: Platform,
    stop: CancellationToken,
    services: JoinSet<anyhow::Result<()>>,
    /// Answers until the end: a monitor can tell a process that stops from one that is gone.
    _monitoring: Option<Monitoring>,
    /// Released last: until then no other process may reclaim the tasks that still run here.
    _worker_lock: Option<WorkerLock>,
}

/// Starts the HTTP servers on the listeners that there are, and the worker and the clock if `roles` has them.
pub async fn start(
    platform: Platform,
    roles: &[Role],
    listeners: Listeners,
    stop: CancellationToken,
) -> anyhow::Result<RunningPlatform> {
    let mut services = JoinSet::new();
    if let Some(listener) = listeners.public {
        let (limits, stop) = (http_limits(&platform.settings), stop.clone());
        let router = if listeners.monitoring.is_some() {
            platform.public_router()
        } else {
            platform.router()
        };
        services.spawn(async move {
            http_server::serve(listener, router, limits, stop).await;
            Ok(())
        });
    }
    let monitoring = listeners
        .monitoring
        .map(|listener| Monitoring::start(listener, platform.monitoring_router()))
        .transpose()?;
    let mut worker_lock = None;
    if roles.contains(&Role::Worker) {
        worker_lock = start_workers(&platform, &mut services, &stop).await;
    }
    if roles.contains(&Role::Saver) {
        let (app, stop) = (platform.app.clone(), stop.clone());
        services.spawn(async move {
            app::savers::run(&app, &stop).await;
            Ok(())
        });
    }
    if roles.contains(&Role::Clock) {
        let (app, stop) = (platform.app.clone(), stop.clone());
        services.spawn(async move {
            app::upkeep::schedule::run(&app, stop).await;
            Ok(())
        });
    }
    if roles.contains(&Role::Worker)
        && let Some(maildir) = platform.settings.receipts.bounce_maildir.clone()
    {
        let (app, stop) = (platform.app.clone(), stop.clone());
        services.spawn(async move {
            app::receipts::watch_bounces(&app, &Maildir::new(maildir), &stop).await;
            Ok(())
        });
    }
    let (app, preparing) = (platform.app.clone(), stop.clone());
    services.spawn(async move {
        app.keep_partitions_ahead(&preparing).await;
        Ok(())
    });
    let (app, watching) = (platform.app.clone(), stop.clone());
    services.spawn(async move {
        metrics::watch(&app, &watching).await;
        Ok(())
    });
    Ok(RunningPlatform {
        platform,
        stop,
        services,
        _monitoring: monitoring,
        _worker_lock: worker_lock,
    })
}

fn http_limits(settings: &Settings) -> Limits {
    // The other half is for the database, files, providers and connections that are being closed.
    let possible = system::raise_file_limit() / 2;
    let wanted = usize::try_from(settings.http_connections).unwrap_or(usize::MAX);
    if wanted > possible {
        warn!(
            "http_connections is {wanted}, but this process may open {} files: at most {possible} connections are \
             served; raise the limit of open files, or lower http_connections",
            possible * 2
        );
    }
    Limits {
        header_timeout: Duration::from_secs(settings.http_header_timeout_seconds),
        least_bytes_per_second: settings.http_least_bytes_per_second,
        connections: wanted.min(possible),
        drain: Duration::from_secs(settings.http_drain_seconds),
    }
}

/// Starts the worker, after it has reclaimed the tasks of dead workers.
async fn start_workers(
    platform: &Platform,
    services: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> Option<WorkerLock> {
    let data_dir = DataDir::new(&platform.settings.data_dir);
    let runner = platform.app.runner(platform.queue_settings());
    let worker_lock = WorkerLock::acquire(&data_dir, runner.worker());
    if let Err(error) = &worker_lock {
        warn!(
            "cannot mark this worker as alive: if it crashes, its tasks wait until their leases expire: {error:#}"
        );
    }
    // Before this worker claims tasks: a job that was interrupted continues first.
    liveness::reclaim_dead_workers(&platform.app, &data_dir).await;
    let (pools, stopping) = (platform.settings.workers.pools(), stop.clone());
    services.spawn(async move {
        runner.run(pools, stopping).await;
        Ok(())
    });
    let (app, stopping) = (platform.app.clone(), stop.clone());
    services.spawn(async move {
        liveness::watch(&app, &data_dir, &stopping).await;
        Ok(())
    });
    worker_lock.ok()
}

impl RunningPlatform {
    /// Runs until shutdown is requested, then waits up to `stop_seconds` for running requests and tasks.
    pub async fn run_until_stopped(mut self) -> anyhow::Result<()> {
        // The first error is the one to report; those during the shutdown are logged.
        let mut outcome = Ok(());
        tokio::select! {
            () = self.stop.cancelled() => {}
            // A service ends by itself only after an error it cannot recover from: stop the others too.
            Some(ended) = self.services.join_next() => outcome = ended.context("a service of the platform failed")?,
        }
        self.stop.cancel();
        let timeout = Duration::from_secs(self.platform.settings.stop_seconds);
        let finished = tokio::time::timeout(timeout, async {
            while let Some(ended) = self.services.join_next().await {
                if let Ok(Err(error)) = ended {
                    warn!("stopping: {error:#}");
                }
            }
            // After the services: on SQLite, the last connection to close also merges the write-ahead log.
            self.platform.app.store().close().await;
        });
        if finished.await.is_err() {
            warn!(
                "some tasks did not finish within {} seconds; they resume at the next start",
                timeout.as_secs()
            );
            self.services.shutdown().await;
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn monitoring(public: &str, metrics_listen: Option<&str>) -> Option<bool> {
        let public = TcpListener::bind(public).await.unwrap();
        let settings = Settings {
            metrics_listen: metrics_listen.map(str::to_owned),
            ..Settings::default()
        };
        let listeners = Listeners::with_monitoring(Some(public), &settings).await;
        let monitoring = listeners.unwrap().monitoring;
        monitoring.map(|listener| listener.local_addr().unwrap().ip().is_loopback())
    }

    #[tokio::test]
    async fn metrics_leave_an_address_that_other_machines_can_reach() {
        let (public, private) = ("0.0.0.0:0", "127.0.0.1:0");
        assert_eq!(monitoring(public, None).await, Some(true));
        assert_eq!(monitoring(private, None).await, None);
        // Whoever wants them at one address says so.
        assert_eq!(monitoring(public, Some("listen")).await, None);
        assert_eq!(monitoring(public, Some("0.0.0.0:0")).await, Some(false));
    }
}
