use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::Private;
use reqwest::{Client, RequestBuilder, Response, redirect};

use super::{
    ForbiddenUrl, OutboundClient, OutboundError, OutboundReply, OutboundRequest, UrlRules,
    resolver::{GuardedResolver, NotPublicAddress},
};

/// Most bytes of an answer that are returned.
pub const MAX_EXCERPT_BYTES: usize = 512;

/// Longest answer that is read to its end, so that its connection can be used again.
const MAX_BODY_BYTES: usize = 64 << 10;

/// For connecting, and for each wait for data (`docs/spec/public-api.md` §24.1).
const TIMEOUT: Duration = Duration::from_secs(5);

/// For the whole exchange: one that sends a byte now and then must not keep its place for ever.
const MAX_EXCHANGE: Duration = Duration::from_secs(15);

/// Connections kept for the next request to the same host.
const MAX_IDLE_PER_HOST: usize = 32;

/// Client for URLs that services gave. Every request is checked against the [`UrlRules`]: the URL, and each address of its
/// name. Redirects are not followed, and proxies are not used, because they would resolve the name themselves.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    client: Client,
    resolver: GuardedResolver,
}

impl GuardedClient {
    /// Builds the client.
    pub fn new(rules: UrlRules) -> Result<Self, reqwest::Error> {
        let resolver = GuardedResolver { rules };
        #[expect(
            clippy::disallowed_methods,
            reason = "the place where requests to URLs of services are guarded"
        )]
        let builder = Client::builder();
        let client = builder
            .dns_resolver(Arc::new(resolver.clone()))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(TIMEOUT)
            .read_timeout(TIMEOUT)
            .timeout(MAX_EXCHANGE)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(Duration::from_secs(45))
            .user_agent(concat!("pillarbox/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, resolver })
    }
}

#[async_trait]
impl OutboundClient for GuardedClient {
    async fn check(&self, url: &str) -> Result<(), ForbiddenUrl> {
        let url = self.resolver.rules.check(url)?;
        let Some(host) = url.domain() else {
            // An address, which is checked already.
            return Ok(());
        };
        match tokio::time::timeout(TIMEOUT, self.resolver.lookup(host)).await {
            Ok(Err(error)) if error.is::<NotPublicAddress>() => Err(ForbiddenUrl::NotPublic),
            // A name server that does not answer now says nothing about the URL.
            _ => Ok(()),
        }
    }

    async fn get(&self, url: &Private<String>) -> Result<OutboundReply, OutboundError> {
        let url = self.resolver.rules.check(url.reveal())?;
        reply(self.client.get(url)).await
    }

    async fn post(&self, request: &OutboundRequest) -> Result<OutboundReply, OutboundError> {
        // The resolver is not asked for addresses, so they are checked here.
        let url = self.resolver.rules.check(request.url.reveal())?;
        let mut post = self
            .client
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in &request.headers {
            post = post.header(*name, value.reveal());
        }
        reply(post.body(request.body.reveal().clone())).await
    }
}

async fn reply(request: RequestBuilder) -> Result<OutboundReply, OutboundError> {
    let response = request.send().await.map_err(|error| classify(&error))?;
    Ok(OutboundReply {
        status: response.status().as_u16(),
        excerpt: read_excerpt(response).await.into(),
    })
}

/// Reads the beginning of a body. What breaks after the status is no failure: the status is the answer.
async fn read_excerpt(mut response: Response) -> Vec<u8> {
    let (mut excerpt, mut length) = (Vec::new(), 0);
    while let Ok(Some(chunk)) = response.chunk().await {
        length += chunk.len();
        let free = MAX_EXCERPT_BYTES - excerpt.len();
        excerpt.extend_from_slice(&chunk[..chunk.len().min(free)]);
        if length > MAX_BODY_BYTES {
            break;
        }
    }
    excerpt
}

/// Translates an error. Its text contains the URL, which may contain a key, so it is not shown.
fn classify(error: &reqwest::Error) -> OutboundError {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<NotPublicAddress>() {
            return ForbiddenUrl::NotPublic.into();
        }
        source = cause.source();
    }
    if error.is_timeout() {
        OutboundError::TimedOut(TIMEOUT)
    } else if error.is_connect() || error.is_builder() {
        OutboundError::NoConnection
    } else {
        OutboundError::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name `localhost` stands for one that passes as text and leads inside.
    #[tokio::test]
    async fn the_addresses_of_a_name_are_checked_by_each_connection() {
        let guarded = GuardedClient::new(UrlRules::default()).unwrap();
        let looked_up = guarded.resolver.lookup("localhost").await;
        assert!(looked_up.unwrap_err().is::<NotPublicAddress>());
        let sent = guarded.client.get("https://localhost/").send().await;
        let error = classify(&sent.unwrap_err());
        assert_eq!(error, OutboundError::Forbidden(ForbiddenUrl::NotPublic));
        let development = GuardedClient::new(UrlRules {
            allow_loopback: true,
            ..UrlRules::default()
        });
        let looked_up = development.unwrap().resolver.lookup("localhost").await;
        assert!(!looked_up.unwrap().is_empty());
    }
}
