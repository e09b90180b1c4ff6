use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, request::Parts};

use crate::{
    Api,
    peers::{CallerAddress, PeerAddress},
    problem::Problem,
};

impl FromRequestParts<Api> for CallerAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(Self::of(&parts.extensions, &parts.headers, api))
    }
}

impl CallerAddress {
    /// Returns the address of the caller of a request.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, api: &Api) -> Self {
        let peer = extensions.get().map(|PeerAddress(peer)| *peer);
        let stated = api
            .settings
            .trust_forwarded_for
            .then(|| last_forwarded_for(headers))
            .flatten();
        // A dual-stack listener shows IPv4 callers as `::ffff:192.0.2.1`, which must match networks written as IPv4.
        Self(stated.or(peer).map(|address| address.to_canonical()))
    }
}

/// Returns the last address of `X-Forwarded-For`: the proxy adds it, and callers can make up those before it.
fn last_forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_the_proxy_added_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_forwarded_for(&headers), None);
        headers.append("x-forwarded-for", "198.51.100.1".parse().unwrap());
        headers.append("x-forwarded-for", "203.0.113.1, 192.0.2.1".parse().unwrap());
        assert_eq!(
            last_forwarded_for(&headers),
            Some("192.0.2.1".parse().unwrap())
        );
    }
}
