//! HTTP requests to URLs that services gave us, such as their callbacks.
//!
//! A service must not be able to make the platform call what only the platform can reach: other machines of its network,
//! the metadata service of its cloud, itself. Whatever calls a URL that a tenant gave uses [`OutboundClient`], and nothing
//! else.

mod address;
mod client;
mod resolver;
mod url;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Private;

pub use self::{
    client::{GuardedClient, MAX_EXCERPT_BYTES},
    url::{ForbiddenUrl, UrlRules},
};

/// A `POST` to a URL that a service gave.
pub struct OutboundRequest {
    /// The URL. It may contain a key of the service.
    pub url: Private<String>,
    /// Further headers, with names in lower case.
    pub headers: Vec<(&'static str, Private<String>)>,
    /// The body: JSON.
    pub body: Private<Bytes>,
}

impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundRequest").finish_non_exhaustive()
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundReply {
    /// HTTP status.
    pub status: u16,
    /// The first bytes of the body, as far as they came.
    pub excerpt: Private<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL may not be called.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenUrl),
    /// The host has no address, or none that takes connections.
    #[error("no connection to the host of the URL")]
    NoConnection,
    /// It did not answer in time.
    #[error("no answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke before the answer.
    #[error("the connection broke before the answer")]
    Broken,
}

/// Calls URLs that services gave us.
#[async_trait]
pub trait OutboundClient: fmt::Debug + Send + Sync {
    /// Checks a URL before it is stored, with the addresses that its name has now. A name that has no address at this moment
    /// passes: it is checked again with each request.
    async fn check(&self, url: &str) -> Result<(), ForbiddenUrl>;

    /// Visits a URL, such as one that confirms a subscription.
    async fn get(&self, url: &Private<String>) -> Result<OutboundReply, OutboundError>;

    /// Sends a request.
    async fn post(&self, request: &OutboundRequest) -> Result<OutboundReply, OutboundError>;
}
