//! E-mail addresses in the form that SMTP transmits.

use lettre::Address;
use recipients::email_addresses::host_to_ascii;

/// RFC 5321 §4.5.3.1 requires servers to accept 64 + 255 characters; the recipient rules allow longer local parts within
/// that total.
const MAX_LENGTH: usize = 320;

/// Converts the domain of an address to ASCII (IDNA). Returns `None` if the address cannot be represented in SMTP.
///
/// Stricter about characters than RFC 5322, so that nothing needs quoting and nothing can inject a header or command;
/// more lenient about dots, which the recipient rules decide and mail servers accept.
pub(crate) fn to_ascii_address(address: &str) -> Option<Address> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let domain = ascii_domain(domain)?;
    let fits = !local.is_empty()
        && local.chars().all(is_local_part_char)
        && local.len() + domain.len() < MAX_LENGTH;
    fits.then(|| Address::new_dangerous(local, domain))
}

/// Returns whether a character is `atext` of RFC 5322 and RFC 6532, or a dot.
fn is_local_part_char(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character)
    } else {
        !character.is_control() && !character.is_whitespace()
    }
}

fn ascii_domain(domain: &str) -> Option<String> {
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else {
        // The same conversion as when the recipient was accepted: other versions of IDNA name another domain.
        host_to_ascii(domain)?
    };
    let is_a_domain = !domain.is_empty()
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63)
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    is_a_domain.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(address: &str) -> Option<String> {
        to_ascii_address(address).map(|address| address.to_string())
    }

    #[test]
    fn a_domain_is_converted_to_ascii() {
        assert_eq!(
            wire("ada@bücher.example").as_deref(),
            Some("ada@xn--bcher-kva.example")
        );
        assert_eq!(
            wire("ada@straße.example").as_deref(),
            Some("ada@strasse.example")
        );
        assert_eq!(
            wire("O'Neill+tag@Example.com").as_deref(),
            Some("O'Neill+tag@Example.com")
        );
    }

    #[test]
    fn an_address_cannot_inject_headers_or_commands() {
        for address in [
            "",
            "@",
            "a@",
            "@b",
            "ada",
            "a b@c.d",
            "a@b\r\nRCPT TO:<c@d>",
            "a\r\n@b.c",
            "a>@b.c",
            "<a@b.c>",
            "\"a\"@b.c",
            "a,b@c.d",
            "a@b..c",
            "a@[127.0.0.1]",
            "a@b c.d",
            "a\0@b.c",
            "a\u{2028}@b.c",
        ] {
            assert_eq!(wire(address), None, "{address:?}");
        }
        assert_eq!(wire(&format!("a@{}.example", "b".repeat(64))), None);
        assert_eq!(wire(&format!("{}@example.com", "a".repeat(400))), None);
    }
}
