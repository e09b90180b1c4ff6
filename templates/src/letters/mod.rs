//! Letters: subject, body and contact block as HTML, address, date (`docs/spec/templates.md` §10).

mod address;
mod parts;
pub mod qr_codes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{
    markdown,
    markdown::QrCodeTooLarge,
    placeholders::{Field, NameSet, Text, Values, effective_for_html, missing},
    sanitise::newlines_to_breaks,
    typography,
};
use text::{is_any_space, normalise_spaces};

pub use address::AddressLines;
pub use parts::{logo_class, long_date};

/// The language of a letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English, which every letter has.
    #[default]
    English,
    /// Welsh, which a bilingual letter has besides.
    Welsh,
}

/// A letter with placeholders, parsed once and filled many times.
#[derive(Debug, Clone)]
pub struct LetterTemplate {
    english: Side,
    welsh: Option<Side>,
    contact_block: ContactBlock,
    /// Those of all its texts, gathered once.
    placeholders: NameSet,
}

/// A letter in one language.
#[derive(Debug, Clone)]
struct Side {
    subject: Text,
    content: Text,
}

#[derive(Debug, Clone)]
struct ContactBlock {
    /// Each line trimmed, as it is filled.
    lines: Text,
    placeholders: NameSet,
}

impl LetterTemplate {
    /// Takes a template apart. Every text is one.
    pub fn parse(subject: &str, content: &str) -> Self {
        Self {
            english: Side::parse(subject, content),
            welsh: None,
            contact_block: ContactBlock::parse(""),
            placeholders: NameSet::new(),
        }
        .with_placeholders_gathered()
    }

    /// With a contact block, a line each.
    #[must_use]
    pub fn with_contact_block(self, block: &str) -> Self {
        Self {
            contact_block: ContactBlock::parse(block),
            ..self
        }
        .with_placeholders_gathered()
    }

    /// With the same letter in Welsh.
    #[must_use]
    pub fn with_welsh(self, subject: &str, content: &str) -> Self {
        Self {
            welsh: Some(Side::parse(subject, content)),
            ..self
        }
        .with_placeholders_gathered()
    }

    fn with_placeholders_gathered(self) -> Self {
        Self {
            placeholders: self
                .placeholders_in_welsh()
                .union(self.english.subject.placeholders())
                .union(self.english.content.placeholders()),
            ..self
        }
    }

    /// Whether the letter is in Welsh too.
    pub fn has_welsh(&self) -> bool {
        self.welsh.is_some()
    }

    /// The names of the placeholders: those of the contact block, the Welsh subject and content, the English subject
    /// and content (`docs/spec/templates.md` §3).
    pub fn placeholders(&self) -> &NameSet {
        &self.placeholders
    }

    fn placeholders_in_welsh(&self) -> NameSet {
        let mut names = self.contact_block.placeholders.clone();
        if let Some(welsh) = &self.welsh {
            names = names
                .union(welsh.subject.placeholders())
                .union(welsh.content.placeholders());
        }
        names
    }

    /// The placeholders without a value, in order. An empty text is a value.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        missing(&self.placeholders, values)
    }

    /// The same, but for those that only the Welsh texts have: what is asked of a letter that is to be sent
    /// (`docs/spec/public-api.md` §6).
    pub fn missing_outside_welsh(&self, values: &Values) -> Vec<String> {
        let names = self
            .contact_block
            .placeholders
            .union(self.english.subject.placeholders())
            .union(self.english.content.placeholders());
        missing(&names, values)
    }

    /// The English letter with these values, from which each of its parts can be had.
    pub fn fill<'letter>(&'letter self, values: &'letter Values) -> Letter<'letter> {
        self.fill_in(Language::English, values)
    }

    /// The letter in one language with these values. A letter without Welsh text is empty in Welsh.
    pub fn fill_in<'letter>(
        &'letter self,
        language: Language,
        values: &'letter Values,
    ) -> Letter<'letter> {
        Letter {
            template: self,
            language,
            values: effective_for_html(&self.placeholders, values),
            is_redacted: false,
        }
    }

    /// See [`Letter::subject`].
    pub fn subject(&self, values: &Values) -> String {
        self.fill(values).subject()
    }

    /// See [`Letter::content`].
    pub fn content(&self, values: &Values) -> String {
        self.fill(values).content()
    }

    /// See [`Letter::html_body`].
    pub fn html_body(&self, values: &Values) -> String {
        self.fill(values).html_body()
    }

    /// See [`Letter::is_message_empty`].
    pub fn is_message_empty(&self, values: &Values) -> bool {
        self.fill(values).is_message_empty()
    }
}

impl Side {
    fn parse(subject: &str, content: &str) -> Self {
        Self {
            subject: Text::parse(subject),
            content: Text::parse(content),
        }
    }
}

impl ContactBlock {
    fn parse(block: &str) -> Self {
        let block = block.trim_matches(is_any_space);
        let lines: Vec<&str> = block
            .split('\n')
            .map(|line| line.trim_matches(is_any_space))
            .collect();
        Self {
            lines: Text::parse(&lines.join("\n")),
            placeholders: Text::parse(block).placeholders().clone(),
        }
    }
}

/// A template together with what fills it.
#[derive(Debug, Clone)]
pub struct Letter<'letter> {
    template: &'letter LetterTemplate,
    language: Language,
    values: Cow<'letter, Values>,
    is_redacted: bool,
}

impl Letter<'_> {
    /// With the names of missing placeholders hidden in subject, body and contact block, if this is so.
    #[must_use]
    pub fn redacting_if(self, is_redacted: bool) -> Self {
        Self {
            is_redacted,
            ..self
        }
    }

    /// The names of the placeholders of this language: for English those of the whole template
    /// (`docs/spec/templates.md` §10.1).
    pub fn placeholders(&self) -> NameSet {
        match self.language {
            Language::English => self.template.placeholders.clone(),
            Language::Welsh => self.template.placeholders_in_welsh(),
        }
    }

    /// The [`Letter::placeholders`] without a value, in order.
    pub fn missing(&self) -> Vec<String> {
        missing(&self.placeholders(), &self.values)
    }

    fn side(&self) -> Option<&Side> {
        match self.language {
            Language::English => Some(&self.template.english),
            Language::Welsh => self.template.welsh.as_ref(),
        }
    }

    fn fill(&self, part: impl Fn(&Side) -> &Text, field: Field) -> String {
        self.side()
            .map(|side| part(side).fill(&self.values, field))
            .unwrap_or_default()
    }

    /// The subject as HTML (`docs/spec/templates.md` §10.2).
    pub fn subject(&self) -> String {
        let field = Field::HTML.redacting_if(self.is_redacted);
        let filled = self.fill(|side| &side.subject, field);
        normalise_spaces(&typography::nice(&filled))
    }

    /// The content as it was written, with the values in their places, trimmed (`docs/spec/templates.md` §3,
    /// `content_with_placeholders_filled_in`).
    pub fn content(&self) -> String {
        let field = Field::UNESCAPED_HTML.with_markdown_lists();
        let filled = self.fill(|side| &side.content, field.redacting_if(self.is_redacted));
        filled.trim_matches(is_any_space).to_owned()
    }

    /// Whether there is nothing to print (`docs/spec/templates.md` §3): no content at all, or placeholders alone that
    /// came to nothing. Content of spaces is not empty.
    pub fn is_message_empty(&self) -> bool {
        let source = self.side().map_or("", |side| side.content.source());
        source.is_empty()
            || (source.starts_with("((") && source.ends_with("))") && self.content().is_empty())
    }

    /// The body as HTML, QR codes drawn (`docs/spec/templates.md` §10.2, §10.3).
    pub fn html_body(&self) -> String {
        let nice = typography::nice(&self.html_markdown());
        typography::restore_hyphens(&typography::replace_hyphens_with_non_breaking_hyphens(
            &nice,
        ))
    }

    /// The body before typography; hyphens that are to stay are marked.
    pub fn html_markdown(&self) -> String {
        let field = Field::HTML.with_markdown_lists();
        markdown::to_letter_html(
            &self.fill(|side| &side.content, field.redacting_if(self.is_redacted)),
        )
    }

    /// The first QR code with too much data to be read from paper, if there is one (`docs/spec/templates.md` §10.3).
    /// Without values the content is looked at as it was written.
    pub fn qr_code_error(&self) -> Option<QrCodeTooLarge> {
        if self.values.is_empty() {
            let source = self.side().map_or("", |side| side.content.source());
            return markdown::find_too_large_qr_code(source);
        }
        markdown::find_too_large_qr_code(&self.fill(|side| &side.content, self.html_field()))
    }

    fn html_field(&self) -> Field {
        Field::HTML
            .with_markdown_lists()
            .redacting_if(self.is_redacted)
    }

    /// The contact block as HTML, its lines parted by `<br>` (`docs/spec/templates.md` §10.2).
    pub fn contact_block(&self) -> String {
        let lines = &self.template.contact_block.lines;
        let filled = lines.fill(&self.values, Field::HTML.redacting_if(self.is_redacted));
        newlines_to_breaks(&typography::remove_whitespace_before_punctuation(&filled))
    }

    /// The lines of the address: those that are printed, if there are three to seven; else those of the seven
    /// placeholders for one (`docs/spec/templates.md` §10.2).
    pub fn address_lines(&self) -> AddressLines {
        address::lines(&self.template.placeholders, &self.values)
    }
}
