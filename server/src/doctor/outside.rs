//! What is outside the installation: the intake log, the providers, the virus scanner, and the platform as clients see it.

use std::time::Duration;

use anyhow::Context as _;
use intake::{QUEUES, queue_name};
use providers::Server;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{Finding, State};
use crate::{client::Client, data_dir::DataDir, settings::Settings};

const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything outside.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut found = intake_log(settings).await;
    let providers = settings.providers.list_servers();
    if providers.is_empty() {
        let sentence = "none is configured: messages are stored in the sink and not sent";
        found.push(Finding::new("providers", State::Warning, sentence));
    }
    for (name, server) in providers {
        found.push(Finding::of(
            format!("provider {name}"),
            reach(&server).await,
        ));
    }
    if let Some(address) = &settings.virus_scanner {
        found.push(Finding::of("virus scanner", reach_scanner(address).await));
    }
    found.push(platform(settings).await);
    found
}

async fn intake_log(settings: &Settings) -> Vec<Finding> {
    const SUBJECT: &str = "intake log";
    let log = match settings.intake.open().await {
        Ok(Some(log)) => log,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::of(SUBJECT, Err(error))],
    };
    let promise = format!("what is in it is durable because {}", log.promise());
    let mut found = vec![Finding::new(SUBJECT, State::Ok, promise)];
    for queue in QUEUES {
        match log.count_aside(queue).await {
            Ok(0) => {}
            Ok(aside) => found.push(Finding::new(
                SUBJECT,
                State::Problem,
                format!(
                    "{aside} groups of {} could not be saved and were set aside: see `pillarbox intake`",
                    queue_name(queue)
                ),
            )),
            Err(error) => found.push(Finding::of(SUBJECT, Err(error.into()))),
        }
    }
    found
}

/// Connects to a server, and says nothing to it.
async fn reach(server: &Server) -> anyhow::Result<String> {
    let host = server.host.trim_start_matches('[').trim_end_matches(']');
    let connected = timeout(PATIENCE, TcpStream::connect((host, server.port))).await;
    connected
        .with_context(|| no_answer(&server.to_string()))?
        .with_context(|| format!("cannot connect to {server}"))?;
    Ok(format!("{server} takes connections"))
}

async fn reach_scanner(address: &str) -> anyhow::Result<String> {
    let connect = async {
        if let Some(path) = address.strip_prefix("unix:") {
            UnixStream::connect(path).await.map(drop)
        } else {
            let host = address.trim_start_matches("tcp:").trim_start_matches("//");
            TcpStream::connect(host).await.map(drop)
        }
    };
    timeout(PATIENCE, connect)
        .await
        .with_context(|| no_answer(address))?
        .with_context(|| format!("cannot connect to {address}"))?;
    Ok(format!("{address} takes connections"))
}

fn no_answer(server: &str) -> String {
    format!(
        "{server} does not answer within {} seconds",
        PATIENCE.as_secs()
    )
}

/// Asks the running platform how it is.
async fn platform(settings: &Settings) -> Finding {
    const SUBJECT: &str = "platform";
    let running = DataDir::new(&settings.data_dir).running().ok().flatten();
    let Some(running) = running else {
        let sentence = "none runs on this data directory as far as it says";
        return Finding::new(SUBJECT, State::Ok, sentence);
    };
    let asked = async {
        let client = Client::find(settings, None)?;
        let answered = timeout(PATIENCE, client.check_health()).await;
        answered.with_context(|| no_answer(&running.url))??;
        Ok(format!(
            "process {} answers at {}",
            running.pid, running.url
        ))
    };
    Finding::of(SUBJECT, asked.await)
}
