//! A pattern as a list of steps, run with backtracking.
//!
//! Each fork says what the next digit may be on either side, so that in practice a number walks straight through:
//! no pattern of the plans takes more than a hundred steps with any number.

use super::{
    Captures, Groups,
    syntax::{DigitSet, END, Pattern},
    translation::translated,
};

#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Box<[Step]>,
    pub(super) groups: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
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

impl Program {
    /// Translates a pattern of the numbering plans.
    ///
    /// # Panics
    /// If the pattern uses anything that the plans do not: they ship with the program, and a test translates them all.
    pub(super) fn new(source: &str) -> Self {
        let pattern = Pattern::read(source);
        Self {
            steps: translated(&pattern).into_boxed_slice(),
            groups: pattern.groups,
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
                    let (here, there) = (here & next != 0, there & next != 0);
                    if here && there {
                        let end = self.from(step + 1, at, opened);
                        if end.is_some() {
                            return end;
                        }
                    }
                    if there {
                        step = usize::from(otherwise);
                        continue;
                    }
                    if !here {
                        return None;
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
