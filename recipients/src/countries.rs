//! Names of countries, and their postage zones (`docs/spec/recipients.md` §5).

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use serde::Deserialize;

use text::{self, unicode_15_1::lower_character};

/// The canonical name of the United Kingdom.
pub const UNITED_KINGDOM: &str = "United Kingdom";

/// Postage zone, which determines the price of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostageZone {
    /// The United Kingdom, with Jersey, Guernsey and the Isle of Man.
    UnitedKingdom,
    /// The rest of Europe, as Royal Mail defines it.
    Europe,
    /// All other countries.
    RestOfWorld,
}

impl PostageZone {
    /// Returns the published name of the zone: `united-kingdom`, `europe` or `rest-of-world`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnitedKingdom => "united-kingdom",
            Self::Europe => "europe",
            Self::RestOfWorld => "rest-of-world",
        }
    }
}

/// Returns the canonical name of a country, given any of its names.
pub fn find(name: &str) -> Option<&'static str> {
    // No country's name has a digit, and most addresses end in a postcode: this skips the lookup for them.
    if name.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The table has some names with an article, in English or Welsh, and people leave it out.
    ["", "the ", "yr ", "y "].iter().find_map(|article| {
        let key = country_key(&format!("{article}{name}"));
        CANONICAL_NAMES.get(&key).map(String::as_str)
    })
}

/// Returns the postage zone of a country, given its canonical name.
pub fn postage_zone(canonical_name: &str) -> PostageZone {
    if POSTAGE_ZONES.united_kingdom.contains(canonical_name) {
        PostageZone::UnitedKingdom
    } else if POSTAGE_ZONES.europe.contains(canonical_name) {
        PostageZone::Europe
    } else {
        PostageZone::RestOfWorld
    }
}

/// Normalises a name for comparison: ignores case, joining words, full stops and accents.
fn country_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '&' | '+' => key.push_str("and"),
            ' ' | '_' | '-' | '\'' | '\u{2019}' | ',' | '.' | '(' | ')' => {}
            // Converted character by character, so that a final sigma equals any other.
            _ => key.extend(lower_character(character)),
        }
    }
    // A name in another script has no ASCII form, and is compared as it is.
    let ascii = text::ascii(&key);
    if ascii.contains('?') {
        key
    } else {
        ascii.into_owned()
    }
}

static CANONICAL_NAMES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/country_lookup.json"))
        .expect("the table of countries has the shape that its README gives")
});

static POSTAGE_ZONES: LazyLock<PostageZones> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/postage_zones.json"))
        .expect("the table of postage zones has the shape that its README gives")
});

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PostageZones {
    united_kingdom: HashSet<String>,
    europe: HashSet<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_found_however_they_are_written() {
        assert_eq!(find("cote d\u{2019}IVOIRE"), Some("Ivory Coast"));
        assert_eq!(find("C\u{f4}te d'Ivoire."), Some("Ivory Coast"));
        assert_eq!(find("Cymru"), Some(UNITED_KINGDOM));
        assert_eq!(find("Trinidad & Tobago"), find("Trinidad and Tobago"));
        assert_eq!(find(""), None);
    }

    #[test]
    fn a_name_with_a_digit_is_no_country() {
        for digit in [
            "1",
            "\u{B2}",
            "\u{661}",
            "\u{2460}",
            "\u{1D7CE}",
            "\u{1F101}",
        ] {
            assert_eq!(find(&format!("France{digit}")), None, "{digit}");
        }
        assert!(
            CANONICAL_NAMES
                .keys()
                .all(|key| !key.contains(char::is_numeric))
        );
    }

    #[test]
    fn every_country_has_a_zone() {
        assert_eq!(postage_zone(UNITED_KINGDOM), PostageZone::UnitedKingdom);
        assert_eq!(postage_zone("France"), PostageZone::Europe);
        assert_eq!(postage_zone("Japan"), PostageZone::RestOfWorld);
    }
}
