use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{
    program::{Program, Step},
    syntax::{ANY_DIGIT, DigitSet},
};

fn groups(pattern: &str, digits: &str) -> Option<Vec<String>> {
    let program = Program::new(pattern);
    let captures = program.match_whole(digits.as_bytes())?;
    let text = |group| {
        String::from_utf8_lossy(captures.groups.text(group, digits.as_bytes())).into_owned()
    };
    Some((1..=program.groups).map(text).collect())
}

#[test]
fn a_pattern_fits_all_the_digits_or_none() {
    let program = Program::new(r"[1-357]\d{2,3}|8[04](?:9|0)?");
    for fitting in ["123", "1234", "800", "84", "849"] {
        assert!(program.fits(fitting.as_bytes()), "{fitting}");
    }
    for other in ["", "12", "12345", "423", "842"] {
        assert!(!program.fits(other.as_bytes()), "{other}");
    }
}

#[test]
fn the_first_alternative_wins_unless_the_whole_must_match() {
    let program = Program::new(r"0|00(1)?");
    assert_eq!(
        program.match_start(b"001").map(|captures| captures.end),
        Some(1)
    );
    assert_eq!(
        program.match_whole(b"001").map(|captures| captures.end),
        Some(3)
    );
}

#[test]
fn groups_say_what_they_took() {
    assert_eq!(
        groups(r"(\d{5})(\d{4,5})", "169734567"),
        Some(vec!["16973".into(), "4567".into()])
    );
    assert_eq!(groups(r"0?(?:(11|2)15)?9", "9"), Some(vec![String::new()]));
    assert_eq!(groups(r"0?(?:(11|2)15)?9", "0119"), None);
}

#[test]
fn a_dollar_asks_for_the_end() {
    let program = Program::new(r"([25-9]\d{5})$|0");
    assert!(
        program
            .match_start(b"212345")
            .is_some_and(|captures| captures.groups.last_took_part())
    );
    assert!(program.match_start(b"2123456").is_none());
    assert!(
        program
            .match_start(b"01")
            .is_some_and(|captures| !captures.groups.last_took_part())
    );
}

/// Digits that a program matches, but that one in four has one digit changed.
fn sample(program: &Program, dice: &mut Dice) -> Vec<u8> {
    let mut digits = Vec::new();
    let mut step = 0;
    loop {
        match program.steps[step] {
            Step::Digit(set) => digits.push(dice.digit_of(set)),
            Step::Digits(count) => digits.extend((0..count).map(|_| dice.digit_of(ANY_DIGIT))),
            Step::Fork { otherwise, .. } | Step::GoTo(otherwise) => {
                if matches!(program.steps[step], Step::GoTo(_)) || dice.throw(2) == 0 {
                    step = usize::from(otherwise);
                    continue;
                }
            }
            Step::Open | Step::Close(_) | Step::End => {}
            Step::Matched => break,
        }
        step += 1;
    }
    if dice.throw(4) == 0 && !digits.is_empty() {
        let place = dice.throw(digits.len());
        digits[place] = dice.digit_of(ANY_DIGIT);
    }
    digits.extend((0..dice.throw(8).saturating_sub(5)).map(|_| b'0'));
    digits
}

struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn digit_of(&mut self, set: DigitSet) -> u8 {
        loop {
            let digit = self.throw(10);
            if set >> digit & 1 == 1 {
                return b'0' + u8::try_from(digit).unwrap();
            }
        }
    }
}

/// Every pattern of the numbering plans, once.
fn patterns() -> BTreeSet<String> {
    fn collect(value: &Value, patterns: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            match value.as_str() {
                Some(text)
                    if ["pattern", "leading_digits", "national_prefix_for_parsing"]
                        .contains(&name.as_str()) =>
                {
                    patterns.insert(text.to_owned());
                }
                _ => collect(value, patterns),
            }
        }
        value
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|value| collect(value, patterns));
    }
    let plans = serde_json::from_str(include_str!("../../../data/phone_metadata.json")).unwrap();
    let mut patterns = BTreeSet::new();
    collect(&plans, &mut patterns);
    patterns
}

#[test]
fn every_pattern_matches_what_a_general_matcher_says() {
    let mut dice = Dice(1);
    let patterns = patterns();
    assert!(patterns.len() > 1_900);
    for pattern in patterns {
        let program = Program::new(&pattern);
        let pattern = pattern.replace(r"\d", "[0-9]");
        let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let start = Regex::new(&format!("^(?:{pattern})")).unwrap();
        for _ in 0..20 {
            let digits = sample(&program, &mut dice);
            let text = std::str::from_utf8(&digits).unwrap();
            for (ours, theirs) in [
                (program.match_whole(&digits), whole.captures(text)),
                (program.match_start(&digits), start.captures(text)),
            ] {
                let ours = ours.map(|ours| {
                    let groups =
                        (1..=program.groups).map(|group| ours.groups.text(group, &digits).to_vec());
                    (ours.end, groups.collect::<Vec<_>>())
                });
                let theirs = theirs.map(|theirs| {
                    let group = |group| {
                        theirs
                            .get(group)
                            .map_or("", |found| found.as_str())
                            .as_bytes()
                            .to_vec()
                    };
                    (
                        theirs[0].len(),
                        (1..=program.groups).map(group).collect::<Vec<_>>(),
                    )
                });
                assert_eq!(ours, theirs, "{pattern} {text}");
            }
        }
    }
}
