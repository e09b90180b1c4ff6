//! An e-mail address as the wire wants it.

use lettre::Address;

/// The longest local part and domain that RFC 5321 (section 4.5.3.1) makes every server take, with room for the long
/// local parts that the recipient rules let through.
const MAX_LENGTH: usize = 320;

/// The address with its domain in ASCII form (IDNA); `None` if it cannot be an address on the wire.
///
/// Stricter about characters than RFC 5322, so that nothing needs quoting and nothing can break out of a header or a
/// command; looser about dots, because the recipient rules decide about those and mail servers do not mind.
pub(crate) fn to_ascii_address(address: &str) -> Option<Address> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let domain = ascii_domain(domain)?;
    let fits = !local.is_empty()
        && local.chars().all(is_local_part_char)
        && local.len() + domain.len() < MAX_LENGTH;
    fits.then(|| Address::new_dangerous(local, domain))
}

/// `atext` of RFC 5322 and RFC 6532, and the dot.
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
        idna::domain_to_ascii(domain).ok()?
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
    fn a_domain_is_written_in_ascii() {
        assert_eq!(
            wire("ada@bücher.example").as_deref(),
            Some("ada@xn--bcher-kva.example")
        );
        assert_eq!(
            wire("O'Neill+tag@Example.com").as_deref(),
            Some("O'Neill+tag@Example.com")
        );
    }

    #[test]
    fn nothing_can_break_out_of_an_address() {
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
