//! What a process does: answer HTTP, work on tasks, fire the clock. All in one, or each on machines of its own.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    data_dir::DataDir,
    doorway, measures,
    presence::{self, Presence},
    wiring::Platform,
};

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Answers HTTP.
    Api,
    /// Works on tasks: keeps the rows of jobs and hands messages over.
    Worker,
    /// Starts what happens by the clock. More than one is harmless.
    Clock,
}

impl Role {
    /// Its name, as it is typed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Clock => "clock",
        }
    }
}

/// Listens on this address.
pub async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow::bail!(
                "cannot listen on {address}: the port is in use; stop what uses it, or take another with --listen"
            )
        }
        Err(error) => Err(error).context(format!("cannot listen on {address}")),
    }
}

/// The URL under which this machine reaches a listener.
pub fn url_of(listener: &TcpListener) -> anyhow::Result<String> {
    let mut address: SocketAddr = listener
        .local_addr()
        .context("the listener has no address")?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            [0u16, 0, 0, 0, 0, 0, 0, 1].into()
        });
    }
    Ok(format!("http://{address}"))
}

/// A platform at work.
#[derive(Debug)]
pub struct AtWork {
    platform: Platform,
    stop: CancellationToken,
    parts: JoinSet<anyhow::Result<()>>,
    /// Kept for as long as any part may hand something over.
    _presence: Option<Presence>,
}

/// Begins: answers on `listener` if there is one, works on tasks and fires the clock as `roles` say.
pub async fn start(
    platform: Platform,
    roles: &[Role],
    listener: Option<TcpListener>,
    stop: CancellationToken,
) -> AtWork {
    let mut parts = JoinSet::new();
    if let Some(listener) = listener {
        let patience = Duration::from_secs(platform.settings.http_header_timeout_seconds);
        let (router, stop) = (platform.router(), stop.clone());
        parts.spawn(async move {
            doorway::serve(listener, router, patience, stop).await;
            Ok(())
        });
    }
    let mut presence = None;
    if roles.contains(&Role::Worker) {
        presence = start_workers(&platform, &mut parts, &stop).await;
    }
    if roles.contains(&Role::Clock) {
        let (app, stop) = (platform.app.clone(), stop.clone());
        parts.spawn(async move {
            app::upkeep::schedule::run(&app, stop).await;
            Ok(())
        });
    }
    let (app, watching) = (platform.app.clone(), stop.clone());
    parts.spawn(async move {
        measures::watch(&app, &watching).await;
        Ok(())
    });
    AtWork {
        platform,
        stop,
        parts,
        _presence: presence,
    }
}

/// Begins to work on tasks, with what dead workers left first.
async fn start_workers(
    platform: &Platform,
    parts: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> Option<Presence> {
    let data_dir = DataDir::new(&platform.settings.data_dir);
    let runner = platform.app.runner(platform.queue_settings());
    let presence = Presence::announce(&data_dir, runner.worker());
    if let Err(error) = &presence {
        warn!(
            "if this process is killed, what it has in hand waits for the ends of its leases: {error:#}"
        );
    }
    presence::take_back_from_the_dead(&platform.app, &data_dir).await;
    let (pools, stopping) = (platform.settings.workers.pools(), stop.clone());
    parts.spawn(async move {
        runner.run(pools, stopping).await;
        Ok(())
    });
    let (app, stopping) = (platform.app.clone(), stop.clone());
    parts.spawn(async move {
        presence::watch(&app, &data_dir, &stopping).await;
        Ok(())
    });
    presence.ok()
}

impl AtWork {
    /// Works until it is asked to stop, then finishes what is in hand, for as long as the settings allow.
    pub async fn until_stopped(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        tokio::select! {
            () = self.stop.cancelled() => {}
            // A part ends by itself only if it cannot go on; then none of the others should.
            Some(ended) = self.parts.join_next() => outcome = ended.context("a part of the platform failed")?,
        }
        self.stop.cancel();
        let patience = Duration::from_secs(self.platform.settings.stop_seconds);
        let finished = tokio::time::timeout(patience, async {
            while let Some(ended) = self.parts.join_next().await {
                if let Ok(Err(error)) = ended {
                    warn!("stopping: {error:#}");
                }
            }
            self.platform.app.store().close().await;
        });
        if finished.await.is_err() {
            warn!(
                "not all was finished in {} seconds; the rest is taken up at the next start",
                patience.as_secs()
            );
            self.parts.shutdown().await;
        }
        outcome
    }
}
