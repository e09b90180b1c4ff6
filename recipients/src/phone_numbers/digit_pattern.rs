//! The patterns of the numbering plans, matched against the digits of a number.

use std::sync::OnceLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// A pattern of the numbering plans, compiled on first use.
#[derive(Debug)]
pub(super) struct DigitPattern {
    source: Box<str>,
    // Of some 3,400 patterns a process usually needs a few dozen. Compiling all of them takes 0.2 to 0.4 s and 24 MB.
    whole: OnceLock<Regex>,
    start: OnceLock<Regex>,
}

impl DigitPattern {
    pub(super) fn new(source: String) -> Self {
        Self {
            source: source.into_boxed_str(),
            whole: OnceLock::new(),
            start: OnceLock::new(),
        }
    }

    /// Returns whether the pattern matches all the digits.
    pub(super) fn matches(&self, digits: &[u8]) -> bool {
        self.whole().is_match(digits)
    }

    /// Returns the groups, if the pattern matches all the digits.
    pub(super) fn captures<'digits>(&self, digits: &'digits [u8]) -> Option<Captures<'digits>> {
        self.whole().captures(digits)
    }

    /// Returns whether the pattern matches at the first digit; it need not reach the last.
    pub(super) fn matches_start(&self, digits: &[u8]) -> bool {
        self.start().is_match(digits)
    }

    /// Returns the groups of a match at the first digit; it need not reach the last.
    pub(super) fn captures_start<'digits>(
        &self,
        digits: &'digits [u8],
    ) -> Option<Captures<'digits>> {
        self.start().captures(digits)
    }

    /// Returns where a match at the first digit ends. Cheaper than capturing its groups.
    pub(super) fn end_of_start(&self, digits: &[u8]) -> Option<usize> {
        self.start().find(digits).map(|found| found.end())
    }

    fn whole(&self) -> &Regex {
        self.whole
            .get_or_init(|| compile(&format!("^(?:{})$", self.source)))
    }

    fn start(&self) -> &Regex {
        self.start
            .get_or_init(|| compile(&format!("^(?:{})", self.source)))
    }
}

/// Compiles a pattern.
///
/// # Panics
/// If the pattern is not valid. Patterns ship with the program, and a test compiles all of them.
fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        // `\d` means ASCII digits here. The tables of Unicode would also make every pattern larger.
        .unicode(false)
        .build()
        .expect("the patterns of the numbering plans are valid")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_pattern_matches_all_the_digits_or_none() {
        let pattern = DigitPattern::new(r"[1-357]\d{2,3}|8[04](?:9|0)?".to_owned());
        for digits in ["123", "1234", "800", "84", "849"] {
            assert!(pattern.matches(digits.as_bytes()), "{digits}");
        }
        for digits in ["", "12", "12345", "423", "842"] {
            assert!(!pattern.matches(digits.as_bytes()), "{digits}");
        }
    }

    #[test]
    fn the_first_alternative_wins_unless_the_whole_must_match() {
        let pattern = DigitPattern::new("0|00(1)?".to_owned());
        assert_eq!(pattern.end_of_start(b"001"), Some(1));
        assert!(pattern.matches(b"001"));
    }

    #[test]
    fn every_pattern_of_the_plans_compiles() {
        let plans: Value =
            serde_json::from_str(include_str!("../../data/phone_metadata.json")).unwrap();
        let count = compile_all(&plans["regions"]);
        assert!(count > 3000, "only {count} patterns were found");
    }

    fn compile_all(value: &Value) -> usize {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| match (name.as_str(), member) {
                    (
                        "pattern" | "leading_digits" | "national_prefix_for_parsing",
                        Value::String(source),
                    ) => {
                        let pattern = DigitPattern::new(source.clone());
                        pattern.whole();
                        pattern.start();
                        1
                    }
                    _ => compile_all(member),
                })
                .sum(),
            Value::Array(items) => items.iter().map(compile_all).sum(),
            _ => 0,
        }
    }
}
