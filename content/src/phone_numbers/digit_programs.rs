//! How a digit pattern is translated and run: see [`digit_patterns`](super::digit_patterns).
//!
//! A pattern becomes a list of steps, run with backtracking. Before each fork stands what the next digit may be on
//! either side, so that in practice a number walks straight through and never comes back.

use super::digit_patterns::{Captures, Groups};

/// Which digits may come next: bit *n* for the digit *n*.
type DigitSet = u16;

const ANY_DIGIT: DigitSet = 0x3FF;
/// Any digit, or the end of the text: what may follow a part that can match nothing.
const ANYTHING: DigitSet = 0x7FF;
const END: DigitSet = 0x400;

#[derive(Debug)]
pub(super) struct Program {
    steps: Box<[Step]>,
    groups: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// One digit of a set.
    Digit(DigitSet),
    /// This many digits, whichever.
    Digits(u8),
    /// What comes directly after this step, or else what is at `otherwise`.
    Fork {
        here: DigitSet,
        there: DigitSet,
        otherwise: u16,
    },
    GoTo(u16),
    Open,
    Close(u8),
    /// `$`
    End,
    Matched,
}

/// A part of a pattern, as read.
enum Part {
    Digits {
        set: DigitSet,
        least: u8,
        most: u8,
    },
    Group {
        number: Option<u8>,
        alternatives: Vec<Vec<Part>>,
        optional: bool,
    },
    End,
}

impl Program {
    /// Translates a pattern of the numbering plans.
    ///
    /// # Panics
    /// If the pattern uses anything that the plans do not: they ship with the program, and a test translates them all.
    pub(super) fn translate(source: &str) -> Self {
        let mut reader = Reader {
            rest: source.as_bytes(),
            groups: 0,
            in_numbered_group: false,
        };
        let alternatives = reader.alternatives();
        assert!(reader.rest.is_empty(), "a pattern ends where its text ends");
        let mut steps = Vec::new();
        write_alternatives(&mut steps, &alternatives);
        steps.push(Step::Matched);
        Self {
            steps: steps.into_boxed_slice(),
            groups: usize::from(reader.groups),
        }
    }

    pub(super) fn fits(&self, digits: &[u8]) -> bool {
        self.match_whole(digits).is_some()
    }

    pub(super) fn match_whole(&self, digits: &[u8]) -> Option<Captures> {
        self.run(digits, true)
    }

    pub(super) fn match_start(&self, digits: &[u8]) -> Option<Captures> {
        self.run(digits, false)
    }

    fn run(&self, digits: &[u8], whole: bool) -> Option<Captures> {
        let mut run = Run {
            steps: &self.steps,
            digits,
            whole,
            groups: Groups::none(self.groups),
        };
        let end = run.from(0, 0, 0)?;
        Some(Captures {
            end,
            groups: run.groups,
        })
    }
}

/// One attempt to match.
struct Run<'a> {
    steps: &'a [Step],
    digits: &'a [u8],
    whole: bool,
    groups: Groups,
}

impl Run<'_> {
    /// Runs from a step at a position; `opened` is where the group that is open began. Gives where the match ends.
    fn from(&mut self, mut step: usize, mut at: usize, mut opened: u8) -> Option<usize> {
        loop {
            match self.steps[step] {
                Step::Digit(set) => {
                    if set & self.next(at) == 0 {
                        return None;
                    }
                    at += 1;
                }
                Step::Digits(count) => {
                    at += usize::from(count);
                    if at > self.digits.len() {
                        return None;
                    }
                }
                Step::Fork {
                    here,
                    there,
                    otherwise,
                } => {
                    let next = self.next(at);
                    match (here & next != 0, there & next != 0) {
                        (true, true) => {
                            let end = self.from(step + 1, at, opened);
                            if end.is_some() {
                                return end;
                            }
                            step = usize::from(otherwise);
                            continue;
                        }
                        (true, false) => {}
                        (false, true) => {
                            step = usize::from(otherwise);
                            continue;
                        }
                        (false, false) => return None,
                    }
                }
                Step::GoTo(there) => {
                    step = usize::from(there);
                    continue;
                }
                Step::Open => opened = u8::try_from(at).ok()?,
                Step::Close(group) => {
                    let span = (opened, u8::try_from(at).ok()?);
                    let before = self.groups.note(usize::from(group), Some(span));
                    let end = self.from(step + 1, at, opened);
                    if end.is_none() {
                        self.groups.note(usize::from(group), before);
                    }
                    return end;
                }
                Step::End => {
                    if at != self.digits.len() {
                        return None;
                    }
                }
                Step::Matched => return (!self.whole || at == self.digits.len()).then_some(at),
            }
            step += 1;
        }
    }

    fn next(&self, at: usize) -> DigitSet {
        self.digits.get(at).map_or(END, |digit| 1 << (digit - b'0'))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    groups: u8,
    in_numbered_group: bool,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Vec<Vec<Part>> {
        let mut alternatives = vec![self.sequence()];
        while self.takes(b'|') {
            alternatives.push(self.sequence());
        }
        alternatives
    }

    fn sequence(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Some(&byte) = self
            .rest
            .first()
            .filter(|byte| !matches!(byte, b'|' | b')'))
        {
            self.rest = &self.rest[1..];
            parts.push(match byte {
                b'0'..=b'9' => self.repeated(1 << (byte - b'0')),
                b'\\' => {
                    assert!(
                        self.takes(b'd'),
                        "the only escape in a numbering plan is \\d"
                    );
                    self.repeated(ANY_DIGIT)
                }
                b'[' => {
                    let set = self.class();
                    self.repeated(set)
                }
                b'(' => self.group(),
                b'$' => Part::End,
                other => unreachable!("no numbering plan has {:?} in a pattern", char::from(other)),
            });
        }
        parts
    }

    fn group(&mut self) -> Part {
        let number = (!self.takes(b'?')).then(|| {
            self.groups += 1;
            self.groups
        });
        assert!(
            number.is_some() || self.takes(b':'),
            "a group without a number begins (?:"
        );
        assert!(
            number.is_none() || !self.in_numbered_group,
            "numbered groups are not nested"
        );
        self.in_numbered_group |= number.is_some();
        let alternatives = self.alternatives();
        assert!(self.takes(b')'), "every group is closed");
        self.in_numbered_group &= number.is_none();
        Part::Group {
            number,
            alternatives,
            optional: self.takes(b'?'),
        }
    }

    fn class(&mut self) -> DigitSet {
        let mut set = 0;
        while !self.takes(b']') {
            if self.takes(b'\\') {
                assert!(
                    self.takes(b'd'),
                    "the only escape in a numbering plan is \\d"
                );
                set |= ANY_DIGIT;
                continue;
            }
            let first = self.digit();
            let last = if self.takes(b'-') {
                self.digit()
            } else {
                first
            };
            for digit in first..=last {
                set |= 1 << digit;
            }
        }
        set
    }

    fn repeated(&mut self, set: DigitSet) -> Part {
        let (least, most) = if self.takes(b'?') {
            (0, 1)
        } else if self.takes(b'{') {
            let least = self.number();
            let most = if self.takes(b',') {
                self.number()
            } else {
                least
            };
            assert!(self.takes(b'}'), "a repeat is closed");
            (least, most)
        } else {
            (1, 1)
        };
        Part::Digits { set, least, most }
    }

    fn number(&mut self) -> u8 {
        let mut number = self.digit();
        while self.rest.first().is_some_and(u8::is_ascii_digit) {
            number = number * 10 + self.digit();
        }
        number
    }

    fn digit(&mut self) -> u8 {
        let (&digit, rest) = self
            .rest
            .split_first()
            .expect("a pattern does not end in a class or a repeat");
        assert!(
            digit.is_ascii_digit(),
            "classes and repeats are made of digits"
        );
        self.rest = rest;
        digit - b'0'
    }

    fn takes(&mut self, byte: u8) -> bool {
        let Some(rest) = self.rest.strip_prefix(&[byte]) else {
            return false;
        };
        self.rest = rest;
        true
    }
}

fn write_alternatives(steps: &mut Vec<Step>, alternatives: &[Vec<Part>]) {
    let mut ways_out = Vec::new();
    let last = alternatives.len() - 1;
    for (index, alternative) in alternatives.iter().enumerate() {
        if index == last {
            write_sequence(steps, alternative);
            break;
        }
        let there = alternatives[index + 1..]
            .iter()
            .fold(0, |set, other| set | first_of(other));
        let fork = steps.len();
        steps.push(Step::Fork {
            here: first_of(alternative),
            there,
            otherwise: 0,
        });
        write_sequence(steps, alternative);
        ways_out.push(steps.len());
        steps.push(Step::GoTo(0));
        point(steps, fork);
    }
    for way_out in ways_out {
        point(steps, way_out);
    }
}

fn write_sequence(steps: &mut Vec<Step>, parts: &[Part]) {
    for part in parts {
        match part {
            Part::Digits { set, least, most } => write_digits(steps, *set, *least, *most),
            Part::Group {
                number,
                alternatives,
                optional,
            } => {
                let fork = optional.then(|| {
                    steps.push(Step::Fork {
                        here: first_of_any(alternatives),
                        there: ANYTHING,
                        otherwise: 0,
                    });
                    steps.len() - 1
                });
                if number.is_some() {
                    steps.push(Step::Open);
                }
                write_alternatives(steps, alternatives);
                if let Some(number) = number {
                    steps.push(Step::Close(*number));
                }
                if let Some(fork) = fork {
                    point(steps, fork);
                }
            }
            Part::End => steps.push(Step::End),
        }
    }
}

fn write_digits(steps: &mut Vec<Step>, set: DigitSet, least: u8, most: u8) {
    if set == ANY_DIGIT && least > 1 {
        steps.push(Step::Digits(least));
    } else {
        steps.extend((0..least).map(|_| Step::Digit(set)));
    }
    let mut forks = Vec::new();
    for _ in least..most {
        forks.push(steps.len());
        steps.push(Step::Fork {
            here: set,
            there: ANYTHING,
            otherwise: 0,
        });
        steps.push(Step::Digit(set));
    }
    for fork in forks {
        point(steps, fork);
    }
}

/// Sends a fork or a way out to the step that is written next.
fn point(steps: &mut [Step], from: usize) {
    let next = u16::try_from(steps.len()).expect("a pattern has at most some thousand steps");
    match &mut steps[from] {
        Step::Fork { otherwise, .. } | Step::GoTo(otherwise) => *otherwise = next,
        _ => unreachable!("only forks and ways out lead elsewhere"),
    }
}

fn first_of_any(alternatives: &[Vec<Part>]) -> DigitSet {
    alternatives
        .iter()
        .fold(0, |set, alternative| set | first_of(alternative))
}

/// What the first character of a match may be; anything at all, if the sequence can match nothing.
fn first_of(parts: &[Part]) -> DigitSet {
    let mut first = 0;
    for part in parts {
        match part {
            Part::Digits { set, least, .. } => {
                first |= set;
                if *least > 0 {
                    return first;
                }
            }
            Part::Group {
                alternatives,
                optional,
                ..
            } => {
                let inside = first_of_any(alternatives);
                first |= inside;
                if !optional && inside & END == 0 {
                    return first;
                }
            }
            Part::End => return first | END,
        }
    }
    ANYTHING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(pattern: &str, digits: &str) -> Option<Vec<String>> {
        let program = Program::translate(pattern);
        let captures = program.match_whole(digits.as_bytes())?;
        let text = |group| {
            String::from_utf8_lossy(captures.groups.text(group, digits.as_bytes())).into_owned()
        };
        Some((1..=program.groups).map(text).collect())
    }

    #[test]
    fn a_pattern_fits_all_the_digits_or_none() {
        let program = Program::translate(r"[1-357]\d{2,3}|8[04](?:9|0)?");
        for fitting in ["123", "1234", "800", "84", "849"] {
            assert!(program.fits(fitting.as_bytes()), "{fitting}");
        }
        for other in ["", "12", "12345", "423", "842"] {
            assert!(!program.fits(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn the_first_alternative_wins_unless_the_whole_must_match() {
        let program = Program::translate(r"0|00(1)?");
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
        let program = Program::translate(r"([25-9]\d{5})$|0");
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
}
