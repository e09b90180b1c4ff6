//! The API in a process of its own, without workers.

use std::sync::Arc;

use anyhow::Result;
use api::Api;
use axum::serve::ListenerExt as _;
use domain::{ServiceId, TemplateId};
use serde::{Deserialize, Serialize};

use crate::{
    children,
    databases::DataLocation,
    options::Channel,
    platform::{BenchProvider, Platform, Tenant},
    usage::Usage,
};

/// Where the API is served, and the credentials for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    pub(crate) service: ServiceId,
    pub(crate) secret: String,
    pub(crate) sms: TemplateId,
    pub(crate) email: TemplateId,
}

/// Serves until the input ends and reports the usage of resources for each line of input.
pub(crate) async fn serve(location: &DataLocation) -> Result<()> {
    let platform = Platform::open(location, BenchProvider::Instant).await?;
    let endpoint = open(&platform, &platform.tenant).await?;
    children::reply(&endpoint)?;
    until_the_input_ends().await
}

/// Serves the API for this service until the process ends.
pub(crate) async fn open(platform: &Platform, tenant: &Tenant) -> Result<Endpoint> {
    let metrics = platform.metrics.clone();
    let settings = api::Settings {
        internal_client_id: "bench".to_owned(),
        internal_secrets: Vec::new(),
        metrics: Arc::new(move || metrics.render()),
        ..api::Settings::default()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let listener = listener.tap_io(|stream| {
        // Costs only speed if it fails.
        let _ = stream.set_nodelay(true);
    });
    let router = api::router(Api::new(platform.app.clone(), settings));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(Endpoint {
        port,
        service: tenant.service,
        secret: tenant.secret.clone(),
        sms: tenant.template(Channel::Sms),
        email: tenant.template(Channel::Email),
    })
}

/// Reports the usage of resources for each line of input.
pub(crate) async fn until_the_input_ends() -> Result<()> {
    tokio::task::spawn_blocking(report_usage).await?
}

/// Writes one reply for each line of input.
fn report_usage() -> Result<()> {
    for line in std::io::stdin().lines() {
        line?;
        children::reply(&Usage::mine()?)?;
    }
    Ok(())
}
