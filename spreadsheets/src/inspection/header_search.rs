use crate::{Record, Template, header::Header, recipient_columns};
use domain::Channel;
use recipients::{email_addresses::EmailAddress, phone_numbers::PhoneNumber, postcodes};

/// Rows among which the header is looked for.
const ROWS_SEARCHED: usize = 20;
/// Columns that a sentence names, and characters of each.
const COLUMNS_NAMED: usize = 20;
const CHARACTERS_SHOWN: usize = 60;

/// Looks for what is the matter with a header that has not all the columns that the template wants.
#[derive(Debug)]
pub(super) struct HeaderSearch {
    channel: Channel,
    /// The columns that the file has; none if nothing is missing.
    names: Option<Vec<String>>,
    has_recipient_columns: bool,
    /// The first row that names the columns of the recipient.
    header_row: Option<usize>,
}

impl HeaderSearch {
    pub(super) fn new(header: &Header, template: &Template) -> Self {
        let channel = template.channel();
        let has_recipient_columns = header.has_recipient_columns(channel);
        let is_complete =
            has_recipient_columns && header.missing(channel, template.placeholders()).is_empty();
        // Programs fill up short rows with empty cells.
        let last = header.names().iter().rposition(|name| !name.is_empty());
        let names = last
            .filter(|_| !is_complete)
            .map(|last| header.names()[..=last].to_vec());
        Self {
            channel,
            names,
            has_recipient_columns,
            header_row: None,
        }
    }

    pub(super) fn add(&mut self, row: usize, record: &Record) {
        let is_over = self.names.is_none() || self.has_recipient_columns || row >= ROWS_SEARCHED;
        if is_over || self.header_row.is_some() {
            return;
        }
        let keys = recipient_columns::keys(self.channel);
        let is_header = Header::read(record).is_ok_and(|header| {
            let header = header.tidied(|key| keys.contains(&key));
            header.has_recipient_columns(self.channel)
        });
        if is_header {
            self.header_row = Some(row);
        }
    }

    pub(super) fn sentences(&self, number_of: &impl Fn(usize) -> usize) -> Vec<String> {
        let Some(names) = &self.names else {
            return Vec::new();
        };
        let mut sentences = vec![columns_sentence(names)];
        if let Some(row) = self.header_row {
            sentences.push(format!(
                "the names of the columns seem to be in row {}: delete the rows above it",
                number_of(row)
            ));
        } else if names.iter().any(|name| self.is_recipient(name.trim())) {
            sentences.push(
                "the first row holds a recipient: put a row with the names of the columns above it"
                    .to_owned(),
            );
        } else if let [name] = names.as_slice()
            && let Some(separator) = name
                .chars()
                .find(|character| matches!(character, ';' | '|' | '\t' | ':'))
        {
            let separator = if separator == '\t' {
                "tab".into()
            } else {
                format!("“{separator}”")
            };
            sentences.push(format!(
                "its cells may be separated by {separator}, and not by a comma"
            ));
        }
        sentences
    }

    fn is_recipient(&self, cell: &str) -> bool {
        match self.channel {
            Channel::Sms => PhoneNumber::parse(cell).is_ok(),
            Channel::Email => EmailAddress::parse(cell).is_ok(),
            Channel::Letter => postcodes::is_real(cell),
        }
    }
}

fn columns_sentence(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(COLUMNS_NAMED)
        .map(|name| format!("“{}”", visible(name)))
        .collect();
    let more = match names.len().saturating_sub(COLUMNS_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = match names.len() {
        1 => "1 column".to_owned(),
        count => format!("{count} columns"),
    };
    format!("the first row names {count}: {}{more}", shown.join(", "))
}

/// Returns the beginning of a header, with signs in place of invisible characters.
fn visible(name: &str) -> String {
    let shown = name
        .chars()
        .take(CHARACTERS_SHOWN)
        .map(|character| match character {
            '\n' | '\r' => '↵',
            '\t' => '⇥',
            '\u{A0}' | '\u{202F}' => '⍽',
            other if other.is_control() || text::is_zero_width(other) => '·',
            other => other,
        });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(template: &Template, rows: &[&[&str]]) -> Vec<String> {
        let mut records = rows
            .iter()
            .map(|row| row.iter().copied().collect::<Record>());
        let header = Header::read(&records.next().unwrap()).unwrap();
        let mut search = HeaderSearch::new(&header, template);
        for (row, record) in records.enumerate() {
            search.add(row, &record);
        }
        search.sentences(&|row| row + 2)
    }

    fn greeting() -> Template {
        Template::email("Hello ((name))", "Hello")
    }

    #[test]
    fn nothing_is_said_about_a_complete_header() {
        assert!(sentences(&greeting(), &[&["email address", "name", "x"]]).is_empty());
    }

    #[test]
    fn the_columns_that_were_found_are_named() {
        assert_eq!(
            sentences(&greeting(), &[&["email address;name"]]),
            [
                "the first row names 1 column: “email address;name”",
                "its cells may be separated by “;”, and not by a comma"
            ]
        );
        assert_eq!(
            sentences(&greeting(), &[&["email\u{A0}address", "na\nme"]]),
            ["the first row names 2 columns: “email⍽address”, “na↵me”"]
        );
    }

    #[test]
    fn a_header_below_a_title_is_found() {
        let rows: &[&[&str]] = &[
            &["Bin days – November"],
            &[],
            &["email address", "name"],
            &["a@b.example", "Ana"],
        ];
        assert_eq!(
            sentences(&greeting(), rows),
            [
                "the first row names 1 column: “Bin days – November”",
                "the names of the columns seem to be in row 3: delete the rows above it"
            ]
        );
    }

    #[test]
    fn a_file_without_a_header_is_known_by_its_recipient() {
        let told = sentences(&greeting(), &[&["ana@example.com", "Ana"]]);
        assert!(
            told[1].starts_with("the first row holds a recipient"),
            "{told:?}"
        );
    }
}
