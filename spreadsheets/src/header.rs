//! The first record: what the columns are called (`docs/spec/recipients.md` §8.3).

use std::collections::{HashMap, HashSet};

use super::{ReadError, Record, recipient_columns};
use domain::Channel;
use templates::placeholders::NameSet;
use text::{column_key, is_zero_width, normalise_spaces};

/// The most columns that any spreadsheet program has.
const MOST_COLUMNS: usize = 16_384;

/// The headers as written, and their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    names: Vec<String>,
    keys: Vec<String>,
}

impl Header {
    /// Reads the header from the first record. The number of columns is limited, because each row does some work for
    /// each column.
    pub(super) fn read(record: &Record) -> Result<Self, ReadError> {
        if record.len() > MOST_COLUMNS {
            return Err(ReadError::whole_file(format!(
                "The file has {} columns, and the most that can be read is 16,384.",
                record.len()
            )));
        }
        Ok(record
            .fields()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .into())
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the header in which a name that looks like that of a wanted column is replaced by it, unless the file
    /// has that column too.
    #[must_use]
    pub(super) fn tidied(mut self, is_wanted: impl Fn(&str) -> bool) -> Self {
        for at in 0..self.names.len() {
            let tidied = tidied(&self.names[at]);
            let key = column_key(&tidied);
            // A second column of that name would make a list of each value.
            if key != self.keys[at] && is_wanted(&key) && !self.keys.contains(&key) {
                self.names[at] = tidied;
                self.keys[at] = key;
            }
        }
        self
    }

    /// Returns how many of the wanted columns there are.
    pub(super) fn count_columns(&self, is_wanted: impl Fn(&str) -> bool) -> usize {
        let keys = self.distinct_keys().into_iter();
        keys.filter(|key| is_wanted(key)).count()
    }

    /// Returns the header and the key of each column.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names
            .iter()
            .map(String::as_str)
            .zip(self.keys.iter().map(String::as_str))
    }

    /// Returns the headers without exact repeats.
    pub(super) fn distinct_names(&self) -> Vec<&str> {
        without_repeats(self.names.iter().map(String::as_str))
    }

    /// Returns the keys of the headers without repeats.
    pub(super) fn distinct_keys(&self) -> Vec<&str> {
        without_repeats(self.keys.iter().map(String::as_str))
    }

    /// Returns the names that the template wants and the file does not have. The lines of an address are not among
    /// them: any three will do.
    pub(super) fn missing(&self, channel: Channel, placeholders: &NameSet) -> Vec<String> {
        let keys: HashSet<&str> = self.keys.iter().map(String::as_str).collect();
        let wanted = placeholders
            .iter()
            .chain(recipient_columns::names(channel).iter().copied());
        let is_missing = |name: &&str| {
            let key = column_key(name);
            let is_address = channel == Channel::Letter
                && recipient_columns::keys(channel).contains(&key.as_str());
            !is_address && !keys.contains(key.as_str())
        };
        without_repeats(wanted.filter(is_missing))
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// Returns the headers of recipient columns that occur more than once, in any spelling.
    pub(super) fn duplicate_recipient_columns(&self, channel: Channel) -> Vec<String> {
        let mut times: HashMap<&str, usize> = recipient_columns::keys(channel)
            .iter()
            .map(|&key| (key, 0))
            .collect();
        for key in &self.keys {
            if let Some(times) = times.get_mut(key.as_str()) {
                *times += 1;
            }
        }
        let duplicates = self
            .columns()
            .filter(|(_, key)| times.get(*key).is_some_and(|&times| times > 1));
        without_repeats(duplicates.map(|(name, _)| name))
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn has_recipient_columns(&self, channel: Channel) -> bool {
        recipient_columns::are_complete(channel, |key| self.keys.iter().any(|there| there == key))
    }
}

impl From<Vec<String>> for Header {
    fn from(names: Vec<String>) -> Self {
        let keys = names.iter().map(|name| column_key(name)).collect();
        Self { names, keys }
    }
}

/// Returns a header without its invisible characters, and with one space for each run of spaces and line ends.
fn tidied(name: &str) -> String {
    // The mark of UTF-8 files, read as Windows-1252 by a program that then wrote it as text.
    let name = name.strip_prefix("ï»¿").unwrap_or(name);
    let is_shown = |character: &char| {
        let is_format = matches!(
            character,
            '\u{AD}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        );
        !is_format && !is_zero_width(*character)
    };
    let spaced: String = name
        .chars()
        .filter(is_shown)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    normalise_spaces(&spaced)
}

fn without_repeats<'name>(names: impl Iterator<Item = &'name str>) -> Vec<&'name str> {
    let mut met = HashSet::new();
    names.filter(|name| met.insert(*name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Header {
        Header::read(&names.iter().copied().collect()).expect("few columns")
    }

    #[test]
    fn a_column_is_missing_only_if_no_spelling_of_it_is_there() {
        let placeholders: NameSet = ["First Name", "ref", "Phone Number"].iter().collect();
        assert_eq!(
            header(&["first_name", "email address"]).missing(Channel::Sms, &placeholders),
            ["ref", "Phone Number", "phone number"]
        );
        assert_eq!(
            header(&[]).missing(Channel::Letter, &["Address Line 1"].iter().collect()),
            [""; 0]
        );
    }

    #[test]
    fn headers_that_look_like_wanted_columns_count_as_these() {
        let tidied = |names: &[&str]| {
            let header = header(names).tidied(|key| matches!(key, "emailaddress" | "ref"));
            header.names().to_vec()
        };
        for name in [
            "email\naddress",
            "email\u{A0}address",
            "e\u{200B}mail \r\n address",
            "\u{200E}Email\taddress",
            "ï»¿email address",
            "email\u{202F}address\u{A0}",
        ] {
            let names = tidied(&[name, "other\u{A0}name"]);
            assert_eq!(column_key(&names[0]), "emailaddress", "{name:?}");
            assert_eq!(names[1], "other\u{A0}name");
        }
        assert_eq!(tidied(&["ref\u{A0}", "Ref"]), ["ref\u{A0}", "Ref"]);
    }

    #[test]
    fn recipient_columns_are_duplicates_however_they_are_spelt() {
        let header = header(&[
            "name",
            "Phone Number",
            "name",
            "phone_number",
            "Phone Number",
        ]);
        assert_eq!(
            header.duplicate_recipient_columns(Channel::Sms),
            ["Phone Number", "phone_number"]
        );
        assert_eq!(header.duplicate_recipient_columns(Channel::Email), [""; 0]);
    }

    #[test]
    fn more_columns_than_any_program_has_are_refused() {
        let record: Record = std::iter::repeat_n("a", MOST_COLUMNS + 1).collect();
        assert!(Header::read(&record).is_err());
    }
}
