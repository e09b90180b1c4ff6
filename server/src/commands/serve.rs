//! `pillarbox serve`: selected roles, for deployments with several processes. With `--json` it prints one line once it
//! runs.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{CommandContext, up};
use crate::{
    data_dir::Running,
    metrics, reload,
    roles::{self, Listeners, Role},
    signals, telemetry,
    terminal::print_json,
    wiring,
};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Roles of this process
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "api,worker,saver,clock"
    )]
    roles: Vec<Role>,
    /// Address to listen on [default: 127.0.0.1:6011]; port 0 picks a free port
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

impl Serve {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        if self.roles.is_empty() {
            bail!("this process has no role: give it at least one with --roles");
        }
        let (settings, unknown_variables) = context.settings(self.listen.as_deref())?;
        telemetry::start(&settings.log)?;
        up::log_warnings(&settings, &unknown_variables);
        let stop = signals::stop_on_signal()?;
        // Also where nothing is reloaded: one signal to all processes of an installation must end none of them.
        let hangups = signals::listen_for_hangups()?;
        let directory = wiring::create_data_dir(&settings)?;
        // Shared: several `serve` processes may use one directory, but none beside `up`.
        let _lock = directory.share()?;
        let listener = if self.roles.contains(&Role::Api) {
            Some(roles::listen(&settings.listen).await?)
        } else {
            None
        };
        // Port 0 has become a real port by now.
        let url = listener.as_ref().map(roles::listener_url).transpose()?;
        let listeners = Listeners::with_monitoring(listener, &settings).await?;
        metrics::start();
        let platform = wiring::open(settings).await?;
        // A process that only accepts messages needs no providers.
        if self.roles.contains(&Role::Worker) {
            wiring::check_providers(&platform).await?;
        }
        if self.roles.contains(&Role::Worker) {
            let flags = context.flags(self.listen.as_deref());
            reload::start(platform.clone(), flags, hangups, stop.clone());
        }
        let running = roles::start(platform, &self.roles, listeners, stop).await?;
        let address = url.map(|url| Running {
            url,
            pid: std::process::id(),
        });
        let _running_file = address
            .as_ref()
            .map(|address| directory.write_running_file(address))
            .transpose()?;
        if let Some(address) = &address {
            tracing::info!("serving at {}", address.url);
        } else {
            tracing::info!("running");
        }
        if context.json {
            let url = address.as_ref().map(|address| &address.url);
            let roles: Vec<_> = self.roles.iter().map(|role| role.as_str()).collect();
            print_json(&json!({"roles": roles, "url": url}));
        }
        running.run_until_stopped().await
    }
}
