//! A filled letter becomes pages.

use jiff::civil::Date;
use templates::{
    letters::{AddressLines, Language, Letter, LetterTemplate, long_date},
    placeholders::Values,
};

use crate::{
    blocks::Piece,
    draw::draw,
    layout::{Layout, Meaning, Node},
    lines::{Line, broken},
    paper::{self, Style},
    reader,
    tidy::tidy_line,
};

/// The largest body, as HTML, of which pages are made. It has room for more pages than a letter may have.
pub const LARGEST_BODY: usize = 1 << 20;

/// Pages, made of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typeset {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// How many pages it has; see [`MOST_PAGES`](crate::MOST_PAGES).
    pub pages: usize,
    /// How many characters could not be printed; □ stands for each.
    pub unprintable: usize,
}

/// Why no pages can be made of a letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterProblem {
    /// It does not end within what is made at most.
    #[error(
        "the letter is too long to be printed: it has more than {} pages",
        paper::MOST_PAGES_MADE
    )]
    TooLong,
    /// Even in the smallest print it does not fit the window of the envelope.
    #[error("the address does not fit the window of the envelope: shorten its lines")]
    AddressDoesNotFit,
    /// It leaves no room for the letter.
    #[error("the contact block is too long: at most some thirty lines can be printed")]
    ContactBlockTooLong,
    /// The library that writes PDFs refused, which it never should.
    #[error("the pages could not be written as a PDF: {0}")]
    Unwritable(String),
}

/// Makes the pages of a letter with these values, created on this (local) day. Blocks, for some milliseconds.
pub fn typeset(
    template: &LetterTemplate,
    values: &Values,
    day: Date,
) -> Result<Typeset, LetterProblem> {
    let english = template.fill(values);
    let mut layout = Layout::default();
    if template.has_welsh() {
        let welsh = template.fill_in(Language::Welsh, values);
        first_page_on(&mut layout, &welsh, Language::Welsh, day)?;
        layout.new_page()?;
        let part = Node::new(Meaning::Part(code(Language::English)));
        rest(&mut layout, part, &english)?;
    } else {
        first_page_on(&mut layout, &english, Language::English, day)?;
    }
    let title = plain(&reader_subject(&english));
    let pages = layout.pages;
    let unprintable = layout.unprintable;
    let language = if template.has_welsh() {
        Language::Welsh
    } else {
        Language::English
    };
    let pdf = draw(layout, title, code(language))?;
    Ok(Typeset {
        pdf,
        pages,
        unprintable,
    })
}

const fn code(language: Language) -> &'static str {
    match language {
        Language::English => "en-GB",
        Language::Welsh => "cy-GB",
    }
}

/// Contact block, address, date, and all that follows.
fn first_page_on(
    layout: &mut Layout,
    letter: &Letter<'_>,
    language: Language,
    day: Date,
) -> Result<(), LetterProblem> {
    layout.new_page()?;
    let mut part = Node::new(Meaning::Part(code(language)));
    let contact_bottom = contact_block(layout, &mut part, letter)?;
    address(layout, &mut part, letter)?;
    layout.go_down_to(paper::DATE_TOP.max(contact_bottom + paper::BODY.leading));
    let date = tidy_line(&long_date(day, language), false);
    part.push(layout.text(Meaning::Paragraph, &date, &paper::DATE, paper::LEFT)?);
    rest(layout, part, letter)
}

/// Subject and body.
fn rest(layout: &mut Layout, mut part: Node, letter: &Letter<'_>) -> Result<(), LetterProblem> {
    let html = letter.html_body();
    if html.len() > LARGEST_BODY {
        return Err(LetterProblem::TooLong);
    }
    let subject = reader_subject(letter);
    if !subject.is_empty() {
        part.push(layout.heading(Meaning::Subject, &subject, &paper::SUBJECT)?);
    }
    layout.blocks(&mut part, &reader::blocks(&html), paper::LEFT)?;
    layout.parts.push(part);
    Ok(())
}

fn reader_subject(letter: &Letter<'_>) -> Vec<Piece> {
    reader::lines(&letter.subject()).concat()
}

fn plain(text: &[Piece]) -> String {
    let text: String = text.iter().map(|piece| piece.text.as_str()).collect();
    if text.is_empty() {
        "Letter".to_owned()
    } else {
        text
    }
}

/// How far down it reaches.
fn contact_block(
    layout: &mut Layout,
    part: &mut Node,
    letter: &Letter<'_>,
) -> Result<f32, LetterProblem> {
    let style = &paper::CONTACT;
    let width = (paper::RIGHT - paper::CONTACT_LEFT) / style.size;
    let mut lines = Vec::new();
    for line in reader::lines(&letter.contact_block()) {
        let broken = broken(&line, width, style.bold);
        layout.unprintable += broken.unprintable;
        if broken.lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(broken.lines);
    }
    let (node, bottom) = layout.fixed(lines, style, paper::CONTACT_LEFT, paper::TOP);
    if bottom > paper::CONTACT_BOTTOM {
        return Err(LetterProblem::ContactBlockTooLong);
    }
    part.push(node);
    Ok(bottom)
}

fn address(layout: &mut Layout, part: &mut Node, letter: &Letter<'_>) -> Result<(), LetterProblem> {
    let lines: Vec<Vec<Piece>> = match letter.address_lines() {
        AddressLines::Address(lines) => lines.iter().map(|line| tidy_line(line, false)).collect(),
        AddressLines::Placeholders(lines) => lines
            .iter()
            .map(|line| reader::lines(line).concat())
            .collect(),
    };
    for size in paper::ADDRESS_SIZES {
        let style = Style {
            size,
            leading: size * paper::ADDRESS_LEADING,
            ..paper::CONTACT
        };
        let (printed, unprintable) = address_in(&lines, &style);
        let (node, bottom) = layout.fixed(printed, &style, paper::LEFT, paper::ADDRESS_TOP);
        if bottom <= paper::ADDRESS_TOP + paper::ADDRESS_HEIGHT {
            layout.unprintable += unprintable;
            part.push(node);
            return Ok(());
        }
        layout.take_back(&node);
    }
    Err(LetterProblem::AddressDoesNotFit)
}

fn address_in(lines: &[Vec<Piece>], style: &Style) -> (Vec<Line>, usize) {
    let mut printed = Vec::new();
    let mut unprintable = 0;
    for line in lines {
        let broken = broken(line, paper::ADDRESS_WIDTH / style.size, false);
        unprintable += broken.unprintable;
        printed.extend(broken.lines);
    }
    (printed, unprintable)
}
