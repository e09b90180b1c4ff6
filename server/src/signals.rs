//! Signals of the operating system.

use anyhow::Context as _;
use rustix::process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that the first SIGTERM or Ctrl-C cancels. The second one ends the process at once, with code 130.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: finishing running requests and tasks");
        token.cancel();
        either(&mut terminate, &mut interrupt).await;
        // 128 and the number of SIGINT, as shells report it. What is cut off resumes at the next start.
        std::process::exit(130);
    });
    Ok(stop)
}

/// Listens for SIGHUP, which from now on no longer ends the process.
pub fn listen_for_hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("cannot listen for signals")
}

/// Ignores SIGXFSZ, which would end the process without a word at the first write beyond the limit of a file's size
/// (`ulimit -f`). The write then fails, as on a full disk. Call it in the runtime.
pub(crate) fn ignore_file_size_signal() -> anyhow::Result<()> {
    let kind = SignalKind::from_raw(process::Signal::XFSZ.as_raw());
    // The handler stays after its stream is dropped, and children do not inherit it.
    signal(kind).map(drop).context("cannot ignore SIGXFSZ")
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
