//! Authentication (`docs/spec/public-api.md` §3, §22.2). Each route declares its [`Auth`], and the router checks it before
//! the handler runs.

mod basic;
mod internal;
mod service;
mod token;

use http::request::Parts;

use crate::{Api, client::Client, problem::Problem};

use internal::Clients;

pub(crate) use basic::{sign_in, unauthorized};
pub(crate) use service::ServiceKey;
pub(crate) use token::{Token, Verification};

/// The authentication of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// None.
    Anyone,
    /// A token signed with an API key of a service. The handler gets a `ServiceKey`.
    Service,
    /// A token of an internal client; errors have the legacy shape.
    Internal,
    /// As [`Self::Internal`], or a token of a program that tests the installation.
    Testing,
    /// A token of an internal client; errors have the v2 shape.
    InternalV2,
    /// Basic authentication of a provider. The handler checks it, because for MMG the contract wants an unreadable body
    /// refused first.
    ProviderCredentials,
    /// None, unless the settings name passwords or networks, which the handler checks: a delivery receipt, which is
    /// applied only to a notification that it fits.
    UnverifiedReceipt,
    /// A signature over the body, which the handler verifies.
    SignedBody,
    /// A signed token in the link, which the handler verifies.
    SignedLink,
}

impl Auth {
    /// Returns whether [`Self::authenticate`] checks anything.
    pub(crate) const fn is_checked_by_router(self) -> bool {
        matches!(
            self,
            Self::Service | Self::Internal | Self::Testing | Self::InternalV2
        )
    }

    /// Authenticates a request, and adds the caller to its extensions.
    pub(crate) async fn authenticate(self, parts: &mut Parts, api: &Api) -> Result<(), Problem> {
        match self {
            Self::Service => {
                let caller = service::authenticate(&parts.headers, api).await?;
                let client = Client::Service(caller.tenant.service.id);
                parts.extensions.insert(client);
                parts.extensions.insert(ServiceKey(caller));
            }
            Self::Internal | Self::Testing => {
                let clients = match self {
                    Self::Testing => Clients::TestsToo,
                    _ => Clients::Administration,
                };
                let checked = internal::authenticate(&parts.headers, api, clients);
                checked.map_err(internal::with_token_key)?;
                parts.extensions.insert(Client::Internal);
            }
            Self::InternalV2 => {
                internal::authenticate(&parts.headers, api, Clients::Administration)?;
                parts.extensions.insert(Client::Internal);
            }
            Self::Anyone
            | Self::ProviderCredentials
            | Self::UnverifiedReceipt
            | Self::SignedBody
            | Self::SignedLink => {}
        }
        Ok(())
    }
}
