//! `pillarbox serve`: some of the roles, for deployments of more than one process.

use anyhow::bail;
use clap::Args;

use super::{Place, up};
use crate::{
    data_dir::{DataDir, Running},
    measures,
    roles::{self, Role},
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
        let listener = match self.roles.contains(&Role::Api) {
            true => Some(roles::listen(&settings.listen).await?),
            false => None,
        };
        let url = listener.as_ref().map(roles::url_of).transpose()?;
        measures::start();
        let platform = wiring::open(settings).await?;
        let at_work = roles::start(platform, &self.roles, listener, stop);
        let running = url.map(|url| Running {
            url,
            pid: std::process::id(),
        });
        let _announcement = running
            .as_ref()
            .map(|running| directory.announce(running))
            .transpose()?;
        match &running {
            Some(running) => tracing::info!("serving at {}", running.url),
            None => tracing::info!("at work"),
        }
        at_work.until_stopped().await
    }
}
