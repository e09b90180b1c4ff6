//! Lays out a letter: first page, parts by language, subject and body.

use std::collections::BTreeSet;

use jiff::civil::Date;
use templates::{
    letters::{AddressLines, Language, Letter, LetterTemplate, long_date},
    placeholders::Values,
};

use crate::{
    bidi::Direction,
    blocks::TextSpan,
    glyph_cleanup::clean_line,
    html_parser,
    layout::{Column, Layout, Node, Role},
    line_breaking::{Line, break_lines},
    logo::Logo,
    page_metrics::{self, Style},
    pdf_writer::write_pdf,
    problem::{LetterProblem, MAX_BODY_BYTES},
};

/// A letter as pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypesetLetter {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Number of pages. May exceed [`MAX_LETTER_PAGES`](crate::MAX_LETTER_PAGES).
    pub pages: usize,
    /// Characters that were printed as □ because no font has them, by code point.
    pub unprintable: Vec<char>,
}

/// Makes the pages of a letter filled with `values`. `day` is the local date to print. Blocks for a few milliseconds.
pub fn typeset(
    template: &LetterTemplate,
    values: &Values,
    day: Date,
) -> Result<TypesetLetter, LetterProblem> {
    typeset_with(template, values, day, None)
}

/// Does the same as [`typeset`], with a logo at the head of the first page.
pub fn typeset_with(
    template: &LetterTemplate,
    values: &Values,
    day: Date,
    logo: Option<&Logo>,
) -> Result<TypesetLetter, LetterProblem> {
    let english = template.fill(values);
    let mut layout = Layout::default();
    if template.has_welsh() {
        let welsh = template.fill_in(Language::Welsh, values);
        first_page_and_body(&mut layout, &welsh, (Language::Welsh, day), logo)?;
        layout.new_page()?;
        let part = Node::new(Role::Part(language_tag(Language::English)));
        subject_and_body(&mut layout, part, &english)?;
    } else {
        first_page_and_body(&mut layout, &english, (Language::English, day), logo)?;
    }
    // In English even if the Welsh part comes first: it names the file in the lists of those who handle it.
    let title = document_title(&subject_spans(&english));
    let pages = layout.pages;
    let unprintable = layout.unprintable.iter().copied().collect();
    let language = if template.has_welsh() {
        Language::Welsh
    } else {
        Language::English
    };
    let pdf = write_pdf(layout, title, language_tag(language))?;
    Ok(TypesetLetter {
        pdf,
        pages,
        unprintable,
    })
}

const fn language_tag(language: Language) -> &'static str {
    match language {
        Language::English => "en-GB",
        Language::Welsh => "cy-GB",
    }
}

fn first_page_and_body(
    layout: &mut Layout,
    letter: &Letter<'_>,
    (language, day): (Language, Date),
    logo: Option<&Logo>,
) -> Result<(), LetterProblem> {
    layout.new_page()?;
    let mut part = Node::new(Role::Part(language_tag(language)));
    if let Some(logo) = logo {
        part.push(layout.add_logo(logo));
    }
    let contact_bottom = add_contact_block(layout, &mut part, letter)?;
    add_address(layout, &mut part, letter)?;
    layout.move_down_to(page_metrics::DATE_TOP.max(contact_bottom + page_metrics::BODY.leading));
    let date = clean_line(&long_date(day, language), false);
    part.push(layout.add_text(Role::Paragraph, &date, &page_metrics::DATE, Column::FULL)?);
    subject_and_body(layout, part, letter)
}

fn subject_and_body(
    layout: &mut Layout,
    mut part: Node,
    letter: &Letter<'_>,
) -> Result<(), LetterProblem> {
    let html = letter.html_body();
    if html.len() > MAX_BODY_BYTES {
        return Err(LetterProblem::TooLong);
    }
    let subject = subject_spans(letter);
    if !subject.is_empty() {
        part.push(layout.add_heading(Role::Subject, &subject, &page_metrics::SUBJECT)?);
    }
    layout.add_blocks(&mut part, &html_parser::parse_blocks(&html), Column::FULL)?;
    layout.parts.push(part);
    Ok(())
}

fn subject_spans(letter: &Letter<'_>) -> Vec<TextSpan> {
    html_parser::parse_lines(&letter.subject()).concat()
}

/// Returns the title for the PDF's metadata, which PDF/UA requires.
fn document_title(text: &[TextSpan]) -> String {
    let text: String = text.iter().map(|span| span.text.as_str()).collect();
    if text.is_empty() {
        "Letter".to_owned()
    } else {
        text
    }
}

/// Adds the contact block and returns its bottom.
fn add_contact_block(
    layout: &mut Layout,
    part: &mut Node,
    letter: &Letter<'_>,
) -> Result<f32, LetterProblem> {
    let style = &page_metrics::CONTACT;
    let width = (page_metrics::RIGHT - page_metrics::CONTACT_LEFT) / style.size;
    let mut lines = Vec::new();
    for line in html_parser::parse_lines(&letter.contact_block()) {
        let broken = break_lines(&line, width, style.bold, Direction::LeftToRight);
        layout.unprintable.extend(broken.unprintable);
        if broken.lines.is_empty() {
            // An empty line separates groups of a contact block, so it must take a row.
            lines.push(Line::default());
        }
        lines.extend(broken.lines);
    }
    let (node, bottom) =
        layout.add_fixed(lines, style, page_metrics::CONTACT_LEFT, page_metrics::TOP);
    if bottom > page_metrics::CONTACT_BOTTOM {
        return Err(LetterProblem::ContactBlockTooLong);
    }
    part.push(node);
    Ok(bottom)
}

/// Adds the address at the largest font size at which it fits the window.
fn add_address(
    layout: &mut Layout,
    part: &mut Node,
    letter: &Letter<'_>,
) -> Result<(), LetterProblem> {
    let lines: Vec<Vec<TextSpan>> = match letter.address_lines() {
        AddressLines::Address(lines) => lines.iter().map(|line| clean_line(line, false)).collect(),
        AddressLines::Placeholders(lines) => lines
            .iter()
            .map(|line| html_parser::parse_lines(line).concat())
            .collect(),
    };
    add_address_lines(layout, part, &lines)
}

/// Returns a PDF of one page that has an address and nothing else.
pub(crate) fn typeset_address(lines: &[String]) -> Result<Vec<u8>, LetterProblem> {
    let mut layout = Layout::default();
    layout.new_page()?;
    let language = Language::English;
    let mut part = Node::new(Role::Part(language_tag(language)));
    let lines: Vec<Vec<TextSpan>> = lines.iter().map(|line| clean_line(line, false)).collect();
    add_address_lines(&mut layout, &mut part, &lines)?;
    layout.parts.push(part);
    write_pdf(layout, "Letter".to_owned(), language_tag(language))
}

fn add_address_lines(
    layout: &mut Layout,
    part: &mut Node,
    lines: &[Vec<TextSpan>],
) -> Result<(), LetterProblem> {
    for size in page_metrics::ADDRESS_SIZES {
        let style = Style {
            size,
            leading: size * page_metrics::ADDRESS_LEADING,
            ..page_metrics::CONTACT
        };
        let (printed, unprintable) = break_address(lines, &style);
        let (node, bottom) = layout.add_fixed(
            printed,
            &style,
            page_metrics::LEFT,
            page_metrics::ADDRESS_TOP,
        );
        if bottom <= page_metrics::ADDRESS_TOP + page_metrics::ADDRESS_HEIGHT {
            layout.unprintable.extend(unprintable);
            part.push(node);
            return Ok(());
        }
        // Tried again at the next size.
        layout.remove_last_fixed(&node);
    }
    Err(LetterProblem::AddressDoesNotFit)
}

fn break_address(lines: &[Vec<TextSpan>], style: &Style) -> (Vec<Line>, BTreeSet<char>) {
    let mut printed = Vec::new();
    let mut unprintable = BTreeSet::new();
    for line in lines {
        let width = page_metrics::ADDRESS_WIDTH / style.size;
        // Aligned left in any script: sorting machines read the address there.
        let broken = break_lines(line, width, false, Direction::LeftToRight);
        unprintable.extend(broken.unprintable);
        printed.extend(broken.lines);
    }
    (printed, unprintable)
}
