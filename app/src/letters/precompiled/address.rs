//! The address in the window of a supplied letter (`docs/spec/letters.md` §5.3, §6).

use recipients::postal_addresses::PostalAddress;

/// Why the text in the address window is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressProblem {
    /// Reason code of the specification.
    pub(crate) reason: &'static str,
    /// What the sender can do.
    pub(crate) advice: &'static str,
}

/// Checks the lines of the window. `abroad` says whether the service may send letters abroad.
pub(crate) fn check(lines: &[String], abroad: bool) -> Result<PostalAddress, AddressProblem> {
    let address = PostalAddress::from_text(&lines.join("\n"), abroad);
    match first_problem(&address) {
        Some((reason, advice)) => Err(AddressProblem { reason, advice }),
        None => Ok(address),
    }
}

/// Returns the first problem, in the order of the specification.
fn first_problem(address: &PostalAddress) -> Option<(&'static str, &'static str)> {
    if address.is_empty() {
        return Some((
            "address-is-empty",
            "there is no text in the address window of the first page",
        ));
    }
    if !address.has_enough_lines() {
        return Some((
            "not-enough-address-lines",
            "the address must be at least 3 lines",
        ));
    }
    if address.has_too_many_lines() {
        return Some((
            "too-many-address-lines",
            "the address must be no more than 7 lines",
        ));
    }
    if !address.has_alphanumeric_character_in_address_lines_1_and_2() {
        return Some((
            "invalid-address-line-1-or-2",
            "the first 2 lines of the address must each have a letter or a digit",
        ));
    }
    if address.has_invalid_country_for_bfpo_address() {
        return Some((
            "has-country-for-bfpo-address",
            "the last line of a BFPO address must not be a country",
        ));
    }
    if !address.has_valid_last_line() {
        return Some(last_line_problem(address));
    }
    if address.has_invalid_characters() {
        return Some((
            "invalid-char-in-address",
            "an address line must not start with one of @ ( ) = [ ] \" \\ / , < > ~",
        ));
    }
    address
        .has_no_fixed_abode_address()
        .then_some(("no-fixed-abode-address", "it must be a real address"))
}

fn last_line_problem(address: &PostalAddress) -> (&'static str, &'static str) {
    if address.international_letters_allowed() {
        (
            "not-a-real-uk-postcode-or-country",
            "the last line of the address must be a real UK postcode or another country",
        )
    } else if address.is_international() {
        (
            "cant-send-international-letters",
            "the service may not send letters to other countries",
        )
    } else {
        (
            "not-a-real-uk-postcode",
            "the last line of the address must be a real UK postcode",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str, abroad: bool) -> Option<&'static str> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        check(&lines, abroad).err().map(|problem| problem.reason)
    }

    #[test]
    fn the_first_problem_of_an_address_is_its_reason() {
        for (text, abroad, expected) in [
            ("Ada\n1 Mill Lane\nSW1A 1AA", false, None),
            ("Ada\n1 Mill Lane\nFrance", true, None),
            ("", false, Some("address-is-empty")),
            ("Ada\nSW1A 1AA", false, Some("not-enough-address-lines")),
            (
                "a\nb\nc\nd\ne\nf\ng\nSW1A 1AA",
                false,
                Some("too-many-address-lines"),
            ),
            (
                "Ada\n-\nSW1A 1AA",
                false,
                Some("invalid-address-line-1-or-2"),
            ),
            (
                "Ada\nBFPO 12\nFrance",
                true,
                Some("has-country-for-bfpo-address"),
            ),
            (
                "Ada\n1 Mill Lane\nNowhere",
                true,
                Some("not-a-real-uk-postcode-or-country"),
            ),
            (
                "Ada\n1 Mill Lane\nFrance",
                false,
                Some("cant-send-international-letters"),
            ),
            (
                "Ada\n1 Mill Lane\nNowhere",
                false,
                Some("not-a-real-uk-postcode"),
            ),
            (
                "Ada\n(1 Mill Lane\nSW1A 1AA",
                false,
                Some("invalid-char-in-address"),
            ),
            (
                "Ada\nNo fixed abode\nSW1A 1AA",
                false,
                Some("no-fixed-abode-address"),
            ),
        ] {
            assert_eq!(reason(text, abroad), expected, "{text}");
        }
    }
}
