use iri_string::types::UriStr;

/// Returns whether a text is a URI with the scheme `https`, in lower case (`docs/spec/public-api.md` §5.6): the grammar of RFC
/// 3986, ASCII only. The authority can be missing.
pub(super) fn is_https_url(text: &str) -> bool {
    text.starts_with("https:") && UriStr::new(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_urls_in_ascii_are_valid() {
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
    fn anything_else_is_invalid() {
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
