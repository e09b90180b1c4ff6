//! What is tried on whatever bytes a fuzzer makes up.
//!
//! The promises are those of `recipients/tests/recipients/properties` and its siblings, where proptest tries the same
//! functions on what looks like real input. Here is what only fuzzing needs: how bytes become a text with values, whether
//! time grows with length, and the doors at which strangers' bytes arrive.

pub mod growth;
pub mod input;
mod letters;
#[cfg(feature = "requests")]
mod requests;

#[path = "../../recipients/tests/recipients/properties/email_addresses.rs"]
mod email_addresses;
#[path = "../../templates/tests/templates/properties/html.rs"]
mod html;
#[path = "../../templates/tests/templates/properties/markdown.rs"]
mod markdown;
#[path = "../../recipients/tests/recipients/properties/phone_numbers.rs"]
mod phone_numbers;
#[path = "../../templates/tests/templates/properties/placeholders.rs"]
mod placeholders;
#[path = "../../recipients/tests/recipients/properties/postal_addresses.rs"]
mod postal_addresses;
#[path = "../../spreadsheets/tests/spreadsheets/properties/spreadsheets.rs"]
mod spreadsheets;
#[path = "../../templates/tests/templates/properties/text_messages.rs"]
mod text_messages;
#[path = "../../spreadsheets/tests/spreadsheets/properties/workbooks.rs"]
mod workbooks;

use input::Filled;
#[cfg(feature = "requests")]
pub use requests::{authorization, receipt, request_body};
use pillarbox_spreadsheets::{Settings, Template};

/// Any text as a phone number.
pub fn phone(text: &str) {
    phone_numbers::promises_hold(text);
}

/// Any text as an e-mail address.
pub fn email(text: &str) {
    email_addresses::promises_hold(text);
}

/// Any text as a postal address, a postcode and a country.
pub fn address(text: &str) {
    postal_addresses::promises_hold(text);
}

/// Any text through escaping, links, typography and the small formatters.
pub fn text(text: &str) {
    html::promises_hold(text);
}

/// Any bytes as a CSV of recipients, whole and in pieces. The first byte chooses the template and the settings, the
/// second the length of the pieces.
pub fn spreadsheet(bytes: &[u8]) {
    let [choice, chunk, csv @ ..] = bytes else {
        return;
    };
    let template = match choice % 3 {
        0 => Template::text_message("((name)) ((a??b)) ((c))", Some("S")),
        1 => Template::email("((name))", "((a??b)) ((c))"),
        _ => Template::letter("((name))", "((a??b))\n\nqr: ((c))"),
    };
    let mut settings = Settings::new(template);
    if choice & 0x80 != 0 {
        settings.max_rows = 2;
    }
    settings.phone_permissions.international = choice & 0x40 != 0;
    settings.allow_international_letters = choice & 0x40 != 0;
    spreadsheets::promises_hold(csv, &settings, usize::from(*chunk));
}

/// Reads any bytes as an uploaded file. The first byte chooses its name.
pub fn workbook(bytes: &[u8]) {
    let [choice, file @ ..] = bytes else {
        return;
    };
    const NAMES: [&str; 6] = [
        "people.csv",
        "people.tsv",
        "people.xlsx",
        "people",
        "people.xls",
        "people.ods",
    ];
    workbooks::promises_hold(file, NAMES[usize::from(*choice) % NAMES.len()]);
}

/// Any letter, typeset: the pages are a PDF that passes our own check, the same each time, and what is reported as
/// unprintable is what the check before sending finds.
pub fn letter(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        letters::promises_hold(filled.subject, filled.content, &filled.values);
    }
}

/// Any bytes as a PDF, by the function that the child process calls. Panics of the library that reads it are caught there.
pub fn pdf(bytes: &[u8]) {
    use pillarbox_typesetting::{PdfLimits, check_pdf};
    let checked = check_pdf(bytes, PdfLimits::default());
    assert_eq!(checked, check_pdf(bytes, PdfLimits::default()));
    if let Ok(summary) = checked {
        assert!((1..=pillarbox_typesetting::MAX_LETTER_PAGES).contains(&summary.pages));
    }
}

/// Lets a panic be caught, which libFuzzer's hook forbids. One that is not caught still ends the target.
pub fn allow_caught_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Any text with any values.
pub fn filled_text(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        placeholders::promises_hold(filled.content, &filled.values);
    }
}

/// Any text message with any prefix and values.
pub fn text_message(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        let prefix = Some(filled.subject).filter(|prefix| !prefix.is_empty());
        text_messages::promises_hold(filled.content, &filled.values, prefix);
    }
}

/// Any e-mail as plain text.
pub fn markdown_plain(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        markdown::plain_text_is_text(filled.subject, filled.content, &filled.values);
    }
}

/// Any e-mail as HTML.
pub fn markdown_html(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        markdown::people_write_no_tags_in_emails(filled.subject, filled.content, &filled.values);
    }
}

/// Any letter.
pub fn markdown_letter(bytes: &[u8]) {
    if let Some(filled) = Filled::from_bytes(bytes) {
        markdown::people_write_no_tags_in_letters(filled.subject, filled.content, &filled.values);
    }
}
