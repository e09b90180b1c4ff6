//! Guest lists: recipients to whom a service in trial mode, or a team key, may send (`docs/spec/recipients.md` §7).

use std::collections::HashSet;

use crate::{email_addresses::EmailAddress, phone_numbers::PhoneNumber};

/// Normalises a recipient for comparison: phone numbers and e-mail addresses to their normalised forms, anything else
/// to itself.
pub fn formatted_recipient(recipient: &str) -> String {
    // Numbers first: most lists are of mobiles, and no address parses as a number.
    if let Ok(number) = PhoneNumber::parse(recipient) {
        return number.normalised();
    }
    EmailAddress::parse(recipient)
        .map_or_else(|_| recipient.to_owned(), |address| address.normalised())
}

/// Allowed recipients, normalised once.
#[derive(Clone, Default)]
pub struct GuestList {
    formatted: HashSet<String>,
}

impl GuestList {
    /// Creates a list from recipients in any form.
    pub fn new<Recipient: AsRef<str>>(recipients: impl IntoIterator<Item = Recipient>) -> Self {
        let formatted = recipients
            .into_iter()
            .map(|recipient| formatted_recipient(recipient.as_ref()))
            .collect();
        Self { formatted }
    }

    /// Returns whether the list contains the recipient, in any form.
    pub fn allows(&self, recipient: &str) -> bool {
        self.formatted.contains(&formatted_recipient(recipient))
    }

    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.formatted.is_empty()
    }
}

impl std::fmt::Debug for GuestList {
    /// Shows only the number of recipients, because they are personal data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "GuestList({} recipients)", self.formatted.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_known_however_they_are_written() {
        let list = GuestList::new(["07900 900123", "Casey@Example.GOV.UK", "somebody"]);
        for guest in ["+447900900123", "casey@example.gov.uk ", "somebody"] {
            assert!(list.allows(guest), "{guest}");
        }
        for other in ["07900900124", "", "Somebody"] {
            assert!(!list.allows(other), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_at_all_is_formatted_and_allowed_by_itself(text in "\\PC*|[0-9+() \u{A0}-]{0,40}|[a-z.@\u{E9}-]{0,40}") {
            proptest::prop_assert!(GuestList::new([&text]).allows(&text));
        }
    }

    #[test]
    fn guests_do_not_show_in_logs() {
        assert_eq!(
            format!("{:?}", GuestList::new(["07900 900123"])),
            "GuestList(1 recipients)"
        );
    }
}
