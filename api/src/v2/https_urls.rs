//! Whether a text is an https URL (`docs/spec/public-api.md` §5.6): the grammar of RFC 3986, ASCII only.

use std::net::Ipv6Addr;

/// A URI with exactly `https` as its scheme; an authority it need not have.
pub(super) fn is_https_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https:") else {
        return false;
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    is_authority(authority)
        && has_only(path, b":@/")
        && has_only(query, b":@/?")
        && has_only(fragment, b":@/?")
}

/// `user@host:port`, of which only the host must be there, and it may be empty.
fn is_authority(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or(("", text));
    let (host, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((literal, port)) if is_literal(literal) => ("", port),
            _ => return false,
        },
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    has_only(user, b":")
        && has_only(host, b"")
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.starts_with(':'))
}

/// An address between brackets: of version 6, or of one to come.
fn is_literal(text: &str) -> bool {
    let Some(future) = text.strip_prefix(['v', 'V']) else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    future.split_once('.').is_some_and(|(version, address)| {
        !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !address.is_empty()
            && !address.contains('%')
            && has_only(address, b":")
    })
}

/// Whether all characters are those that may stand anywhere, well-formed percent signs, or these.
fn has_only(text: &str, others: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(index, byte)| match byte {
        b'%' => bytes
            .get(index + 1..index + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        byte => {
            byte.is_ascii_alphanumeric()
                || b"-._~!$&'()*+,;=".contains(byte)
                || others.contains(byte)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_urls_in_ascii_will_do() {
        for url in [
            "https://example.com/a?b=%20#c",
            "https:x",
            "https:",
            "https://",
            "https:///x",
            "https:/x//y",
            "https://a:80/",
            "https://a:",
            "https://u:p@h:1/?a@b:c/d?e#f?g",
            "https://[::1]:443/x",
            "https://[v7.a:b]",
            "https://xn--exmple-cua.com/*;('!$&+,=)",
        ] {
            assert!(is_https_url(url), "{url}");
        }
    }

    #[test]
    fn nothing_else_will() {
        for url in [
            "",
            "https",
            "HTTPS://example.com",
            "http://example.com",
            "httpsx://example.com",
            " https://a",
            "https://a\n",
            "https://exämple.com",
            "https://a b",
            "https://a/%zz",
            "https://a/%4",
            "https://a/[x]",
            "https://a?[]",
            "https://a#b#c",
            "https://a:b",
            "https://a@b@c",
            "https://[::1",
            "https://[::1]x",
            "https://[zz]/",
            "https://[v.a]",
            "https://a\"b",
            "https://a|b",
            "https://a\\b",
            "https://<a>",
        ] {
            assert!(!is_https_url(url), "{url}");
        }
    }
}
