//! Postal addresses, postcodes and countries stay as they are once they are normalised
//! (`docs/spec/recipients.md` §4–§6).

use pillarbox_recipients::{countries, postal_addresses::PostalAddress, postcodes};

/// Reads any text as an address, a postcode and a country.
pub(crate) fn promises_hold(text: &str) {
    for international_letters_allowed in [true, false] {
        address_is_stable(&PostalAddress::from_text(
            text,
            international_letters_allowed,
        ));
    }
    postcode_is_stable(text);
    if let Some(country) = countries::find(text) {
        let again = countries::find(country).expect("a country's name names a country");
        assert_eq!(
            countries::postage_zone(again),
            countries::postage_zone(country)
        );
    }
}

/// An address that may be sent to reads the same from its own lines.
///
/// Of others this cannot be said, nor of those to the forces without a postcode: they may name a country above
/// another, and lose one each time.
fn address_is_stable(address: &PostalAddress) {
    address.as_single_line();
    address.as_personalisation();
    address.bfpo_address_lines();
    assert_eq!(address.is_valid(), address.error().is_none());
    let is_known_by_its_name = countries::find(address.country()) == Some(address.country());
    let may_end_in_a_country = address.is_bfpo_address() && !address.has_valid_postcode();
    if !address.is_valid() || may_end_in_a_country || !is_known_by_its_name {
        return;
    }
    let again = PostalAddress::from_text(
        &address.normalised(),
        address.international_letters_allowed(),
    );
    assert_eq!(again.normalised_lines(), address.normalised_lines());
    assert_eq!(again.country(), address.country());
    assert_eq!(again.postcode(), address.postcode());
    assert!(again.is_valid());
}

fn postcode_is_stable(text: &str) {
    let normalised = postcodes::normalised(text);
    assert_eq!(postcodes::normalised(&normalised), normalised);
    let printed = postcodes::formatted_for_printing(text);
    assert_eq!(postcodes::formatted_for_printing(&printed), printed);
    assert_eq!(postcodes::is_real(&printed), postcodes::is_real(text));
    assert_eq!(
        postcodes::formatted_or_none(text),
        postcodes::is_real(text).then_some(printed)
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[A-Za-z0-9 .,]{1,12}",
            3 => prop_oneof![
                "SW1A 1AA", "n19gu", "England", "france", "Cote d'Ivoire", "Wales ", "BFPO 12", "bfpo c/o 007", "BFPO",
                "United Kingdom", "Jersey", "\u{A0}the Gambia,", "e1 \u{200B}8qs,,",
            ],
            1 => r"\PC{0,8}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn an_address_reads_the_same_from_its_own_lines(lines in proptest::collection::vec(line(), 0..8)) {
            super::promises_hold(&lines.join("\n"));
        }

        #[test]
        fn a_postcode_is_formatted_once(text in r"[A-Za-z]{1,2}[0-9][0-9a-z]? ?[0-9][a-zA-Z]{2}[ \u{A0}]?|\PC{0,8}") {
            super::promises_hold(&text);
        }
    }

    #[test]
    fn every_country_but_one_is_found_by_its_own_name() {
        let names: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(include_str!("../../../data/country_lookup.json")).unwrap();
        for name in names.values().filter_map(|name| name.as_str()) {
            super::promises_hold(name);
            // The table knows these islands by two names.
            if name != "South Georgia and the South Sandwich Islands" {
                assert_eq!(pillarbox_recipients::countries::find(name), Some(name));
            }
        }
    }
}
