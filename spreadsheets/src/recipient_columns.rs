//! The columns that say to whom a message goes, by channel (`docs/spec/recipients.md` §8.1).

use domain::Channel;

/// The column that is read where a letter's address has no line 7.
const POSTCODE: &str = "postcode";
/// The other last line of an address, as a key.
const LINE_7: &str = "addressline7";

/// Returns the names of the columns, in order.
pub fn names(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Sms => &["phone number"],
        Channel::Email => &["email address"],
        Channel::Letter => &[
            "address line 1",
            "address line 2",
            "address line 3",
            "address line 4",
            "address line 5",
            "address line 6",
            POSTCODE,
            "address line 7",
        ],
    }
}

/// Returns the column keys of [`names`], in the same order.
pub fn keys(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Sms => &["phonenumber"],
        Channel::Email => &["emailaddress"],
        Channel::Letter => &[
            "addressline1",
            "addressline2",
            "addressline3",
            "addressline4",
            "addressline5",
            "addressline6",
            POSTCODE,
            LINE_7,
        ],
    }
}

/// Returns how many of the columns a file must have at least.
pub fn required(channel: Channel) -> usize {
    match channel {
        Channel::Sms | Channel::Email => 1,
        Channel::Letter => 3,
    }
}

/// Checks whether a file with these columns has as many recipient columns as are required.
pub(super) fn are_complete(channel: Channel, has_key: impl Fn(&str) -> bool) -> bool {
    let has_enough_without = |left_out: &str| {
        let there = keys(channel)
            .iter()
            .filter(|&&key| key != left_out && has_key(key));
        there.count() >= required(channel)
    };
    // The postcode and line 7 are one line of an address: both together count once.
    has_enough_without(POSTCODE) || has_enough_without(LINE_7)
}

#[cfg(test)]
mod tests {
    use text::column_key;

    use super::*;

    #[test]
    fn keys_match_names() {
        for &channel in Channel::ALL {
            let of_names: Vec<String> =
                names(channel).iter().map(|name| column_key(name)).collect();
            assert_eq!(of_names, keys(channel));
        }
    }

    #[test]
    fn a_postcode_and_line_7_count_as_one_line_of_an_address() {
        let are_complete = |keys: &[&str]| are_complete(Channel::Letter, |key| keys.contains(&key));
        assert!(are_complete(&["addressline1", "addressline5", "postcode"]));
        assert!(are_complete(&[
            "addressline1",
            "addressline5",
            "addressline7"
        ]));
        assert!(!are_complete(&["addressline1", "postcode", "addressline7"]));
    }

    #[test]
    fn a_text_message_needs_a_phone_number() {
        assert!(are_complete(Channel::Sms, |key| key == "phonenumber"));
        assert!(!are_complete(Channel::Sms, |key| key == "emailaddress"));
    }
}
