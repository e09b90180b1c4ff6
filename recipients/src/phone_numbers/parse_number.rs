//! Parses a text into a calling code and national digits (`docs/spec/recipients.md` §2.4).

use std::borrow::Cow;

use super::numbering_plans::{LengthCheck, Region, main_region, regions_of};

/// A parsed number: its calling code, and the digits that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ParsedNumber {
    pub(super) calling_code: u16,
    pub(super) national: NationalDigits,
}

/// Maximum number of digits after the calling code.
const MAX_NATIONAL_DIGITS: usize = 17;
const MIN_NATIONAL_DIGITS: usize = 2;
/// Maximum length of a text; longer ones are rejected unread.
const MAX_CHARACTERS: usize = 250;
pub(super) const UK_CALLING_CODE: u16 = 44;

/// Two to seventeen digits, leading zeros included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NationalDigits {
    length: u8,
    digits: [u8; MAX_NATIONAL_DIGITS],
}

/// Country to assume for a number without a calling code, if there may be one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultRegion {
    UnitedKingdom,
    None,
}

/// Parses a text; `None` if it is no number.
pub(super) fn parse_number(text: &str, default_region: DefaultRegion) -> Option<ParsedNumber> {
    let mut buffer = [0; MAX_CHARACTERS];
    let (form, digits) = digits_of(text, &mut buffer)?;
    let (calling_code, digits) = match form {
        Form::WithPlus => after_plus(digits, default_region)?,
        Form::Plain if default_region == DefaultRegion::None => return None,
        Form::Plain => match without_plus(digits) {
            Found::CallingCode(calling_code, digits) => (calling_code, digits),
            Found::NoCallingCode => (UK_CALLING_CODE, Cow::Borrowed(digits)),
            Found::Unreadable => return None,
        },
    };
    if digits.len() < MIN_NATIONAL_DIGITS {
        return None;
    }
    let region = main_region(calling_code);
    let dropped = without_national_prefix(&digits, region);
    // A 0 that is a digit of the number is kept: without it the number would be too short.
    let usable = matches!(
        region.check_length(&dropped),
        LengthCheck::Possible | LengthCheck::TooLong
    );
    let national = NationalDigits::new(if usable { &dropped } else { &digits })?;
    Some(ParsedNumber {
        calling_code,
        national,
    })
}

/// Whether the text begins with a plus.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    WithPlus,
    Plain,
}

/// Extracts the digits of a text that has the form of a number (steps 1 to 4).
fn digits_of<'buffer>(
    text: &str,
    buffer: &'buffer mut [u8; MAX_CHARACTERS],
) -> Option<(Form, &'buffer [u8])> {
    if text.len() > MAX_CHARACTERS && text.chars().nth(MAX_CHARACTERS).is_some() {
        return None;
    }
    let start = text.find(|character: char| character == '+' || character.is_ascii_digit())?;
    let end = text.rfind(|character: char| character.is_ascii_digit())? + 1;
    let text = text.get(start..end)?;
    // Several are pasted together with a number that had one.
    let after_plus = text.trim_start_matches('+');
    let form = if after_plus.len() < text.len() {
        Form::WithPlus
    } else {
        Form::Plain
    };

    let mut count = 0;
    for character in after_plus.chars() {
        match character {
            '0'..='9' => {
                buffer[count] = u8::try_from(character).ok()?;
                count += 1;
            }
            '-' | '(' | ')' | ' ' | '\u{A0}' | '\u{200B}' | '\u{2060}' => {}
            _ => return None,
        }
    }
    let is_two_digits_alone = text.len() == 2 && count == 2;
    (count >= 3 || is_two_digits_alone).then_some((form, &buffer[..count]))
}

/// Result of looking for a calling code (step 5), with the digits that follow it.
enum Found<'digits> {
    CallingCode(u16, Cow<'digits, [u8]>),
    NoCallingCode,
    Unreadable,
}

/// Splits off the calling code of a number with a plus. If there is none, the plus may have been a mistake.
fn after_plus(digits: &[u8], default_region: DefaultRegion) -> Option<(u16, Cow<'_, [u8]>)> {
    let found = match international(digits) {
        Found::NoCallingCode if default_region == DefaultRegion::UnitedKingdom => {
            without_plus(digits)
        }
        found => found,
    };
    match found {
        Found::CallingCode(calling_code, digits) => Some((calling_code, digits)),
        Found::NoCallingCode | Found::Unreadable => None,
    }
}

/// Splits off the calling code of an international number: the shortest one that is assigned.
fn international(digits: &[u8]) -> Found<'_> {
    if digits.len() <= 2 {
        return Found::Unreadable;
    }
    let mut calling_code = 0;
    for (index, digit) in digits.iter().take(3).enumerate() {
        calling_code = calling_code * 10 + u16::from(digit - b'0');
        // No calling code begins with 0.
        if calling_code == 0 {
            break;
        }
        if !regions_of(calling_code).is_empty() {
            return Found::CallingCode(calling_code, Cow::Borrowed(&digits[index + 1..]));
        }
    }
    Found::NoCallingCode
}

/// Splits off the calling code of a national number without a plus, if it begins with one.
fn without_plus(digits: &[u8]) -> Found<'_> {
    // 00 is the international prefix in the United Kingdom; a third 0 cannot begin a calling code.
    if let [b'0', b'0', rest @ ..] = digits
        && rest.first() != Some(&b'0')
    {
        return match international(rest) {
            Found::NoCallingCode => Found::Unreadable,
            found => found,
        };
    }
    match without_forgotten_plus(digits) {
        Some(rest) => Found::CallingCode(UK_CALLING_CODE, rest),
        None => Found::NoCallingCode,
    }
}

/// Returns the digits after 44 if the number is valid only with 44 as its calling code.
fn without_forgotten_plus(digits: &[u8]) -> Option<Cow<'_, [u8]>> {
    let home = main_region(UK_CALLING_CODE);
    let rest = without_national_prefix(digits.strip_prefix(b"44")?, home);
    // 44 may also be the first digits of a national number.
    let makes_more_sense = !home.general.matches(digits) && home.general.matches(&rest);
    (makes_more_sense || home.check_length(digits) == LengthCheck::TooLong).then_some(rest)
}

/// Removes the national prefix of a region, such as the 0 of British numbers.
fn without_national_prefix<'digits>(digits: &'digits [u8], region: &Region) -> Cow<'digits, [u8]> {
    let Some((candidate, changes)) = candidate_without_prefix(digits, region) else {
        return Cow::Borrowed(digits);
    };
    // An unchanged candidate needs no comparison.
    if !changes || (region.general.matches(digits) && !region.general.matches(&candidate)) {
        return Cow::Borrowed(digits);
    }
    candidate
}

/// Returns the digits without the national prefix, and whether they differ from `digits`.
fn candidate_without_prefix<'digits>(
    digits: &'digits [u8],
    region: &Region,
) -> Option<(Cow<'digits, [u8]>, bool)> {
    let prefix = region.national_prefix.as_ref()?;
    if digits.is_empty() {
        return None;
    }
    if let Some(rule) = &region.national_prefix_transform {
        let groups = prefix.captures_start(digits)?;
        // The rule rebuilds the number from the groups, so it applies only if the last of them took part.
        if groups.iter().last().flatten().is_some() {
            let mut candidate = rule.fill(&groups);
            candidate.extend_from_slice(&digits[groups.get_match().end()..]);
            return Some((Cow::Owned(candidate), true));
        }
    }
    let end = prefix.end_of_start(digits)?;
    Some((Cow::Borrowed(&digits[end..]), end > 0))
}

impl NationalDigits {
    /// Creates digits unless they are too few or too many.
    fn new(digits: &[u8]) -> Option<Self> {
        if !(MIN_NATIONAL_DIGITS..=MAX_NATIONAL_DIGITS).contains(&digits.len()) {
            return None;
        }
        let mut kept = Self {
            length: u8::try_from(digits.len()).ok()?,
            digits: [0; MAX_NATIONAL_DIGITS],
        };
        kept.digits[..digits.len()].copy_from_slice(digits);
        Some(kept)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }

    /// Returns the digits.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("digits are ASCII")
    }

    /// Returns the digits without leading zeros, but at least one digit.
    pub(super) fn value(&self) -> &str {
        match self.as_str().trim_start_matches('0') {
            "" => "0",
            value => value,
        }
    }
}

impl std::fmt::Debug for NationalDigits {
    /// Shows only the length, because numbers are personal data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "({} digits)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn british(text: &str) -> Option<(u16, String)> {
        let number = parse_number(text, DefaultRegion::UnitedKingdom)?;
        Some((number.calling_code, number.national.as_str().to_owned()))
    }

    #[test]
    fn british_numbers_are_read_in_every_form() {
        for text in [
            "07700900123",
            "7700 900123",
            "+44 (0)7700-900123",
            "00447700900123",
            "447700900123",
        ] {
            assert_eq!(british(text), Some((44, "7700900123".into())), "{text}");
        }
    }

    #[test]
    fn numbers_abroad_lose_their_calling_code_and_national_prefix() {
        assert_eq!(
            british("+33 06 12 98 76 54"),
            Some((33, "612987654".into()))
        );
        assert_eq!(
            british("+54 0 11 15 2345 6789"),
            Some((54, "91123456789".into()))
        );
    }

    #[test]
    fn what_has_not_the_form_of_a_number_is_unreadable() {
        for text in [
            "",
            "+",
            "1",
            "+12",
            "0 1",
            "12\u{202F}345",
            "12+345",
            &"1".repeat(251),
        ] {
            assert_eq!(british(text), None, "{text}");
        }
        assert_eq!(british("12"), Some((44, "12".into())));
    }

    #[test]
    fn without_a_home_a_number_needs_its_plus() {
        assert_eq!(parse_number("07700900123", DefaultRegion::None), None);
        assert_eq!(parse_number("+999123456", DefaultRegion::None), None);
        assert!(parse_number("+447700900123", DefaultRegion::None).is_some());
    }

    #[test]
    fn a_plus_that_leads_nowhere_is_only_a_mistake_before_a_calling_code() {
        assert_eq!(british("+00447700900123"), Some((44, "7700900123".into())));
        assert_eq!(british("+0736"), None);
    }

    #[test]
    fn a_number_does_not_show_in_logs() {
        assert_eq!(
            format!(
                "{:?}",
                parse_number("07700900123", DefaultRegion::UnitedKingdom)
                    .unwrap()
                    .national
            ),
            "(10 digits)"
        );
    }
}
