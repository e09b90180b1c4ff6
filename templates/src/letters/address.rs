//! The address of a letter (`docs/spec/templates.md` §10.2).

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::placeholders::{Field, NameSet, Text, Values, effective};
use recipients::postal_addresses::PostalAddress;
use text::lines as lines_of;

const LAST_LINE: &str = "address line 7";
const POSTCODE: &str = "postcode";

/// The address placeholders, one per line.
static PLACEHOLDERS: LazyLock<Text> = LazyLock::new(|| {
    let lines: Vec<String> = (1..=7)
        .map(|line| format!("((address line {line}))"))
        .collect();
    Text::parse(&lines.join("\n"))
});

/// The lines of a letter's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressLines {
    /// Plain text of a printable address of three to seven lines.
    Address(Vec<String>),
    /// HTML of the seven address placeholders, of which missing ones show their names.
    Placeholders(Vec<String>),
}

pub(super) fn lines(placeholders: &NameSet, given: &Values) -> AddressLines {
    let values = effective(placeholders, given);
    let members: Map<String, Value> = values
        .iter()
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    // International or not makes no difference here: whether the address is valid is checked where the letter is accepted.
    let address = PostalAddress::from_personalisation(&members, false);
    if address.has_enough_lines() && !address.has_too_many_lines() {
        return AddressLines::Address(address.normalised_lines().to_vec());
    }
    let filled = PLACEHOLDERS.fill(
        &with_postcode_on_the_last_line(values),
        Field::HTML.without_brackets(),
    );
    AddressLines::Placeholders(lines_of(&filled).map(str::to_owned).collect())
}

/// Uses the postcode as the last line if there is none.
fn with_postcode_on_the_last_line(mut values: Values) -> Values {
    // Only these exact spellings count, as in the reference.
    let named = |wanted: &str| {
        values
            .iter()
            .find_map(|(name, value)| (name == wanted).then(|| value.clone()))
    };
    if let (Some(postcode), None) = (named(POSTCODE), named(LAST_LINE)) {
        values.insert(LAST_LINE, postcode);
    }
    values
}
