//! Numbers of the British Forces Post Office (`docs/spec/recipients.md` §6.1, step 2).

use std::fmt;

use text::characters::is_digit;

/// BFPO number of an address. `Display` gives plain decimal without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BfpoNumber(String);

impl fmt::Display for BfpoNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An address line that consists of BFPO and an optional number.
pub(super) enum BfpoLine {
    WithNumber(BfpoNumber),
    WithoutNumber,
}

impl BfpoLine {
    /// Parses a line: `bfpo`, optional `c/o`, optional digits of any script.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_at_checked(4)?;
        if !word.eq_ignore_ascii_case("bfpo") {
            return None;
        }
        let rest = rest.trim_start_matches(' ');
        let digits = match rest.split_at_checked(3) {
            Some((word, after)) if word.eq_ignore_ascii_case("c/o") => {
                after.trim_start_matches(' ')
            }
            _ => rest,
        };
        if digits.is_empty() {
            return Some(Self::WithoutNumber);
        }
        // Anything but digits makes the line an ordinary one, such as a street of that name.
        let plain: Option<String> = digits.chars().map(plain_digit).collect();
        let number = plain?;
        let number = match number.trim_start_matches('0') {
            "" => "0",
            number => number,
        };
        Some(Self::WithNumber(BfpoNumber(number.to_owned())))
    }
}

/// Converts a decimal digit of any script to ASCII.
fn plain_digit(character: char) -> Option<char> {
    if character.is_ascii() {
        return character.is_ascii_digit().then_some(character);
    }
    if !is_digit(character) {
        return None;
    }
    // Unicode encodes the digits of a script in contiguous runs of ten, so the position in the run gives the value.
    let before = (0..u32::from(character))
        .rev()
        .map_while(char::from_u32)
        .take_while(|&earlier| is_digit(earlier))
        .count();
    char::from_digit(u32::try_from(before % 10).ok()?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(line: &str) -> Option<String> {
        match BfpoLine::parse(line)? {
            BfpoLine::WithNumber(number) => Some(number.to_string()),
            BfpoLine::WithoutNumber => Some("none".into()),
        }
    }

    #[test]
    fn a_bfpo_line_says_nothing_else() {
        assert_eq!(number("BFPO 0012").as_deref(), Some("12"));
        assert_eq!(number("bfpo  C/O  567").as_deref(), Some("567"));
        assert_eq!(number("bfpoc/o").as_deref(), Some("none"));
        assert_eq!(number("BFPO 000").as_deref(), Some("0"));
        for other in [
            "BFPO-12",
            "BFPO 1 2",
            "B.F.P.O. 12",
            "bfp",
            "a BFPO 1",
            "bfpo c/",
            "bfpo\u{e9}",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn digits_of_every_script_have_their_worth() {
        assert_eq!(number("BFPO \u{661}\u{662}").as_deref(), Some("12"));
        assert_eq!(
            number("BFPO \u{1D7D9}\u{1D7FF}\u{FF13}").as_deref(),
            Some("193")
        );
        assert_eq!(number("BFPO \u{B2}"), None);
    }
}
