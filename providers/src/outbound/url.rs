use std::net::IpAddr;

use reqwest::Url;

use super::address::is_public;

const MAX_URL_CHARACTERS: usize = 2000;

/// Top-level names that are only known in private networks.
const INNER_NAMES: &[&str] = &[
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "lan",
    "home",
    "corp",
];

/// Which URLs may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlRules {
    /// Ports that https URLs may name.
    pub ports: Vec<u16>,
    /// Whether URLs of this machine may be called, with http too and at any port: for development.
    pub allow_loopback: bool,
}

impl Default for UrlRules {
    fn default() -> Self {
        Self {
            ports: vec![443, 8443],
            allow_loopback: false,
        }
    }
}

/// Why a URL may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenUrl {
    /// It is no https URL with a host, or it contains a user name or password.
    #[error("is not a valid https url")]
    NotHttps,
    /// It names a port that is not allowed.
    #[error("must use one of the ports {}", .0.iter().map(u16::to_string).collect::<Vec<_>>().join(", "))]
    Port(Vec<u16>),
    /// Its host is, or has, an address that is not of the public Internet.
    #[error("must lead to a public address")]
    NotPublic,
}

impl UrlRules {
    /// Parses a URL and checks it as far as that is possible without looking up its name.
    pub fn check(&self, text: &str) -> Result<Url, ForbiddenUrl> {
        // As `Url` skips white space and control characters, a text that has some is not the URL that is called.
        let is_plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if !is_plain || text.len() > MAX_URL_CHARACTERS || !has_authority(text) {
            return Err(ForbiddenUrl::NotHttps);
        }
        let url = Url::parse(text).map_err(|_| ForbiddenUrl::NotHttps)?;
        // Credentials would appear in logs of either side.
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials || has_user_info(text) {
            return Err(ForbiddenUrl::NotHttps);
        }
        if self.allow_loopback && is_loopback(&url) {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return Err(ForbiddenUrl::NotHttps);
        }
        if !self
            .ports
            .contains(&url.port_or_known_default().unwrap_or(0))
        {
            return Err(ForbiddenUrl::Port(self.ports.clone()));
        }
        if leads_inside(&url) {
            return Err(ForbiddenUrl::NotPublic);
        }
        Ok(url)
    }

    /// Returns whether a request may connect to an address.
    pub(super) fn allows_address(&self, address: IpAddr) -> bool {
        is_public(address) || (self.allow_loopback && address.to_canonical().is_loopback())
    }
}

/// Returns whether a host follows the two slashes. `Url` would take the host from the path if it is missing.
fn has_authority(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    is_http && !rest.starts_with(['/', '\\', '?', '#', ':']) && !rest.is_empty()
}

/// Returns whether there is an `@` before the path, even with nothing before it.
fn has_user_info(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next();
    authority.unwrap_or_default().contains('@')
}

/// Returns the host if it is an address. `Url` has read every form of one, such as `2130706433` or `0x7f.1`.
fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn is_loopback(url: &Url) -> bool {
    match literal_address(url) {
        Some(address) => address.to_canonical().is_loopback(),
        None => url.host_str().is_some_and(|host| host == "localhost"),
    }
}

/// Returns whether the host is an address that is not public, or a name that is only known in a private network.
fn leads_inside(url: &Url) -> bool {
    if let Some(address) = literal_address(url) {
        return !is_public(address);
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or_default();
    // A name without a dot is completed with the search domain of this machine.
    !host.contains('.') || INNER_NAMES.contains(&last) || host.ends_with(".home.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_private_networks_are_forbidden() {
        for inside in [
            "https://localhost/",
            "https://LOCALHOST.:8443/",
            "https://db.internal/",
            "https://printer.local/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://１６９.254.169.254/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://[2001:db8::1]/",
        ] {
            let checked = UrlRules::default().check(inside);
            assert_eq!(checked, Err(ForbiddenUrl::NotPublic), "{inside}");
        }
        for public in [
            "https://example.org",
            "https://example.org/",
            "https://notify.example.gov.uk:8443/told?of=letters",
            "HTTPS://example.org/",
            "https://8.8.8.8/",
            "https://172.32.0.1/",
            "https://[2606:4700::1111]/",
            "https://10.example.org/",
            "https://example.org/a@b",
        ] {
            assert!(UrlRules::default().check(public).is_ok(), "{public}");
        }
    }

    #[test]
    fn only_https_urls_with_a_host_and_without_credentials_are_allowed() {
        for bad in [
            "",
            "http://example.org/",
            "https://",
            "https:///path",
            "https:example.org",
            "https:/example.org",
            "https://:443/",
            "//example.org/",
            "/told",
            "ftp://example.org/",
            "https://ada:secret@example.org/",
            "https://ada@example.org/",
            "https://@example.org/",
            "https://example.org\\@10.0.0.1/",
            "https://exam ple.org/",
            "https://example.org/\n",
            "example.org",
            &format!("https://example.org/{}", "x".repeat(2000)),
        ] {
            let checked = UrlRules::default().check(bad);
            let is_host_before_backslash = bad.contains('\\') && checked.is_ok();
            assert!(
                checked == Err(ForbiddenUrl::NotHttps) || is_host_before_backslash,
                "{bad}: {checked:?}"
            );
        }
        let rules = UrlRules::default();
        let url = rules.check("https://example.org\\@10.0.0.1/").unwrap();
        assert_eq!(
            url.host_str(),
            Some("example.org"),
            "what is called is what was checked"
        );
    }

    #[test]
    fn ports_are_limited() {
        let rules = UrlRules::default();
        let error = rules.check("https://example.org:22/").unwrap_err();
        assert_eq!(error.to_string(), "must use one of the ports 443, 8443");
        let any = UrlRules {
            ports: vec![9000],
            ..rules
        };
        assert!(any.check("https://example.org:9000/").is_ok());
        assert!(any.check("https://example.org/").is_err());
    }

    #[test]
    fn this_machine_is_allowed_in_development_only() {
        let development = UrlRules {
            allow_loopback: true,
            ..UrlRules::default()
        };
        for url in [
            "http://127.0.0.1:9000/told",
            "http://localhost:9000/",
            "https://[::1]:1/",
        ] {
            assert!(development.check(url).is_ok(), "{url}");
            assert!(UrlRules::default().check(url).is_err(), "{url}");
        }
        for url in [
            "http://example.org/",
            "http://10.0.0.1/",
            "https://10.0.0.1/",
        ] {
            assert!(development.check(url).is_err(), "{url}");
        }
        assert!(development.allows_address("127.0.0.1".parse().unwrap()));
        assert!(!development.allows_address("10.0.0.1".parse().unwrap()));
        assert!(!UrlRules::default().allows_address("127.0.0.1".parse().unwrap()));
    }
}
