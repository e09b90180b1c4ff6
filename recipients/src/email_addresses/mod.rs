//! E-mail addresses: validation and normalised forms (`docs/spec/recipients.md` §3).

mod host_names;
mod nameprep;
mod unicode_3_2;

use std::fmt;

use text::unicode_15_1::lower;
use thiserror::Error;

pub use host_names::to_ascii as host_to_ascii;

/// Maximum length of an address in characters.
const MAX_CHARACTERS: usize = 320;

/// A valid e-mail address. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    validated: Box<str>,
    /// Byte offset of the host.
    host_start: usize,
    /// The host in ASCII, if it was converted.
    converted_host: Option<Box<str>>,
}

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("Not a valid email address")]
pub struct NotAnEmailAddress;

/// Returns the address trimmed and in lower case, without validation.
pub fn formatted_only(address: &str) -> String {
    text::trim(&lower(address)).into_owned()
}

impl EmailAddress {
    /// Parses an address, ignoring spaces that are often pasted along.
    pub fn parse(address: &str) -> Result<Self, NotAnEmailAddress> {
        let address = text::trim(address);
        // A character has at most four bytes, so most texts need not be counted.
        if address.len() > MAX_CHARACTERS && address.chars().nth(MAX_CHARACTERS).is_some() {
            return Err(NotAnEmailAddress);
        }
        let (local_part, host) = address.split_once('@').ok_or(NotAnEmailAddress)?;
        if !is_local_part(local_part) || !may_be_host(host) || address.contains("..") {
            return Err(NotAnEmailAddress);
        }
        let converted_host = if host.is_ascii() {
            // Most hosts are ASCII: no second copy is kept.
            None
        } else {
            Some(
                host_names::to_ascii(host)
                    .ok_or(NotAnEmailAddress)?
                    .into_boxed_str(),
            )
        };
        if !host_names::is_acceptable(converted_host.as_deref().unwrap_or(host)) {
            return Err(NotAnEmailAddress);
        }
        let host_start = local_part.len() + 1;
        Ok(Self {
            validated: address.into(),
            host_start,
            converted_host,
        })
    }

    /// Returns the address as given, without pasted spaces. Case is kept and the host is not converted.
    pub fn validated(&self) -> &str {
        &self.validated
    }

    /// Returns the address in lower case, for comparison.
    pub fn normalised(&self) -> String {
        lower(&self.validated)
    }

    /// Returns the part before `@`, in ASCII.
    pub fn local_part(&self) -> &str {
        &self.validated[..self.host_start - 1]
    }

    /// Returns the host in ASCII, converted by IDNA 2003 if necessary.
    pub fn host_in_ascii(&self) -> &str {
        self.converted_host
            .as_deref()
            .unwrap_or(&self.validated[self.host_start..])
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EmailAddress({} bytes)", self.validated.len())
    }
}

fn is_local_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte))
}

fn may_be_host(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first != '.')
        && characters.next().is_some()
        && !text.contains(|character| character == '@' || text::is_any_space(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_it_was_written() {
        let address = EmailAddress::parse(" First.O'Last\u{200B}@Example.GOV.uk\n").unwrap();
        assert_eq!(address.validated(), "First.O'Last@Example.GOV.uk");
        assert_eq!(address.normalised(), "first.o'last@example.gov.uk");
        assert_eq!(
            (address.local_part(), address.host_in_ascii()),
            ("First.O'Last", "Example.GOV.uk")
        );
    }

    #[test]
    fn a_host_in_other_letters_is_converted() {
        let host = |address| {
            EmailAddress::parse(address).map(|address| address.host_in_ascii().to_owned())
        };
        assert_eq!(
            host("u@b\u{fc}cher.example"),
            Ok("xn--bcher-kva.example".into())
        );
        assert_eq!(host("u@stra\u{df}e\u{3002}de"), Ok("strasse.de".into()));
        assert_eq!(host("u@\u{1F600}.example"), Ok("xn--e28h.example".into()));
        assert_eq!(host("u@a\u{2026}example"), Err(NotAnEmailAddress));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "@",
            "u@",
            "@example.com",
            "u@example",
            "u@.com",
            "u..v@example.com",
            "u@exa mple.com",
            "u@v@example.com",
            "\u{e9}@example.com",
            "u@example.c",
            "u@-a.com",
            "u@a---b.com",
            "u@example.com.",
        ] {
            assert_eq!(EmailAddress::parse(text), Err(NotAnEmailAddress), "{text}");
        }
        let long = format!("{}@example.com", "u".repeat(309));
        assert!(EmailAddress::parse(&long[1..]).is_ok());
        assert!(EmailAddress::parse(&long).is_err());
    }

    #[test]
    fn formatting_alone_checks_nothing() {
        assert_eq!(formatted_only(" NOT an\u{A0}Address "), "not anaddress");
    }

    #[test]
    fn an_address_does_not_show_in_logs() {
        assert_eq!(
            format!("{:?}", EmailAddress::parse("u@example.com").unwrap()),
            "EmailAddress(13 bytes)"
        );
    }
}
