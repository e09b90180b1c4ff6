//! The template that the rows of a spreadsheet fill (`docs/spec/recipients.md` §8.3 and §8.6).

use std::borrow::Cow;

use serde_json::Value;

use super::{
    recipient_columns,
    row::{CellValue, EXTRA_CELLS_KEY, Row},
};
use domain::Channel;
use templates::{
    MAX_FILLED_BYTES,
    markdown::{self, find_too_large_qr_code},
    placeholders::{Field, NameSet, Text, Values, effective_for_html},
    text_messages::{self, TextMessageTemplate},
};
use text::{column_key, is_any_space, sms};

/// A template, as far as the check of a spreadsheet needs to know it.
#[derive(Clone, Debug)]
pub struct Template {
    placeholders: NameSet,
    content: Content,
    print_check: Option<PrintCheck>,
}

/// Finds the characters of a letter that cannot be printed. The caller supplies the function, because this crate
/// knows no fonts.
#[derive(Clone, Debug)]
struct PrintCheck {
    find_unprintable: fn(&str) -> Vec<char>,
    /// The unprintable characters of the template itself.
    in_template: Vec<char>,
    /// Placeholders of lines that become QR codes, whose data is not printed as text.
    in_qr_codes: NameSet,
}

#[derive(Clone, Debug)]
enum Content {
    TextMessage(TextMessage),
    Email(Text),
    Letter(Text),
}

/// What is wrong with the message of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MessageProblems {
    pub(super) is_too_long: bool,
    /// Whether it is too large to be rendered at all.
    pub(super) is_too_large: bool,
    pub(super) is_empty: bool,
    /// The size in bytes of the first QR code with too much data.
    pub(super) qr_code_bytes: Option<usize>,
}

impl Template {
    /// Creates the template of a text message. The prefix is the service's name, if it is shown.
    pub fn text_message(content: &str, prefix: Option<&str>) -> Self {
        let message = TextMessage::new(content, prefix);
        Self {
            placeholders: message.template.placeholders().clone(),
            content: Content::TextMessage(message),
            print_check: None,
        }
    }

    /// Creates the template of an e-mail.
    pub fn email(subject: &str, content: &str) -> Self {
        let content = Text::parse(content);
        let placeholders = Text::parse(subject)
            .placeholders()
            .union(content.placeholders());
        Self {
            placeholders,
            content: Content::Email(content),
            print_check: None,
        }
    }

    /// Creates the template of a letter.
    pub fn letter(subject: &str, content: &str) -> Self {
        let content = Text::parse(content);
        let placeholders = Text::parse(subject)
            .placeholders()
            .union(content.placeholders());
        Self {
            placeholders,
            content: Content::Letter(content),
            print_check: None,
        }
    }

    /// Makes rows of a letter fail that have characters which cannot be printed, and all rows if the template has
    /// some. `around` is what the letter shows beside its content, at least: subject, contact block, the other language.
    /// `is_qr_code` recognises lines of the content that become QR codes.
    #[must_use]
    pub fn with_print_check(
        self,
        around: &str,
        find_unprintable: fn(&str) -> Vec<char>,
        is_qr_code: fn(&str) -> bool,
    ) -> Self {
        let Content::Letter(content) = &self.content else {
            return self;
        };
        let (qr_codes, lines): (Vec<&str>, Vec<&str>) = content
            .source()
            .split('\n')
            .partition(|line| is_qr_code(line));
        let printed = format!("{around}\n{}", lines.join("\n"));
        let in_template = find_unprintable(&printed);
        let in_qr_codes = Text::parse(&qr_codes.join("\n"));
        // A value may be in a QR code and in a sentence as well.
        let in_address: NameSet = recipient_columns::names(Channel::Letter).iter().collect();
        let in_text = Text::parse(&printed).placeholders().union(&in_address);
        let in_qr_codes = in_qr_codes.placeholders().difference(&in_text);
        Self {
            print_check: Some(PrintCheck {
                find_unprintable,
                in_template,
                in_qr_codes,
            }),
            ..self
        }
    }

    /// Allows a text message any characters; those outside the GSM alphabet make its fragments smaller.
    #[must_use]
    pub fn with_unicode_texts(mut self, is_allowed: bool) -> Self {
        if let Content::TextMessage(message) = &mut self.content {
            message.is_unicode = is_allowed;
        }
        self
    }

    /// Returns the characters of a row that cannot be printed, given the values that its letter shows.
    pub(super) fn unprintable_in<'row>(
        &self,
        shown: impl Iterator<Item = (&'row str, &'row CellValue<'row>)>,
    ) -> Vec<char> {
        let Some(check) = &self.print_check else {
            return Vec::new();
        };
        let mut found = check.in_template.clone();
        for (key, value) in shown {
            if check.in_qr_codes.contains_key(key) {
                continue;
            }
            for text in texts_of(value) {
                found.extend((check.find_unprintable)(text));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the template with more placeholders before its own: those of a letter's contact block and of its Welsh
    /// half.
    #[must_use]
    pub fn with_placeholders(self, more: &NameSet) -> Self {
        Self {
            placeholders: more.union(&self.placeholders),
            ..self
        }
    }

    /// Returns the template without these placeholders, whose values do not come from columns.
    #[must_use]
    pub fn without_placeholders(self, others: &NameSet) -> Self {
        Self {
            placeholders: self.placeholders.difference(others),
            ..self
        }
    }

    /// Returns the channel of the messages.
    pub fn channel(&self) -> Channel {
        match self.content {
            Content::TextMessage(_) => Channel::Sms,
            Content::Email(_) => Channel::Email,
            Content::Letter(_) => Channel::Letter,
        }
    }

    /// Returns the names that need values, in order of first appearance; those of the subject come before those of
    /// the content.
    pub fn placeholders(&self) -> &NameSet {
        &self.placeholders
    }

    /// Returns whether a column with this key is the recipient's or fills a placeholder.
    pub(super) fn wants_column(&self, key: &str) -> bool {
        recipient_columns::keys(self.channel()).contains(&key)
            || self.placeholders.contains_key(key)
    }

    /// Returns whether its messages can show the cells past the header.
    pub(super) fn uses_extra_cells(&self) -> bool {
        self.placeholders
            .iter()
            .any(|name| column_key(name) == EXTRA_CELLS_KEY)
    }

    /// Returns whether its messages are texts that replace characters outside their alphabet.
    pub(super) fn loses_characters(&self) -> bool {
        matches!(&self.content, Content::TextMessage(message) if !message.is_unicode)
    }

    /// Returns what is wrong with the message of this row.
    pub(super) fn problems_with(&self, row: &Row<'_>) -> MessageProblems {
        if self.is_too_large(row) {
            return MessageProblems {
                is_too_large: true,
                ..Default::default()
            };
        }
        match &self.content {
            Content::TextMessage(message) => message.problems_with(row),
            Content::Email(content) => MessageProblems {
                // The second is ours: the published check accepts an e-mail whose Markdown comes to nothing.
                is_empty: is_empty(content, row) || vanishes(content, row),
                ..Default::default()
            },
            Content::Letter(content) => MessageProblems {
                is_empty: is_empty(content, row),
                qr_code_bytes: self.qr_code_too_long(content, row),
                ..Default::default()
            },
        }
    }

    /// Returns whether the filled template would be larger than any message: a long cell in a template that shows it a
    /// hundred times is a hundred times as long.
    fn is_too_large(&self, row: &Row<'_>) -> bool {
        let source = match &self.content {
            Content::TextMessage(message) => message.source_bytes,
            Content::Email(content) | Content::Letter(content) => content.source().len(),
        };
        let in_row: usize = row.values().map(|(_, value)| most_bytes(value)).sum();
        // Nearly every row is far below the limit whatever the template does with it: a placeholder has five bytes or more.
        let most = in_row.saturating_mul(source / 5 + 1).saturating_add(source);
        if most <= MAX_FILLED_BYTES {
            return false;
        }
        let values = row.filling();
        let size = match &self.content {
            Content::TextMessage(message) => message.template.filled_size(&values),
            Content::Email(content) | Content::Letter(content) => content.filled_size(&values),
        };
        size > MAX_FILLED_BYTES
    }

    /// Returns the size of the first QR code in a letter that has too much data (`docs/spec/recipients.md` §8.8). A
    /// row without any values shows its placeholders as they were typed.
    fn qr_code_too_long(&self, content: &Text, row: &Row<'_>) -> Option<usize> {
        let values = row.filling();
        let filled = if values.is_empty() {
            Cow::Borrowed(content.source())
        } else {
            let values = effective_for_html(&self.placeholders, &values);
            Cow::Owned(content.fill(&values, Field::HTML.with_markdown_lists()))
        };
        // What is no text in the outcome and could stand between the two letters begins with a bracket.
        let may_have_qr_code = filled.contains('[')
            || filled
                .as_bytes()
                .windows(2)
                .any(|pair| pair.eq_ignore_ascii_case(b"qr"));
        if may_have_qr_code {
            find_too_large_qr_code(&filled).map(|code| code.size_bytes())
        } else {
            None
        }
    }
}

/// Returns whether an e-mail or letter is empty. Only one that consists of placeholders is filled to find out.
fn is_empty(content: &Text, row: &Row<'_>) -> bool {
    let source = content.source();
    if !(source.starts_with("((") && source.ends_with("))")) {
        return source.is_empty();
    }
    let filled = content.fill(&row.filling(), Field::UNESCAPED_HTML.with_markdown_lists());
    filled.trim_matches(is_any_space).is_empty()
}

/// Returns whether an e-mail has only constructs that Markdown drops, such as a table.
fn vanishes(content: &Text, row: &Row<'_>) -> bool {
    // Filling and rendering are slow, and few templates or values have any of the signs of such constructs.
    let is_suspect = |text: &str| text.contains('|') || text.contains("![") || text.contains("]:");
    let has_suspect_value = || {
        row.values()
            .any(|(_, value)| texts_of(value).any(is_suspect))
    };
    (is_suspect(content.source()) || has_suspect_value())
        && markdown::vanishes(&content.fill(&row.filling(), Field::HTML.with_markdown_lists()))
}

fn texts_of<'row>(value: &'row CellValue<'_>) -> impl Iterator<Item = &'row str> {
    let (text, list) = match value {
        CellValue::Empty => (None, None),
        CellValue::Text(text) => (Some(&**text), None),
        CellValue::List(cells) => (None, Some(cells)),
    };
    let cells = list.into_iter().flatten().flatten();
    text.into_iter().chain(cells.map(|cell| &**cell))
}

/// A text message, and what is known about its length before it is filled: filling it is by far the slowest part of
/// checking a row, and most messages are plainly neither empty nor too long.
#[derive(Clone, Debug)]
struct TextMessage {
    template: TextMessageTemplate,
    prefix: Option<String>,
    source_bytes: usize,
    /// At least as many as there are placeholders.
    openings: usize,
    /// Whether something is left whatever the values are.
    says_something: bool,
    /// Whether the service may send any characters.
    is_unicode: bool,
}

impl TextMessage {
    fn new(content: &str, prefix: Option<&str>) -> Self {
        let text = Text::parse(content);
        // What is left with empty values is left with any.
        let blanks: Values = text
            .placeholders()
            .iter()
            .map(|name| (name, Value::from("")))
            .collect();
        let is_blank = !text
            .fill_plain(&blanks)
            .bytes()
            .any(|byte| byte.is_ascii_alphanumeric());
        Self {
            template: TextMessageTemplate::parse(content),
            prefix: prefix.map(str::to_owned),
            source_bytes: content.len(),
            openings: content.matches("((").count(),
            says_something: !is_blank && is_shown_whole(prefix),
            is_unicode: false,
        }
    }

    fn problems_with(&self, row: &Row<'_>) -> MessageProblems {
        if self.says_something && self.surely_fits(row) {
            return MessageProblems::default();
        }
        let (values, prefix) = (row.filling(), self.prefix.as_deref());
        let message = if self.is_unicode {
            self.template.fill_unicode(&values, prefix)
        } else {
            self.template.fill(&values, prefix)
        };
        MessageProblems {
            is_too_long: message.is_too_long(),
            is_empty: message.is_empty(),
            ..Default::default()
        }
    }

    /// Returns whether the message fits without filling it. No character counts for more than its bytes, or than
    /// those of its replacement. So a message is no longer than the bytes of its template and, for each placeholder,
    /// those of the longest value.
    fn surely_fits(&self, row: &Row<'_>) -> bool {
        if self.openings == 0 {
            return self.source_bytes <= text_messages::LIMIT;
        }
        let longest = row
            .values()
            .map(|(_, value)| most_bytes(value))
            .max()
            .unwrap_or(0);
        let extra = row
            .extra_cells()
            .map_or(0, |cells| cells.map(|cell| cell.len() + AND.len()).sum());
        let most = self
            .openings
            .saturating_mul(longest.max(extra))
            .saturating_add(self.source_bytes);
        most <= text_messages::LIMIT
    }
}

/// Returns whether the prefix makes a message longer by what is shown of it. A prefix with too many spaces counts
/// with all of them, and subtracting it may leave less than a short message has.
fn is_shown_whole(prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| {
        let nothing_else = TextMessageTemplate::parse("").fill(&Values::new(), Some(prefix));
        nothing_else.text().strip_suffix(':') == Some(&*sms(prefix)) || prefix.is_empty()
    })
}

/// The longest text between the items of a list.
const AND: &str = " and ";

fn most_bytes(value: &CellValue<'_>) -> usize {
    match value {
        CellValue::Empty => 0,
        CellValue::Text(text) => text.len(),
        CellValue::List(cells) => cells
            .iter()
            .flatten()
            .map(|cell| cell.len() + AND.len())
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RowProblems, Settings, Sheet};

    #[test]
    fn the_spaces_round_a_prefix_count_against_a_short_message() {
        let empty = |prefix| {
            let settings = Settings::new(Template::text_message("Hi", Some(prefix)));
            let sheet = Sheet::read(b"phone number\n07900900123", &settings);
            sheet
                .expect("a sheet")
                .rows_with(RowProblems::message_empty)
                .len()
        };
        assert_eq!(empty(" S "), 1);
        assert_eq!(empty("S  T"), 0);
        assert_eq!(empty("S   T"), 1);
        for tidy in ["", "S", "S T", "S\u{a0}\u{200b}…€"] {
            assert_eq!(empty(tidy), 0, "{tidy:?}");
        }
    }

    #[test]
    fn a_letter_with_unprintable_characters_is_a_row_error() {
        let find_unprintable = |text: &str| text.chars().filter(|c| !c.is_ascii()).collect();
        let content = "Dear ((name))\n\nqr: ((link)) ((name)) ((postcode))";
        let template =
            Template::letter("s", content)
                .with_print_check("s", find_unprintable, |line| line.starts_with("qr:"));
        let file = "name,link,address line 1,address line 2,postcode,notes\n\
                    Ada,東,1 Mill Lane,x,SW1A 1AA,東\n\
                    東,x,1 Mill Lane,x,SW1A 1AA,\n\
                    Ada,x,1 Mill Lane,ם,SW1A 1AA,\n";
        let settings = Settings::new(template);
        let sheet = Sheet::read(file.as_bytes(), &settings).expect("a sheet");
        let rows = sheet.rows_with(|problems| !problems.unprintable.is_empty());
        assert_eq!(rows, [1, 2]);
    }

    #[test]
    fn an_email_of_only_a_table_is_empty() {
        let settings = Settings::new(Template::email("s", "((text))"));
        let file =
            "email address,text\na@example.org,\"a | b\n--- | ---\n1 | 2\"\na@example.org,a | b\n";
        let sheet = Sheet::read(file.as_bytes(), &settings).expect("a sheet");
        assert_eq!(sheet.rows_with(RowProblems::message_empty), [0]);
    }
}
