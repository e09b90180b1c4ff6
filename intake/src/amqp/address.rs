//! Addresses of brokers.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use lapin::uri::{AMQPScheme, AMQPUri};

use crate::LogError;

/// Seconds between two heartbeats. A connection without any for twice this time counts as lost.
const HEARTBEAT_SECONDS: u16 = 10;

/// `amqp://<user>:<password>@<host>[:<port>][,<host>[:<port>]…][/<virtual host>][?<option>=<value>&…]`, or `amqps://` for TLS.
///
/// The hosts are the nodes of one cluster. The options are `prefix`, put in front of the names of the queues, and `ca_file`, a
/// file of certificate authorities that are trusted beside those of the system.
#[derive(Clone)]
pub(super) struct Address {
    /// One for each node.
    pub(super) nodes: Vec<AMQPUri>,
    pub(super) prefix: String,
    pub(super) ca_file: Option<PathBuf>,
}

/// Without the password, and without the user.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.iter().map(node_name);
        f.debug_list().entries(nodes).finish()
    }
}

/// Returns the host and port of a node.
pub(super) fn node_name(node: &AMQPUri) -> String {
    format!("{}:{}", node.authority.host, node.authority.port)
}

impl Address {
    /// Parses an address. The errors do not quote it, because of the password.
    pub(super) fn parse(address: &str) -> Result<Self, LogError> {
        let (base, options) = address.split_once('?').unwrap_or((address, ""));
        let mut options = parse_options(options)?;
        let (scheme, rest) = base.split_once("://").ok_or_else(|| invalid("no ://"))?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let nodes = hosts.split(',').map(|host| {
            let mut node: AMQPUri = format!("{scheme}://{user}{host}{path}")
                .parse()
                // What it says may quote the address.
                .map_err(|_| invalid("a part of it is not as it should be"))?;
            node.query.heartbeat = Some(HEARTBEAT_SECONDS);
            Ok(node)
        });
        let address = Self {
            nodes: nodes.collect::<Result<_, LogError>>()?,
            prefix: options.remove("prefix").unwrap_or_default(),
            ca_file: options.remove("ca_file").map(PathBuf::from),
        };
        if address.ca_file.is_some() && !address.is_encrypted() {
            return Err(invalid("ca_file is for amqps:// only"));
        }
        match options.keys().next() {
            Some(unknown) => Err(invalid(&format!("there is no option `{unknown}`"))),
            None => Ok(address),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| node.scheme == AMQPScheme::AMQPS)
    }
}

fn parse_options(options: &str) -> Result<BTreeMap<String, String>, LogError> {
    let given = options.split('&').filter(|option| !option.is_empty());
    given
        .map(|option| {
            let (name, value) = option
                .split_once('=')
                .ok_or_else(|| invalid("an option has no value"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn invalid(why: &str) -> LogError {
    LogError::new(format!(
        "its address is not understood ({why}): give amqp://user:password@host:5672/virtual-host, with more hosts of the \
         same cluster after commas, and characters of the password other than letters and digits percent-encoded"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_nodes_of_a_cluster() {
        let address =
            Address::parse("amqps://me:pa%2Fss@one,two:5673,[::1]:9/mail?prefix=live-").unwrap();
        let nodes: Vec<_> = address.nodes.iter().map(node_name).collect();
        assert_eq!(nodes[..2], ["one:5671", "two:5673"]);
        assert!(nodes[2].ends_with(":9"), "{}", nodes[2]);
        for node in &address.nodes {
            assert_eq!(node.authority.userinfo.password, "pa/ss");
            assert_eq!(node.vhost, "mail");
        }
        assert_eq!(address.prefix, "live-");
        assert!(address.is_encrypted());
        assert_eq!(Address::parse("amqp://one").unwrap().nodes[0].vhost, "/");
    }

    #[test]
    fn the_password_is_never_shown() {
        let shown = format!("{:?}", Address::parse("amqp://me:secret@one,two").unwrap());
        assert_eq!(shown, r#"["one:5672", "two:5672"]"#);
        for wrong in [
            "amqp://me:secret@one:port",
            "amqp://me:sec/ret@one",
            "amqp://me:secret@one?colour=red",
            "amqp://me:secret@one?prefix",
            "amqp://me:secret@one?ca_file=/ca.pem",
            "amqp:me:secret",
        ] {
            let error = Address::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("sec"), "{error}");
        }
    }
}
