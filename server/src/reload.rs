//! Reloading the providers: on SIGHUP the settings file is read again, and each provider is replaced by one with the
//! settings that it has now, so that a key or password can change without a restart.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
};

use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    settings::{self, Flags},
    wiring::{self, Platform},
};

/// Reloads the providers at each hangup, until the platform stops. Must be called in processes that send.
pub fn start(platform: Platform, flags: Flags, mut hangups: Signal, stop: CancellationToken) {
    let in_terminal = io::stdin().is_terminal();
    tokio::spawn(async move {
        while stop.run_until_cancelled(hangups.recv()).await.is_some() {
            // A terminal that is closed sends the same signal to what runs in it, and that would otherwise run on unseen.
            if in_terminal && File::open("/dev/tty").is_err() {
                info!("stopping: the terminal was closed");
                stop.cancel();
                return;
            }
            match providers(&platform, &flags).await {
                Ok(names) => info!("reloaded the providers {}", names.join(", ")),
                Err(fault) => error!(
                    "the providers are not reloaded and send with their settings from before ({fault:#}): correct the \
                     settings file and send SIGHUP again"
                ),
            }
        }
    });
}

/// Reads the settings again and replaces each provider, all or none. Returns their names. Calls in flight end with the
/// settings that they began with.
pub async fn providers(platform: &Platform, flags: &Flags) -> anyhow::Result<Vec<String>> {
    let (settings, _) = settings::load(flags)?;
    for warning in settings::warnings(&settings) {
        warn!("{warning}");
    }
    let new = settings.providers.build(&settings.sink_directory())?;
    let replacement = platform.providers.prepare_replacement(&new)?;
    let changed = Platform {
        settings,
        ..platform.clone()
    };
    // A sink may have become a real provider, which the next start must know.
    wiring::check_providers(&changed).await?;
    replacement.carry_out();
    let names = new.names().into_iter();
    Ok(names.map(str::to_owned).collect())
}
