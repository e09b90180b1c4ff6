//! Formatting of numbers for display (`docs/spec/recipients.md` §2.7, "Formats").

use regex::bytes::Captures;
use serde::Deserialize;

use super::{digit_pattern::DigitPattern, numbering_plans::main_region};

/// A number format and the numbers to which it applies.
#[derive(Debug)]
pub(super) struct NumberFormat {
    pattern: DigitPattern,
    leading_digits: Option<DigitPattern>,
    template: Template,
    national_template: Template,
}

/// An entry of the table of numbering plans.
#[derive(Deserialize)]
pub(super) struct NumberFormatEntry {
    pattern: String,
    format: String,
    leading_digits: Option<String>,
    national_prefix_formatting_rule: Option<String>,
}

/// A format with references to groups, `${1}` in the tables.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<TemplatePart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Text(Box<str>),
    Group(usize),
}

/// Formats a number as within its country: `07700 900123`.
pub(super) fn national(calling_code: u16, digits: &[u8]) -> String {
    written(&main_region(calling_code).formats, digits, |format| {
        &format.national_template
    })
}

/// Formats a number as in other countries: `+33 6 12 98 76 54`.
pub(super) fn international(calling_code: u16, digits: &[u8]) -> String {
    let region = main_region(calling_code);
    // Most plans write a number the same way for callers from abroad.
    let formats = if region.international_formats.is_empty() {
        &region.formats
    } else {
        &region.international_formats
    };
    format!(
        "+{calling_code} {}",
        written(formats, digits, |format| &format.template)
    )
}

fn written(
    formats: &[NumberFormat],
    digits: &[u8],
    template: impl Fn(&NumberFormat) -> &Template,
) -> String {
    let filled = formats
        .iter()
        .find_map(|format| Some(template(format).fill(&format.captures(digits)?)))
        // A plan may lack a format for a number that is valid by its length.
        .unwrap_or_else(|| digits.to_vec());
    String::from_utf8_lossy(&filled).into_owned()
}

impl NumberFormat {
    /// Returns the groups of a number to which this format applies.
    fn captures<'digits>(&self, digits: &'digits [u8]) -> Option<Captures<'digits>> {
        if self
            .leading_digits
            .as_ref()
            .is_some_and(|leading| !leading.matches_start(digits))
        {
            return None;
        }
        self.pattern.captures(digits)
    }
}

impl From<NumberFormatEntry> for NumberFormat {
    fn from(entry: NumberFormatEntry) -> Self {
        let template = Template::new(&entry.format);
        let national_template = entry.national_prefix_formatting_rule.map_or_else(
            || template.clone(),
            |rule| template.with_first_group_as(&Template::new(&rule)),
        );
        Self {
            pattern: DigitPattern::new(entry.pattern),
            leading_digits: entry.leading_digits.map(DigitPattern::new),
            template,
            national_template,
        }
    }
}

impl Template {
    pub(super) fn new(source: &str) -> Self {
        let mut pieces = source.split("${");
        let mut parts = Vec::new();
        let add_text = |parts: &mut Vec<_>, text: &str| {
            if !text.is_empty() {
                parts.push(TemplatePart::Text(text.into()));
            }
        };
        add_text(&mut parts, pieces.next().unwrap_or_default());
        for piece in pieces {
            let (group, text) = piece
                .split_once('}')
                .expect("a reference to a group is closed");
            parts.push(TemplatePart::Group(
                group.parse().expect("a group is referred to by its number"),
            ));
            add_text(&mut parts, text);
        }
        Self { parts }
    }

    /// Returns the template filled with the groups of a match; a group that took no part is empty.
    pub(super) fn fill(&self, groups: &Captures<'_>) -> Vec<u8> {
        let mut filled = Vec::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => filled.extend_from_slice(text.as_bytes()),
                TemplatePart::Group(group) => {
                    let text = groups
                        .get(*group)
                        .map_or(&b""[..], |found| found.as_bytes());
                    filled.extend_from_slice(text);
                }
            }
        }
        filled
    }

    /// Replaces the first reference of this template by `rule`, whose own `${1}` then refers to the same group.
    fn with_first_group_as(&self, rule: &Self) -> Self {
        let Some(place) = self
            .parts
            .iter()
            .position(|part| matches!(part, TemplatePart::Group(_)))
        else {
            return self.clone();
        };
        let first = self.parts[place].clone();
        let rule = rule.parts.iter().map(|part| match part {
            TemplatePart::Group(1) => first.clone(),
            other => other.clone(),
        });
        let mut parts = self.parts.clone();
        parts.splice(place..=place, rule);
        Self { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn british_numbers_are_written_with_their_zero() {
        assert_eq!(national(44, b"7700900123"), "07700 900123");
        assert_eq!(national(44, b"2079460871"), "020 7946 0871");
        assert_eq!(national(44, b"101"), "101");
    }

    #[test]
    fn other_numbers_are_written_with_their_calling_code() {
        assert_eq!(international(33, b"612987654"), "+33 6 12 98 76 54");
        assert_eq!(international(1, b"2025550147"), "+1 202-555-0147");
    }

    #[test]
    fn a_rule_takes_the_place_of_the_first_group() {
        let template = Template::new("${2} ${1}").with_first_group_as(&Template::new("(0${1})"));
        let pattern = DigitPattern::new(r"(\d)(\d)".into());
        let groups = pattern.captures(b"34").unwrap();
        assert_eq!(template.fill(&groups), b"(04) 3");
    }
}
