//! `pillarbox serve`: some of the roles, for deployments of more than one process. With `--json` it says once, in a
//! line, that it is at work.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{Place, up};
use crate::{
    data_dir::{DataDir, Running},
    measures,
    roles::{self, Role},
    screen::say_json,
    signals, telemetry, wiring,
};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// What this process does
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "api,worker,clock"
    )]
    roles: Vec<Role>,
    /// The address to listen on [default: 127.0.0.1:6011]; port 0 takes any that is free
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

impl Serve {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        if self.roles.is_empty() {
            bail!("this process would do nothing: give it a role with --roles");
        }
        let (settings, strangers) = place.settings(self.listen.as_deref())?;
        telemetry::start(&settings.log)?;
        up::warn_of(&settings, &strangers);
        let stop = signals::stop_when_asked()?;
        let directory = DataDir::new(&settings.data_dir);
        directory.make()?;
        let _lock = directory.share()?;
        let listener = if self.roles.contains(&Role::Api) {
            Some(roles::listen(&settings.listen).await?)
        } else {
            None
        };
        let url = listener.as_ref().map(roles::url_of).transpose()?;
        measures::start();
        let platform = wiring::open(settings).await?;
        let at_work = roles::start(platform, &self.roles, listener, stop).await;
        let running = url.map(|url| Running {
            url,
            pid: std::process::id(),
        });
        let _announcement = running
            .as_ref()
            .map(|running| directory.announce(running))
            .transpose()?;
        if let Some(running) = &running {
            tracing::info!("serving at {}", running.url);
        } else {
            tracing::info!("at work");
        }
        if place.json {
            let url = running.as_ref().map(|running| &running.url);
            let roles: Vec<_> = self.roles.iter().map(|role| role.as_str()).collect();
            say_json(&json!({"roles": roles, "url": url}));
        }
        at_work.until_stopped().await
    }
}
