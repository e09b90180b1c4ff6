//! Made-up recipients and values, the same in every run. Most names are English.

use std::{io, io::Write as _, path::Path};

use serde_json::{Map, Value, json};

use crate::options::Channel;

const NAMES: [&str; 16] = [
    "Ada Lovelace",
    "George Eliot",
    "Mary Seacole",
    "Alan Turing",
    "Zoë Wanamaker",
    "Rosalind Franklin",
    "Tim Peake",
    "Γιώργος Σεφέρης",
    "Olaudah Equiano",
    "Siân Phillips",
    "محمد صلاح",
    "Dorothy Hodgkin",
    "Michael Faraday",
    "李小龍",
    "Grace O’Malley",
    "Isambard Kingdom Brunel",
];
const DAYS: [&str; 5] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
const BRANCHES: [&str; 4] = ["Riverside", "Old Town", "Hill Street", "Castle Green"];

/// The template of a typical SMS.
pub(crate) const TEXT_MESSAGE: &str =
    "Dear ((name)), your appointment is on ((day)). Reply CHANGE if you cannot come.";
/// The subject of the e-mail.
pub(crate) const SUBJECT: &str = "Your appointment at ((branch)) on ((date))";
/// The content of the e-mail.
pub(crate) const EMAIL: &str = "\
Dear ((name)),

# Your appointment

Please come to **our ((branch)) branch** on ((date)).

Bring with you:

* your letter
* proof of who you are - a passport, for example
* your National Insurance number

^ If you can't come, tell us the day before.

[Change your appointment](https://www.example.org/change?at=((branch)))

---

Questions? Write to help@example.org or see https://www.example.org/help.
";

/// A recipient with made-up data that follows from its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    fn pick<'all>(self, all: &[&'all str]) -> &'all str {
        all[self.0 as usize % all.len()]
    }

    pub(crate) fn recipient(self, channel: Channel) -> String {
        match channel {
            Channel::Sms => format!("07712{:06}", self.0 % 1_000_000),
            Channel::Email => format!("resident.{}@example.org", self.0),
        }
    }

    /// Returns the recipient in normalised form.
    pub(crate) fn normalised(self, channel: Channel) -> String {
        match channel {
            Channel::Sms => format!("447712{:06}", self.0 % 1_000_000),
            Channel::Email => self.recipient(channel),
        }
    }

    /// Returns the personalisation of the demo service's template of this channel.
    pub(crate) fn personalisation(self, channel: Channel) -> Map<String, Value> {
        let name = self.pick(&NAMES);
        let known = match channel {
            Channel::Sms => json!({"name": name, "day": self.pick(&DAYS)}),
            Channel::Email => {
                json!({"name": name, "branch": self.pick(&BRANCHES), "date": self.pick(&DAYS)})
            }
        };
        match known {
            Value::Object(members) => members,
            _ => unreachable!("json! was given an object"),
        }
    }
}

/// Writes a spreadsheet of `count` rows: recipient, name and two more columns.
pub(crate) fn write_spreadsheet(path: &Path, channel: Channel, rows: u32) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "{}",
        match channel {
            Channel::Sms => "phone number,name,day,street",
            Channel::Email => "email address,name,branch,date",
        }
    )?;
    for person in (0..rows).map(Person) {
        let (recipient, name) = (person.recipient(channel), person.pick(&NAMES));
        let (branch, day) = (person.pick(&BRANCHES), person.pick(&DAYS));
        match channel {
            Channel::Sms => writeln!(
                file,
                "{recipient},{name},{day},\"{}, {branch} Road\"",
                person.0
            )?,
            Channel::Email => writeln!(file, "{recipient},{name},{branch},{day}")?,
        }
    }
    file.flush()
}

/// Writes a spreadsheet of five columns that fills [`TEXT_MESSAGE`] or [`EMAIL`].
pub(crate) fn write_wide_spreadsheet(path: &Path, channel: Channel, rows: u32) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "{}",
        match channel {
            Channel::Sms => "phone number,name,day,street,reference",
            Channel::Email => "email address,name,branch,date,reference",
        }
    )?;
    for person in (0..rows).map(Person) {
        let (recipient, name) = (person.recipient(channel), person.pick(&NAMES));
        let (branch, day, number) = (person.pick(&BRANCHES), person.pick(&DAYS), person.0);
        match channel {
            Channel::Sms => writeln!(
                file,
                "{recipient},{name},{day},\"{number}, {branch} Road\",R-{number}"
            )?,
            Channel::Email => writeln!(file, "{recipient},{name},{branch},{day},R-{number}")?,
        }
    }
    file.flush()
}
