//! Recipients as they are stored: as given, and in the form in which they are compared.

use domain::{Allowance, Postage};
use recipients::{
    countries::PostageZone, phone_numbers::PhoneNumber, postal_addresses::PostalAddress,
};

/// A recipient after it was parsed, with what depends on it.
pub(crate) struct ResolvedRecipient {
    pub(crate) as_given: String,
    pub(crate) normalised: String,
    pub(crate) international: bool,
    pub(crate) phone_prefix: Option<String>,
    pub(crate) rate_multiplier: Option<u32>,
    pub(crate) postage: Option<Postage>,
    /// What it counts as, beside its channel.
    pub(crate) also_counts_as: Option<Allowance>,
}

impl ResolvedRecipient {
    pub(crate) fn phone(as_given: &str, number: &PhoneNumber) -> Self {
        Self {
            as_given: as_given.to_owned(),
            normalised: number.normalised(),
            international: number.is_international(),
            phone_prefix: Some(number.country_prefix()),
            rate_multiplier: number.rate_multiplier(),
            postage: None,
            also_counts_as: also_counts_as(number),
        }
    }

    /// Resolves what is not a phone number any more and is stored without being sent. It costs nothing.
    pub(crate) fn invalid_phone(as_given: &str) -> Self {
        Self {
            // With the plus sign, unlike the prefix of a number that was read (`docs/spec/workers.md` §4.8).
            phone_prefix: Some("+44".to_owned()),
            rate_multiplier: Some(0),
            ..Self::email(as_given, as_given.to_owned())
        }
    }

    pub(crate) fn email(as_given: &str, normalised: String) -> Self {
        Self {
            as_given: as_given.to_owned(),
            normalised,
            international: false,
            phone_prefix: None,
            rate_multiplier: None,
            postage: None,
            also_counts_as: None,
        }
    }

    /// Resolves a postal address: all its lines, as they are printed (`docs/spec/letters.md` §4.1, §6.2).
    pub(crate) fn letter(address: &PostalAddress, template_postage: Option<Postage>) -> Self {
        Self {
            international: address.is_international(),
            ..Self::postal(address.normalised(), postage(address, template_postage))
        }
    }

    /// Resolves postal lines that need no parsing.
    pub(crate) fn postal(lines: String, postage: Postage) -> Self {
        Self {
            normalised: for_comparing(&lines),
            as_given: lines,
            international: false,
            phone_prefix: None,
            rate_multiplier: None,
            postage: Some(postage),
            also_counts_as: None,
        }
    }
}

fn also_counts_as(number: &PhoneNumber) -> Option<Allowance> {
    if !number.is_uk() {
        Some(Allowance::InternationalSms)
    } else if number.is_tv_number() {
        Some(Allowance::SmsToTvNumbers)
    } else {
        None
    }
}

/// Returns the postage of a letter (`docs/spec/letters.md` §2).
fn postage(address: &PostalAddress, of_template: Option<Postage>) -> Postage {
    // A letter abroad has one class, whatever its template says.
    match address.postage() {
        PostageZone::UnitedKingdom => of_template.unwrap_or(Postage::Second),
        PostageZone::Europe => Postage::Europe,
        PostageZone::RestOfWorld => Postage::RestOfWorld,
    }
}

/// Returns an address as it is compared: without white space, in lower case (`docs/spec/letters.md` §6.2).
fn for_comparing(address: &str) -> String {
    address
        .split_whitespace()
        .collect::<String>()
        .to_lowercase()
}
