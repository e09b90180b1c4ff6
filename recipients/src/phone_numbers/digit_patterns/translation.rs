//! From a pattern, as read, to the steps that run it.

use super::{
    program::Step,
    syntax::{ANY_DIGIT, ANYTHING, DigitSet, END, Part, Pattern},
};

pub(super) fn translated(pattern: &Pattern) -> Vec<Step> {
    let mut steps = Vec::new();
    write_alternatives(&mut steps, &pattern.alternatives);
    steps.push(Step::Matched);
    steps
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
