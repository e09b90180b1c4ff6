use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::occurrences::Occurrences;
use crate::Record;
use domain::Channel;

/// Recipients that occur more than once. They are sent to each time: the service may mean it.
#[derive(Debug)]
pub(super) struct Duplicates {
    channel: Channel,
    positions: Vec<usize>,
    /// The first row of each recipient. Hashes, so that a file's recipients are not kept in memory.
    first_rows: HashMap<u64, usize>,
    repeats: Occurrences,
    /// The first row that is repeated.
    repeated: Option<usize>,
}

impl Duplicates {
    pub(super) fn new(channel: Channel, mut positions: Vec<usize>) -> Self {
        // Which of several columns counts is an error of its own.
        if channel != Channel::Letter {
            positions.truncate(1);
        }
        Self {
            channel,
            positions,
            first_rows: HashMap::new(),
            repeats: Occurrences::default(),
            repeated: None,
        }
    }

    pub(super) fn add(&mut self, row: usize, record: &Record) {
        let Some(recipient) = self.hash_of(record) else {
            return;
        };
        let first = *self.first_rows.entry(recipient).or_insert(row);
        if first != row {
            self.repeats.add(row);
            self.repeated.get_or_insert(first);
        }
    }

    /// Returns the hash of the recipient however it is written; nothing if there is none.
    fn hash_of(&self, record: &Record) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        let mut is_there = false;
        for &position in &self.positions {
            let cell = record.get(position).unwrap_or_default();
            is_there |= if self.channel == Channel::Sms {
                hash_number(cell, &mut hasher)
            } else {
                hash_text(cell, &mut hasher)
            };
        }
        is_there.then(|| hasher.finish())
    }

    pub(super) fn sentence(&self, number_of: &impl Fn(usize) -> usize) -> Option<String> {
        let rows = self.repeats.rows(number_of)?;
        let recipient = match self.channel {
            Channel::Sms => "phone number",
            Channel::Email => "email address",
            Channel::Letter => "address",
        };
        let first = number_of(self.repeated?);
        Some(match self.repeats.count() {
            1 => format!("{rows} repeats the {recipient} of row {first}: each row is sent"),
            count => format!(
                "{count} rows repeat the {recipient} of an earlier row, such as that of row {first}: each row is sent ({rows})"
            ),
        })
    }
}

/// Adds the letters and digits of a text, in lower case. Returns whether there are any.
fn hash_text(text: &str, hasher: &mut DefaultHasher) -> bool {
    let mut is_there = false;
    let shown = text
        .chars()
        .filter(|character| !text::is_known_space(*character));
    for character in shown.flat_map(char::to_lowercase) {
        character.hash(hasher);
        is_there = true;
    }
    // Else `a` and `bc` were as `ab` and `c`.
    0_u8.hash(hasher);
    is_there
}

/// Adds the digits of a phone number without the prefixes of the United Kingdom.
fn hash_number(text: &str, hasher: &mut DefaultHasher) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    // `+44`, `0044` and `0` begin the same number.
    let number = digits.strip_prefix("00").unwrap_or(&digits);
    let number = number.strip_prefix("44").unwrap_or(number);
    let number = number.trim_start_matches('0');
    number.hash(hasher);
    !number.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(channel: Channel, width: usize, rows: &[&[&str]]) -> Option<String> {
        let mut duplicates = Duplicates::new(channel, (0..width).collect());
        for (row, fields) in rows.iter().enumerate() {
            duplicates.add(row, &fields.iter().copied().collect());
        }
        duplicates.sentence(&|row| row + 2)
    }

    #[test]
    fn recipients_are_the_same_however_they_are_written() {
        let numbers: &[&[&str]] = &[
            &["07900 900123"],
            &["07900900124"],
            &["+44 (0)7900-900123"],
            &[""],
            &[""],
            &["00447900900123"],
        ];
        assert_eq!(
            sentence(Channel::Sms, 1, numbers).unwrap(),
            "2 rows repeat the phone number of an earlier row, such as that of row 2: each row is sent (rows 4 and 7)"
        );
        let emails: &[&[&str]] = &[&["Ana@Example.com "], &["ana@example.com"]];
        assert_eq!(
            sentence(Channel::Email, 1, emails).unwrap(),
            "row 3 repeats the email address of row 2: each row is sent"
        );
    }

    #[test]
    fn an_address_is_repeated_if_all_its_lines_are() {
        let rows: &[&[&str]] = &[&["1 High St", "SW1A 1AA"], &["2 High St", "SW1A 1AA"]];
        assert_eq!(sentence(Channel::Letter, 2, rows), None);
        let rows: &[&[&str]] = &[&["1 High St", "SW1A 1AA"], &["1 high st", "sw1a1aa"]];
        assert!(sentence(Channel::Letter, 2, rows).is_some());
    }
}
