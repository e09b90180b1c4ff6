use std::net::IpAddr;

use axum::extract::Request;
use domain::ServiceId;
use http::{Extensions, HeaderMap};

use crate::{
    Api,
    peers::{CallerAddress, network_of},
};

/// Who sends a request, as far as that is known: each client has a share of the memory and of the work for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    /// A service, by one of its API keys.
    Service(ServiceId),
    /// An internal client.
    Internal,
    /// Anyone, from this network (see [`network_of`]); `None` without a network.
    Unknown(Option<IpAddr>),
}

impl Client {
    /// Returns the client of a request: the one that the router has authenticated, or its address.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, api: &Api) -> Self {
        extensions.get().copied().unwrap_or_else(|| {
            let CallerAddress(address) = CallerAddress::of(extensions, headers, api);
            Self::Unknown(address.map(network_of))
        })
    }

    /// Returns the client of a request; see [`Self::of`].
    pub(crate) fn of_request(request: &Request, api: &Api) -> Self {
        Self::of(request.extensions(), request.headers(), api)
    }
}
