//! Which broker answers, and whether its queues can be trusted.

use std::fmt;

use crate::LogError;

/// What a broker says of itself in its first frame. lapin does not hand it on, so it is read from the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    version: String,
    major: u32,
    minor: u32,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RabbitMQ {}", self.version)
    }
}

/// Bytes of a first frame that are looked at; RabbitMQ's has about 500.
pub(super) const MAX_GREETING: usize = 8 << 10;

impl Server {
    /// Reads the first frame. Fails if it is not of a RabbitMQ that can set aside what it would drop, which 3.10 was the first
    /// to do; others take the declaration of a quorum queue and give another kind.
    pub(super) fn of_greeting(greeting: &[u8]) -> Result<Self, LogError> {
        let product = find(greeting, b"\x07product").unwrap_or_default();
        let version = find(greeting, b"\x07version").unwrap_or_default();
        let mut numbers = version.split('.').map_while(|part| part.parse().ok());
        let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if product != "RabbitMQ" || (major, minor) < (3, 10) {
            return Err(LogError::new(format!(
                "the broker is `{product} {version}`, and the intake log needs RabbitMQ 3.10 or later, better 4.2 or later"
            )));
        }
        Ok(Self {
            version,
            major,
            minor,
        })
    }

    /// Returns whether a queue has a limit of deliveries unless it is declared without one. Earlier versions have none, and
    /// take the word for "unlimited" as a limit of none at all.
    pub(super) const fn limits_deliveries(&self) -> bool {
        self.major >= 4
    }

    /// Returns whether its quorum queues have the corrections that an installation should not be without.
    pub(super) const fn is_recommended(&self) -> bool {
        self.major > 4 || (self.major == 4 && self.minor >= 2)
    }
}

/// Returns the text of a field, whose name is given with its length, in an AMQP table.
fn find(greeting: &[u8], name: &[u8]) -> Option<String> {
    let at = greeting
        .windows(name.len())
        .position(|window| window == name)?;
    let rest = greeting[at + name.len()..].strip_prefix(b"S")?;
    let (length, rest) = rest.split_first_chunk()?;
    let value = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(product: &str, version: &str) -> Vec<u8> {
        let mut bytes = b"\x01\0\0\0\0\x01\x9e\0\x0a\0\x0a\0\x09".to_vec();
        for (name, value) in [("product", product), ("version", version)] {
            bytes.push(u8::try_from(name.len()).unwrap());
            bytes.extend(name.as_bytes());
            bytes.push(b'S');
            bytes.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(value.as_bytes());
        }
        bytes
    }

    #[test]
    fn a_broker_says_which_one_it_is() {
        let server = |version| Server::of_greeting(&greeting("RabbitMQ", version));
        let newest = server("4.3.6").unwrap();
        assert_eq!(newest.to_string(), "RabbitMQ 4.3.6");
        assert!(newest.limits_deliveries() && newest.is_recommended());
        assert!(!server("4.1.9").unwrap().is_recommended());
        let old = server("3.10.8").unwrap();
        assert!(!old.limits_deliveries() && !old.is_recommended());
        assert!(server("3.9.1").is_err());
    }

    #[test]
    fn other_brokers_are_refused() {
        assert!(Server::of_greeting(&greeting("LavinMQ", "4.3.6")).is_err());
        assert!(Server::of_greeting(b"HTTP/1.1 400 Bad Request").is_err());
        assert!(Server::of_greeting(&greeting("RabbitMQ", "4.3.6")[..40]).is_err());
    }
}
