//! What is written of a phone number reads as that number (`docs/spec/recipients.md` §2).

use pillarbox_recipients::phone_numbers::{NumberType, Permissions, PhoneNumber};

/// Reads any text, asks all there is to know of a number, and reads back what was written of it.
pub(crate) fn promises_hold(text: &str) {
    let _ = PhoneNumber::parse_service_contact(text);
    let Ok(number) = PhoneNumber::parse(text) else {
        return;
    };
    number.rate_multiplier();
    number.should_use_numeric_sender();
    number.country_prefix();
    let written = number.human_readable();
    // A number that only begins as those kept for drama do may be of any length, and have zeros before it
    // (`docs/spec/recipients.md` §2.3).
    let is_only_for_drama = number.number_type() == NumberType::Unknown;
    if number.check(ANYWHERE).is_ok() && !is_only_for_drama {
        let normalised = number.normalised();
        assert!(normalised.starts_with(&number.country_code().to_string()));
        assert_eq!(
            reads_as(&format!("+{normalised}")),
            Some(normalised.clone()),
            "{text:?}"
        );
        // In a few countries people put stops between the digits, which are not taken from anyone.
        let without_stops = written.replace('.', " ");
        assert_eq!(
            reads_as(&without_stops),
            Some(normalised),
            "{text:?} is written {written:?}"
        );
    }
}

const ANYWHERE: Permissions = Permissions {
    international: true,
    uk_landline: true,
};

fn reads_as(text: &str) -> Option<String> {
    Some(PhoneNumber::parse(text).ok()?.normalised())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_number_reads_back_however_it_is_written(
            text in r"(\+|00|0)?(44|1|33|49|39|61|7|353|376|54|55|52)?[ ()-]{0,2}[0-9]{5,12}|[-+0-9() \u{A0}]{0,20}|\PC{0,20}"
        ) {
            super::promises_hold(&text);
        }
    }
}
