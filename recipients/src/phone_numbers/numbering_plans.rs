//! The world's numbering plans, from `phone_metadata.json` (`docs/spec/recipients.md` §2.4–§2.5).

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use super::{
    digit_pattern::DigitPattern,
    formats::{NumberFormat, NumberFormatEntry, Template},
    number_type::NumberType,
};

/// Numbering plan of a region, or of a calling code that belongs to no region.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) id: Box<str>,
    pub(super) national_prefix: Option<DigitPattern>,
    pub(super) national_prefix_transform: Option<Template>,
    /// Identifies the region among those that share a calling code.
    pub(super) leading_digits: Option<DigitPattern>,
    pub(super) general: NumberKind,
    /// In the order in which numbers are compared with them.
    types: [Option<NumberKind>; NumberType::IN_PLANS.len()],
    pub(super) formats: Vec<NumberFormat>,
    pub(super) international_formats: Vec<NumberFormat>,
}

/// Numbers of one kind: their lengths and their pattern.
#[derive(Debug)]
pub(super) struct NumberKind {
    pattern: DigitPattern,
    lengths: Lengths,
    local_only_lengths: Lengths,
}

/// Set of lengths: bit *n* is set for *n* digits.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths(u32);

/// Result of comparing a number's length with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LengthCheck {
    Possible,
    LocalOnly,
    TooShort,
    TooLong,
    /// Between the shortest and the longest length, but unused.
    InvalidLength,
}

/// Returns the regions that share a calling code, the main region first; empty for an unassigned code.
pub(super) fn regions_of(calling_code: u16) -> &'static [Region] {
    PLANS
        .by_calling_code
        .get(usize::from(calling_code))
        .map_or(&[], Vec::as_slice)
}

/// Returns the main region of an assigned calling code.
pub(super) fn main_region(calling_code: u16) -> &'static Region {
    regions_of(calling_code)
        .first()
        .expect("a calling code is only ever taken from the table of them")
}

impl Region {
    pub(super) fn is_great_britain(&self) -> bool {
        &*self.id == "GB"
    }

    /// Returns the type of a number in this region (`docs/spec/recipients.md` §2.5).
    pub(super) fn type_of(&self, digits: &[u8]) -> NumberType {
        // Cheaper than ten patterns, and a number that fits a type but not the plan is not in use.
        if !self.general.has(digits) {
            return NumberType::Unknown;
        }
        let is =
            |number_type: NumberType| self.kind(number_type).is_some_and(|kind| kind.has(digits));
        match NumberType::IN_PLANS
            .into_iter()
            .find(|&number_type| is(number_type))
        {
            Some(NumberType::FixedLine) if is(NumberType::Mobile) => NumberType::FixedLineOrMobile,
            found => found.unwrap_or(NumberType::Unknown),
        }
    }

    pub(super) fn check_length(&self, digits: &[u8]) -> LengthCheck {
        self.general.check_length(digits.len())
    }

    fn kind(&self, number_type: NumberType) -> Option<&NumberKind> {
        let place = NumberType::IN_PLANS
            .iter()
            .position(|&other| other == number_type)?;
        self.types[place].as_ref()
    }
}

impl NumberKind {
    /// Returns whether a number is of this kind by length and pattern.
    pub(super) fn has(&self, digits: &[u8]) -> bool {
        self.lengths.has(digits.len()) && self.pattern.matches(digits)
    }

    /// Returns whether the digits match the pattern, regardless of their length.
    pub(super) fn matches(&self, digits: &[u8]) -> bool {
        self.pattern.matches(digits)
    }

    fn check_length(&self, length: usize) -> LengthCheck {
        // Before the possible lengths: without its area code a number cannot be dialled from abroad.
        if self.local_only_lengths.has(length) {
            LengthCheck::LocalOnly
        } else if self.lengths.has(length) {
            LengthCheck::Possible
        } else if length < self.lengths.least() {
            LengthCheck::TooShort
        } else if length > self.lengths.most() {
            LengthCheck::TooLong
        } else {
            LengthCheck::InvalidLength
        }
    }
}

impl Lengths {
    fn has(self, length: usize) -> bool {
        // Beyond 31 the shift would wrap around.
        length < 32 && self.0 >> length & 1 == 1
    }

    fn least(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    fn most(self) -> usize {
        self.0.checked_ilog2().unwrap_or(0) as usize
    }
}

impl FromIterator<u32> for Lengths {
    fn from_iter<I: IntoIterator<Item = u32>>(lengths: I) -> Self {
        Self(lengths.into_iter().fold(0, |set, length| set | 1 << length))
    }
}

// Loaded when the first number is parsed, which takes a few milliseconds.
static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let table: PlansTable = serde_json::from_str(include_str!("../../data/phone_metadata.json"))
        .expect("the table of numbering plans has the shape that its README gives");
    Plans::new(table)
});

struct Plans {
    by_calling_code: Vec<Vec<Region>>,
}

impl Plans {
    fn new(mut table: PlansTable) -> Self {
        let mut by_calling_code = Vec::new();
        // A calling code has up to three digits, so an array replaces hashing.
        by_calling_code.resize_with(1000, Vec::new);
        for (calling_code, ids) in table.calling_codes {
            let calling_code: usize = calling_code.parse().expect("a calling code is a number");
            by_calling_code[calling_code] = ids
                .into_iter()
                .map(|id| {
                    let region = table
                        .regions
                        .remove(&id)
                        .expect("a region has one calling code");
                    Region::new(id, region)
                })
                .collect();
        }
        Self { by_calling_code }
    }
}

#[derive(Deserialize)]
struct PlansTable {
    calling_codes: HashMap<String, Vec<String>>,
    regions: HashMap<String, RegionEntry>,
}

#[derive(Deserialize)]
struct RegionEntry {
    national_prefix_for_parsing: Option<String>,
    national_prefix_transform_rule: Option<String>,
    leading_digits: Option<String>,
    general: KindEntry,
    types: HashMap<NumberType, KindEntry>,
    #[serde(default)]
    formats: Vec<NumberFormatEntry>,
    #[serde(default)]
    international_formats: Vec<NumberFormatEntry>,
}

#[derive(Deserialize)]
struct KindEntry {
    pattern: String,
    lengths: Vec<u32>,
    #[serde(default)]
    local_only_lengths: Vec<u32>,
}

impl Region {
    fn new(id: String, mut entry: RegionEntry) -> Self {
        Self {
            id: id.into_boxed_str(),
            national_prefix: entry.national_prefix_for_parsing.map(DigitPattern::new),
            national_prefix_transform: entry
                .national_prefix_transform_rule
                .as_deref()
                .map(Template::new),
            leading_digits: entry.leading_digits.map(DigitPattern::new),
            general: entry.general.into(),
            types: NumberType::IN_PLANS
                .map(|number_type| entry.types.remove(&number_type).map(NumberKind::from)),
            formats: entry.formats.into_iter().map(NumberFormat::from).collect(),
            international_formats: entry
                .international_formats
                .into_iter()
                .map(NumberFormat::from)
                .collect(),
        }
    }
}

impl From<KindEntry> for NumberKind {
    fn from(entry: KindEntry) -> Self {
        Self {
            pattern: DigitPattern::new(entry.pattern),
            lengths: entry.lengths.into_iter().collect(),
            local_only_lengths: entry.local_only_lengths.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(id: &str) -> &'static Region {
        PLANS
            .by_calling_code
            .iter()
            .flatten()
            .find(|region| &*region.id == id)
            .unwrap()
    }

    #[test]
    fn the_main_region_comes_first() {
        assert_eq!(&*main_region(44).id, "GB");
        assert_eq!(&*main_region(1).id, "US");
        assert_eq!(regions_of(44).len(), 4);
        assert!(regions_of(999).is_empty());
    }

    #[test]
    fn a_length_is_judged_by_what_the_plan_uses() {
        let verdict = |length| region("GB").general.check_length(length);
        assert_eq!(verdict(10), LengthCheck::Possible);
        assert_eq!(verdict(8), LengthCheck::LocalOnly);
        assert_eq!(verdict(3), LengthCheck::TooShort);
        assert_eq!(verdict(250), LengthCheck::TooLong);
        assert_eq!(region("DE").general.check_length(16), LengthCheck::TooLong);
    }

    #[test]
    fn a_number_has_the_first_type_that_it_fits() {
        let british = |digits: &str| region("GB").type_of(digits.as_bytes());
        assert_eq!(british("7900900123"), NumberType::Mobile);
        assert_eq!(british("2079460871"), NumberType::FixedLine);
        assert_eq!(british("7012345678"), NumberType::PersonalNumber);
        assert_eq!(british("0"), NumberType::Unknown);
        assert_eq!(
            region("US").type_of(b"2025550147"),
            NumberType::FixedLineOrMobile
        );
    }
}
