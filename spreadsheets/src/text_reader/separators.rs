use crate::{Records, Template, header::Header};

/// Records at the front of a file among which the header is looked for.
const RECORDS_SEARCHED: usize = 20;

/// What stands between the cells of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// As in CSV.
    Comma,
    /// As in TSV.
    Tab,
    /// As Excel writes CSV where the comma is the decimal separator.
    Semicolon,
    /// As some databases write.
    Pipe,
}

impl Separator {
    const ALL: &'static [Self] = &[Self::Comma, Self::Tab, Self::Semicolon, Self::Pipe];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Semicolon => b';',
            Self::Pipe => b'|',
        }
    }

    /// Returns the sentence for the sender of a file that is no CSV.
    pub(super) fn warning(self) -> Option<String> {
        let plural = match self {
            // The usual separator of its kind of file.
            Self::Comma | Self::Tab => return None,
            Self::Semicolon => "semicolons",
            Self::Pipe => "vertical bars",
        };
        Some(format!("the file was read with {plural} between its cells"))
    }
}

/// Returns the separator that the first line names, as Excel reads it: `sep=;`.
pub(super) fn named_in_first_line(text: &str) -> Option<Separator> {
    let text = text.trim_start_matches('\u{FEFF}');
    let line = text.lines().next()?.trim_matches('"');
    let (key, value) = line.split_at_checked(4)?;
    if !key.eq_ignore_ascii_case("sep=") {
        return None;
    }
    let named = value.bytes().next()?;
    // Programs that know nothing of this line fill it up with empty cells.
    let is_filled_up = value[1..]
        .bytes()
        .all(|byte| matches!(byte, b',' | b';' | b'\t' | b'|' | b'"'));
    let mut all = Separator::ALL.iter().copied();
    all.find(|separator| is_filled_up && separator.byte() == named)
}

/// Returns the separator with which the file has the columns that the template wants: the usual one if it does.
pub(super) fn choose(text: &str, usual: Separator, template: &Template) -> Separator {
    let others = Separator::ALL
        .iter()
        .copied()
        .filter(|other| *other != usual);
    let all: Vec<Fit> = std::iter::once(usual)
        .chain(others)
        .map(|separator| Fit::new(text, separator, template))
        .collect();
    let first_that = |is_meant: &dyn Fn(&Fit) -> bool| all.iter().find(|fit| is_meant(fit));
    let usual_columns = all[0].wanted_columns;
    let best = first_that(&|fit| fit.header_has_recipients)
        // A title may stand above the header.
        .or_else(|| first_that(&|fit| fit.later_has_recipients))
        .or_else(|| first_that(&|fit| fit.wanted_columns > usual_columns));
    best.map_or(usual, |fit| fit.separator)
}

/// How well a file fits a template if its cells are separated like this.
struct Fit {
    separator: Separator,
    header_has_recipients: bool,
    later_has_recipients: bool,
    /// Columns of the first record that the template wants.
    wanted_columns: usize,
}

impl Fit {
    fn new(text: &str, separator: Separator, template: &Template) -> Self {
        let headers = first_records(text, separator);
        let has_recipients = |header: &Header| header.has_recipient_columns(template.channel());
        Self {
            separator,
            header_has_recipients: headers.first().is_some_and(has_recipients),
            later_has_recipients: headers.iter().any(has_recipients),
            wanted_columns: headers.first().map_or(0, |header| {
                header.count_columns(|key| template.wants_column(key))
            }),
        }
    }
}

/// Returns the first records as if each were the header.
fn first_records(text: &str, separator: Separator) -> Vec<Header> {
    let mut records = Records::separated_by(separator.byte());
    let mut headers = Vec::new();
    // What cannot be read is reported when the file is read in earnest.
    if records
        .push(text.as_bytes())
        .and_then(|()| records.finish())
        .is_err()
    {
        return headers;
    }
    while headers.len() < RECORDS_SEARCHED
        && let Ok(Some(record)) = records.next_record()
    {
        headers.extend(Header::read(record));
    }
    headers
}
