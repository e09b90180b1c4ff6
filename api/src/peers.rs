//! Where requests come from, for the endpoints that anyone can call: a limit for each address, and the networks of
//! providers.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::Mutex,
    time::Duration,
};

use http::StatusCode;
use tokio::time::Instant;

use crate::problem::Problem;

/// The address at the other end of a connection, which the server adds to the extensions of each request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// The address of a caller: of the connection, or the one that a trusted proxy states. `None` without a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerAddress(pub(crate) Option<IpAddr>);

/// A network, as `192.0.2.0/24`, `2001:db8::/32` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                (network.to_bits() ^ address.to_bits())
                    // With a prefix of 0 the shift is the whole width, which `>>` does not allow: every address fits.
                    .checked_shr(shift)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                (network.to_bits() ^ address.to_bits())
                    .checked_shr(shift)
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

/// A text that is no network.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a network such as 192.0.2.0/24")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix
            .map_or(Ok(longest), str::parse)
            .map_err(|_| wrong())?;
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

/// Checks that a caller is in one of these networks; an empty list admits everybody.
pub(crate) fn check_network(caller: CallerAddress, networks: &[Network]) -> Result<(), Problem> {
    let is_known = |address| networks.iter().any(|network| network.contains(address));
    if networks.is_empty() || caller.0.is_some_and(is_known) {
        Ok(())
    } else {
        Err(unknown_network())
    }
}

/// Returns the 403 of a caller outside the networks that the settings name.
pub(crate) fn unknown_network() -> Problem {
    Problem::legacy(
        StatusCode::FORBIDDEN,
        "Forbidden: requests from this address are not accepted",
    )
}

/// Addresses that are remembered at once. More than these call within seconds only in an attack.
const MOST_ADDRESSES: usize = 10_000;
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Seconds of the rate that an address can use at once.
const BURST_SECONDS: f64 = 5.0;

/// A limit on requests a second for each address; all addresses of an IPv6 network of 64 bits are one.
#[derive(Debug)]
pub(crate) struct PeerLimit {
    per_second: f64,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    by_address: HashMap<IpAddr, Bucket>,
    swept_at: Instant,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl PeerLimit {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second.into(),
            buckets: Mutex::new(Buckets {
                by_address: HashMap::new(),
                swept_at: Instant::now(),
            }),
        }
    }

    /// Counts a request, or fails with a 429. Requests without a network are not limited.
    pub(crate) fn check(&self, caller: CallerAddress) -> Result<(), Problem> {
        let Some(address) = caller.0 else {
            return Ok(());
        };
        let now = Instant::now();
        // Held for a moment and never across an await, so a lock of the standard library will do.
        let mut buckets = self
            .buckets
            .lock()
            .expect("no thread panics while it holds the lock");
        let bucket = self.bucket_of(&mut buckets, address, now);
        bucket.tokens = self.filled(bucket, now);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            metrics::counter!("pillarbox_peer_limit_refusals_total").increment(1);
            return Err(Problem::too_many_from_address());
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn bucket_of<'a>(
        &self,
        buckets: &'a mut Buckets,
        address: IpAddr,
        now: Instant,
    ) -> &'a mut Bucket {
        let Buckets {
            by_address,
            swept_at,
        } = buckets;
        // Not for each request: in an attack from very many addresses, sweeping would cost more than the requests.
        let may_sweep = now.duration_since(*swept_at) >= SWEEP_INTERVAL;
        if by_address.len() >= MOST_ADDRESSES && may_sweep {
            // Full buckets say nothing that a new one would not.
            by_address.retain(|_, bucket| self.filled(bucket, now) < self.most());
            *swept_at = now;
        }
        // With more addresses than can be remembered, the others are counted as one.
        let key = match network_of(address) {
            key if by_address.contains_key(&key) || by_address.len() < MOST_ADDRESSES => key,
            _ => Ipv6Addr::UNSPECIFIED.into(),
        };
        by_address.entry(key).or_insert(Bucket {
            tokens: self.most(),
            filled_at: now,
        })
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.duration_since(bucket.filled_at).as_secs_f64();
        (bucket.tokens + since * self.per_second).min(self.most())
    }

    fn most(&self) -> f64 {
        self.per_second * BURST_SECONDS
    }
}

/// Returns what one customer has whole: an IPv4 address, or the first 64 bits of an IPv6 address.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            [a, b, c, d, 0, 0, 0, 0].into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(address: &str) -> CallerAddress {
        CallerAddress(Some(address.parse().unwrap()))
    }

    #[test]
    fn networks_are_read_and_compared() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            let networks = [network.parse().unwrap()];
            assert_eq!(
                check_network(caller(inside), &networks),
                Ok(()),
                "{network}"
            );
            assert!(
                check_network(caller(outside), &networks).is_err(),
                "{network}"
            );
            assert!(check_network(CallerAddress(None), &networks).is_err());
        }
        assert_eq!(check_network(caller("192.0.2.1"), &[]), Ok(()));
        for wrong in [
            "",
            "192.0.2.0/33",
            "192.0.2/24",
            "2001:db8::/129",
            "example.org",
            "1.2.3.4/x",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_has_a_limit_of_its_own() {
        let limit = PeerLimit::new(2);
        let served = |address: &str| {
            let served = (0..100).take_while(|_| limit.check(caller(address)).is_ok());
            served.count()
        };
        assert_eq!(served("192.0.2.1"), 10);
        assert_eq!(served("2001:db8::1"), 10);
        assert_eq!(served("2001:db8::2"), 0, "it is in the same network");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(served("192.0.2.1"), 2);
        assert_eq!(limit.check(CallerAddress(None)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_remembered_addresses_is_bounded() {
        let limit = PeerLimit::new(1);
        for number in 0..20_000 {
            let _ = limit.check(CallerAddress(Some(
                std::net::Ipv4Addr::from_bits(number).into(),
            )));
        }
        assert!(limit.buckets.lock().unwrap().by_address.len() <= MOST_ADDRESSES + 1);
    }
}
