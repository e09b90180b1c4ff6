//! How patterns are written in the numbering plans.

/// Which digits may come next: bit *n* for the digit *n*.
pub(super) type DigitSet = u16;

pub(super) const ANY_DIGIT: DigitSet = 0x3FF;
/// The end of the text, in the place of an eleventh digit.
pub(super) const END: DigitSet = 0x400;
/// Any digit or the end: what may follow a part that can match nothing.
pub(super) const ANYTHING: DigitSet = ANY_DIGIT | END;

/// A pattern, as read.
pub(super) struct Pattern {
    pub(super) alternatives: Vec<Vec<Part>>,
    /// How many numbered groups there are.
    pub(super) groups: usize,
}

/// A part of a pattern, as read.
pub(super) enum Part {
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

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Panics
    /// If it uses anything that the plans do not.
    pub(super) fn read(source: &str) -> Self {
        let mut reader = Reader {
            rest: source.as_bytes(),
            groups: 0,
            in_numbered_group: false,
        };
        let alternatives = reader.alternatives();
        assert!(reader.rest.is_empty(), "a pattern ends where its text ends");
        Self {
            alternatives,
            groups: usize::from(reader.groups),
        }
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
