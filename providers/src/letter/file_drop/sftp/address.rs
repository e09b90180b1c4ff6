//! Addresses of SFTP servers.

/// Who logs in where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Address {
    pub(super) user: String,
    /// A name or an IP address, without brackets.
    pub(in super::super) host: String,
    pub(in super::super) port: u16,
}

const SHAPE: &str = "write it as sftp://<user>@<host>:<port>/<path>";

impl Address {
    /// Reads `sftp://<user>@<host>:<port>/<path>` and returns the address and the path, which begins with a slash.
    ///
    /// `/~/` at the start of the path stands for the user's home directory.
    pub(in super::super) fn parse(url: &str) -> Result<(Self, String), &'static str> {
        let rest = url.strip_prefix("sftp://").ok_or(SHAPE)?;
        let (authority, path) = rest.split_once('/').ok_or(SHAPE)?;
        let (user, place) = authority.rsplit_once('@').ok_or(SHAPE)?;
        if user.contains(':') {
            return Err("a password does not belong in the address: use `password`");
        }
        let (host, port) = split_port(place)?;
        // They become arguments of a program.
        if !is_plain(user) || !is_plain(host) {
            return Err(SHAPE);
        }
        if path.contains(['%', '\0', '\n']) {
            return Err("write its path as it is, without percent signs");
        }
        let address = Self {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
        };
        let path = path.trim_end_matches('/');
        // A relative path begins in the home directory.
        let folder = match path.strip_prefix('~') {
            Some("") => ".".to_owned(),
            Some(rest) => rest.trim_start_matches('/').to_owned(),
            None => format!("/{path}"),
        };
        Ok((address, folder))
    }

    /// Returns the host as it stands in a list of known hosts.
    pub(super) fn known_host(&self) -> String {
        if self.port == 22 {
            self.host.clone()
        } else {
            format!("[{}]:{}", self.host, self.port)
        }
    }
}

fn split_port(place: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        // The colons of an IPv6 address are within brackets.
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(SHAPE)?;
            (host, port.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map_or(Ok(22), str::parse).map_err(|_| SHAPE)?;
    Ok((host, port))
}

/// Returns whether a text can be neither an option nor anything else than a name.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_user_a_host_a_port_and_a_path() {
        for (url, user, host, port, folder) in [
            (
                "sftp://notify@print.example/in",
                "notify",
                "print.example",
                22,
                "/in",
            ),
            (
                "sftp://notify@print.example:2022/in/zips/",
                "notify",
                "print.example",
                2022,
                "/in/zips",
            ),
            (
                "sftp://n@[2001:db8::1]:22/in",
                "n",
                "2001:db8::1",
                22,
                "/in",
            ),
            ("sftp://n@[::1]/", "n", "::1", 22, "/"),
            ("sftp://n@127.0.0.1/~/in", "n", "127.0.0.1", 22, "in"),
            ("sftp://n@127.0.0.1/~", "n", "127.0.0.1", 22, "."),
        ] {
            let (address, path) = Address::parse(url).unwrap();
            let found = (&*address.user, &*address.host, address.port, &*path);
            assert_eq!(found, (user, host, port, folder), "{url}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused() {
        for url in [
            "",
            "/srv/print",
            "https://n@print.example/in",
            "sftp://print.example/in",
            "sftp://n@print.example",
            "sftp://n:secret@print.example/in",
            "sftp://n@print.example:port/in",
            "sftp://-oProxyCommand=x@print.example/in",
            "sftp://n@-oProxyCommand=x/in",
            "sftp://n@print example/in",
            "sftp://n@[::1/in",
            "sftp://n@print.example/a%20b",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_known_host_has_a_port_if_it_is_not_the_usual_one() {
        let known = |url| Address::parse(url).unwrap().0.known_host();
        assert_eq!(known("sftp://n@print.example/in"), "print.example");
        assert_eq!(known("sftp://n@[::1]:2022/in"), "[::1]:2022");
    }
}
