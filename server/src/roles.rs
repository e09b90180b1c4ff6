//! The roles of a process: HTTP server, worker, clock. One process may have all of them, or each runs on machines of its
//! own.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    data_dir::DataDir,
    http_server,
    liveness::{self, WorkerLock},
    metrics,
    wiring::Platform,
};

/// A role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves HTTP.
    Api,
    /// Runs tasks: stores the rows of jobs and sends messages.
    Worker,
    /// Starts scheduled tasks. Several are harmless: a task is enqueued once for each time.
    Clock,
}

impl Role {
    /// Returns the name used in `--roles`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
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
    /// Released last: until then no other process may reclaim the tasks that still run here.
    _worker_lock: Option<WorkerLock>,
}

/// Starts the HTTP server on `listener`, if there is one, and the worker and the clock if `roles` has them.
pub async fn start(
    platform: Platform,
    roles: &[Role],
    listener: Option<TcpListener>,
    stop: CancellationToken,
) -> RunningPlatform {
    let mut services = JoinSet::new();
    if let Some(listener) = listener {
        let timeout = Duration::from_secs(platform.settings.http_header_timeout_seconds);
        let (router, stop) = (platform.router(), stop.clone());
        services.spawn(async move {
            http_server::serve(listener, router, timeout, stop).await;
            Ok(())
        });
    }
    let mut worker_lock = None;
    if roles.contains(&Role::Worker) {
        worker_lock = start_workers(&platform, &mut services, &stop).await;
    }
    if roles.contains(&Role::Clock) {
        let (app, stop) = (platform.app.clone(), stop.clone());
        services.spawn(async move {
            app::upkeep::schedule::run(&app, stop).await;
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
    RunningPlatform {
        platform,
        stop,
        services,
        _worker_lock: worker_lock,
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
