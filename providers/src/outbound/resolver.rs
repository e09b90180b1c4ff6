//! Name look-ups that return public addresses or none.

use std::{error::Error, net::SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::url::UrlRules;

/// Resolver of the guarded client. The client connects to the addresses that it returns, so a name cannot have other
/// addresses when it is called than when it was checked.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    pub(super) rules: UrlRules,
}

/// The name has an address that requests may not go to.
#[derive(Debug, thiserror::Error)]
#[error("the name has an address that is not public")]
pub(super) struct NotPublicAddress;

impl GuardedResolver {
    /// Returns the addresses of a name. Fails with [`NotPublicAddress`] if one of them may not be called: an honest host has
    /// no reason to mix public and private ones.
    pub(super) async fn lookup(
        &self,
        host: &str,
    ) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        // The client puts in the port.
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
        if found
            .iter()
            .all(|address| self.rules.allows_address(address.ip()))
        {
            Ok(found)
        } else {
            Err(Box::new(NotPublicAddress))
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
