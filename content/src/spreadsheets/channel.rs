use serde::{Deserialize, Serialize};

/// How messages leave, and so which columns say to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Text messages, to a phone number.
    Sms,
    /// E-mails, to an e-mail address.
    Email,
    /// Letters, to a postal address.
    Letter,
}

/// The column that is read where a letter's address has no line 7.
const POSTCODE: &str = "postcode";
/// The other last line of an address, as a key.
const LINE_7: &str = "addressline7";

impl Channel {
    /// The columns that say to whom a message goes, in order (`docs/spec/recipients.md` §8.1).
    pub fn recipient_columns(self) -> &'static [&'static str] {
        match self {
            Self::Sms => &["phone number"],
            Self::Email => &["email address"],
            Self::Letter => &[
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

    /// The column keys of these, in the same order.
    pub fn recipient_keys(self) -> &'static [&'static str] {
        match self {
            Self::Sms => &["phonenumber"],
            Self::Email => &["emailaddress"],
            Self::Letter => &[
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

    /// How many of them a file must have at least.
    pub fn required_recipient_columns(self) -> usize {
        match self {
            Self::Sms | Self::Email => 1,
            Self::Letter => 3,
        }
    }

    /// Whether enough of the recipient columns have their keys here: of an address, as many as are required, the
    /// postcode and line 7 counting once.
    pub(super) fn can_do_with(self, has_key: impl Fn(&str) -> bool) -> bool {
        let has_enough_without = |left_out: &str| {
            let there = self
                .recipient_keys()
                .iter()
                .filter(|&&key| key != left_out && has_key(key));
            there.count() >= self.required_recipient_columns()
        };
        has_enough_without(POSTCODE) || has_enough_without(LINE_7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::column_key;

    #[test]
    fn keys_are_those_of_the_columns() {
        for channel in [Channel::Sms, Channel::Email, Channel::Letter] {
            let keys: Vec<String> = channel
                .recipient_columns()
                .iter()
                .map(|column| column_key(column))
                .collect();
            assert_eq!(keys, channel.recipient_keys());
        }
    }

    #[test]
    fn a_postcode_and_line_7_are_not_two_lines_of_an_address() {
        let can_do_with = |keys: &[&str]| Channel::Letter.can_do_with(|key| keys.contains(&key));
        assert!(can_do_with(&["addressline1", "addressline5", "postcode"]));
        assert!(can_do_with(&[
            "addressline1",
            "addressline5",
            "addressline7"
        ]));
        assert!(!can_do_with(&["addressline1", "postcode", "addressline7"]));
    }

    #[test]
    fn a_text_message_needs_a_phone_number() {
        assert!(Channel::Sms.can_do_with(|key| key == "phonenumber"));
        assert!(!Channel::Sms.can_do_with(|key| key == "emailaddress"));
    }
}
