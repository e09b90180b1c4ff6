//! An e-mail address that was accepted is accepted again, as it is (`docs/spec/recipients.md` §3).

use pillarbox_recipients::email_addresses::{EmailAddress, formatted_only};

/// The longest address there is.
const MOST_CHARACTERS: usize = 320;

/// Reads any text; what comes of it is an address too.
pub(crate) fn promises_hold(text: &str) {
    formatted_only(text);
    let Ok(address) = EmailAddress::parse(text) else {
        return;
    };
    let again = EmailAddress::parse(address.validated()).expect("a validated address is valid");
    assert_eq!(again.validated(), address.validated());
    assert_eq!(
        address.validated().split_once('@').map(|(local, _)| local),
        Some(address.local_part())
    );
    let in_ascii = format!("{}@{}", address.local_part(), address.host_in_ascii());
    assert!(in_ascii.is_ascii(), "{text:?} has the host {in_ascii:?}");
    if in_ascii.len() <= MOST_CHARACTERS {
        let again = EmailAddress::parse(&in_ascii).expect("a converted host is a host");
        assert_eq!(again.host_in_ascii(), address.host_in_ascii());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn an_address_is_valid_again_as_it_is_and_with_its_host_converted(
            text in r"[ \u{200B}]?[a-zA-Z0-9.!#'_-]{1,8}@([a-z0-9é\u{DF}ſİ二😀\u{5D0}-]{1,6}[.。]){1,3}[a-z]{2,4}|[a-z@.\-é ]{0,20}|\PC{0,20}"
        ) {
            super::promises_hold(&text);
        }
    }
}
