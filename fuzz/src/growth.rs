//! Twice the text takes twice the time: no text, however it is made, keeps the platform busy.

use std::{hint::black_box, time::Duration};

use jiff::civil::date;
use pillarbox_recipients::{
    email_addresses::EmailAddress, phone_numbers::PhoneNumber, postal_addresses::PostalAddress,
};
use pillarbox_spreadsheets::{Settings, Sheet, Template, to_csv};
use pillarbox_templates::{
    emails::EmailTemplate,
    letters::{Language, LetterTemplate},
    links, markdown,
    placeholders::Values,
    sanitise,
    text_messages::{Preview, TextMessageTemplate},
    typography,
};
use pillarbox_typesetting::typeset;
use rustix::time::{ClockId, clock_gettime};
use text::html_escape;

/// How long the shorter of the two texts is, in bytes, and how many times longer the other one.
const SHORT: usize = 3_000;
const TIMES: usize = 8;
/// Time in proportion is `TIMES`; to sort takes a little more, a noisy machine too; work for each pair takes `TIMES`².
const MOST_GROWTH: u32 = 24;
/// Below this, no growth is told from noise.
const QUICK: Duration = Duration::from_millis(12);
/// However it grows: the longer text is about the longest that people write.
const TOO_LONG: Duration = Duration::from_secs(2);
/// The least of so many tries is what the work itself takes.
const TRIES: u32 = 4;

type Work = fn(&str);

/// What is given longer and longer texts. The first byte of an input chooses one.
const WORKS: &[(&str, Work)] = &[
    ("phone number", |text| {
        let _ = black_box(PhoneNumber::parse(text));
    }),
    ("e-mail address", |text| {
        let _ = black_box(EmailAddress::parse(text));
    }),
    ("postal address", |text| {
        let address = PostalAddress::from_text(text, true);
        black_box((address.error(), address.as_personalisation()));
    }),
    ("spreadsheet of texts", |text| {
        read_sheet(text, Template::text_message("((a)) ((b??c))", Some("S")));
    }),
    ("spreadsheet of letters", |text| {
        read_sheet(text, Template::letter("((a))", "((b??c))\n\nqr: ((a))"));
    }),
    ("spreadsheet in another encoding", |text| {
        let _ = black_box(to_csv(text.as_bytes(), "people.tsv"));
    }),
    ("text message", |text| {
        let template = TextMessageTemplate::parse(text);
        black_box(template.fill(&short_values(), Some("S")).fragment_count());
        black_box(template.preview(&short_values(), Preview::default()));
    }),
    ("e-mail in plain text", |text| {
        black_box(EmailTemplate::parse(text, text).plain_body(&short_values()));
    }),
    ("e-mail in HTML", |text| {
        let email = EmailTemplate::parse(text, text);
        black_box((
            email.html_body(&short_values()),
            email.preheader(&short_values()),
        ));
    }),
    ("letter", |text| {
        let letter = LetterTemplate::parse(text, text).with_contact_block(text);
        let values = short_values();
        let letter = letter.fill_in(Language::English, &values);
        black_box((
            letter.html_body(),
            letter.qr_code_error(),
            letter.contact_block(),
        ));
    }),
    ("a long value in a message of each kind", |text| {
        let values = filled_with(text);
        black_box(TextMessageTemplate::parse("((a))").fill(&values, None));
        let email = EmailTemplate::parse("((a))", "((a))((b??x))");
        black_box((email.html_body(&values), email.plain_body(&values)));
        black_box(LetterTemplate::parse("((a))", "((a))").html_body(&values));
    }),
    ("unescaped Markdown", |text| {
        black_box(markdown::to_email_html(text));
        black_box(markdown::to_plain_text(text));
        black_box(markdown::to_letter_html(text));
    }),
    ("typography", |text| {
        black_box(typography::apply_typography(text));
    }),
    ("formatters", |text| {
        black_box((html_escape::escape(text), html_escape::decode_lenient(text)));
        black_box((links::autolink(text, ""), sanitise::normalise_lines(text)));
        black_box((
            sanitise::safe_id(text),
            sanitise::sanitise_public_text(text),
        ));
    }),
    ("pages of a letter", |text| {
        let letter = LetterTemplate::parse(text, text);
        let _ = black_box(typeset(&letter, &short_values(), date(2026, 3, 2)));
    }),
];

/// Repeats a text many times and many times more, and compares. In the text, U+0000 may part what comes once before
/// from what is repeated, and that from what comes once behind.
pub fn time_grows_with_length(bytes: &[u8]) {
    let [choice, text @ ..] = bytes else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let (name, work) = WORKS[usize::from(*choice) % WORKS.len()];
    let Some(pieces) = Pieces::of(text) else {
        return;
    };
    let long = pieces.repeated(SHORT * TIMES);
    if took(work, &long) < QUICK {
        return;
    }
    let took_long = least(work, &long);
    let took_short = least(work, &pieces.repeated(SHORT));
    assert!(
        took_long < QUICK || (took_long < took_short * MOST_GROWTH && took_long < TOO_LONG),
        "{name}: {took_short:?} for {SHORT} bytes, {took_long:?} for {TIMES} times as many, of {pieces:?}"
    );
}

fn read_sheet(text: &str, template: Template) {
    let _ = black_box(Sheet::read(text.as_bytes(), &Settings::new(template)));
}

/// What fills the placeholders of a text that is long itself.
fn short_values() -> Values {
    filled_with("it's <b> a@b.c - ")
}

fn filled_with(text: &str) -> Values {
    [("a", text.into()), ("b", "yes".into())]
        .into_iter()
        .collect()
}

#[derive(Debug)]
struct Pieces<'text> {
    before: &'text str,
    repeated: &'text str,
    behind: &'text str,
}

impl<'text> Pieces<'text> {
    fn of(text: &'text str) -> Option<Self> {
        let mut parts = text.splitn(3, '\0');
        let first = parts.next()?;
        let pieces = match (parts.next(), parts.next()) {
            (None, _) => Self {
                before: "",
                repeated: first,
                behind: "",
            },
            (Some(repeated), behind) => Self {
                before: first,
                repeated,
                behind: behind.unwrap_or_default(),
            },
        };
        (!pieces.repeated.is_empty()).then_some(pieces)
    }

    fn repeated(&self, length: usize) -> String {
        let times = length / self.repeated.len() + 1;
        [self.before, &self.repeated.repeat(times), self.behind].concat()
    }
}

fn least(work: Work, text: &str) -> Duration {
    let tries = (0..TRIES).map(|_| took(work, text));
    tries.min().expect("there is a try")
}

/// Processor time, so that others on the machine do not count.
fn took(work: Work, text: &str) -> Duration {
    let started = processor_time();
    work(text);
    processor_time().saturating_sub(started)
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
