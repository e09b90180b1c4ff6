//! Letters: subject, body and contact block as HTML, address, date (`docs/spec/templates.md` §10).

mod address;
mod parts;
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
    /// English, the language of every letter.
    #[default]
    English,
    /// Welsh, the second language of a bilingual letter.
    Welsh,
}

/// A letter template, parsed once and filled many times.
#[derive(Debug, Clone)]
pub struct LetterTemplate {
    english: LanguageVersion,
    welsh: Option<LanguageVersion>,
    contact_block: ContactBlock,
    /// The placeholders of all texts.
    placeholders: NameSet,
}

/// Subject and content in one language.
#[derive(Debug, Clone)]
struct LanguageVersion {
    subject: Text,
    content: Text,
}

#[derive(Debug, Clone)]
struct ContactBlock {
    /// The trimmed lines.
    lines: Text,
    placeholders: NameSet,
}

impl LetterTemplate {
    /// Parses a template. Any text is valid.
    pub fn parse(subject: &str, content: &str) -> Self {
        Self {
            english: LanguageVersion::parse(subject, content),
            welsh: None,
            contact_block: ContactBlock::parse(""),
            placeholders: NameSet::new(),
        }
        .with_placeholders_gathered()
    }

    /// Adds a contact block.
    #[must_use]
    pub fn with_contact_block(self, block: &str) -> Self {
        Self {
            contact_block: ContactBlock::parse(block),
            ..self
        }
        .with_placeholders_gathered()
    }

    /// Adds the Welsh version.
    #[must_use]
    pub fn with_welsh(self, subject: &str, content: &str) -> Self {
        Self {
            welsh: Some(LanguageVersion::parse(subject, content)),
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

    /// Returns whether the letter has a Welsh version.
    pub fn has_welsh(&self) -> bool {
        self.welsh.is_some()
    }

    /// Returns the names of the placeholders in order: contact block, Welsh subject and content, English subject and
    /// content (`docs/spec/templates.md` §3).
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

    /// Returns how many bytes all texts have at least once they are filled, without filling them.
    pub fn filled_size(&self, values: &Values) -> usize {
        let languages = [Some(&self.english), self.welsh.as_ref()];
        let texts = languages
            .into_iter()
            .flatten()
            .flat_map(|language| [&language.subject, &language.content]);
        texts
            .chain([&self.contact_block.lines])
            .map(|text| text.filled_size(values))
            .fold(0, usize::saturating_add)
    }

    /// Returns the placeholders without a value, in order. An empty text is a value.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        missing(&self.placeholders, values)
    }

    /// Like [`LetterTemplate::missing`], but ignores placeholders that only the Welsh version has: what sending a
    /// letter requires (`docs/spec/public-api.md` §6).
    pub fn missing_outside_welsh(&self, values: &Values) -> Vec<String> {
        let names = self
            .contact_block
            .placeholders
            .union(self.english.subject.placeholders())
            .union(self.english.content.placeholders());
        missing(&names, values)
    }

    /// Fills the English version with values.
    pub fn fill<'letter>(&'letter self, values: &'letter Values) -> Letter<'letter> {
        self.fill_in(Language::English, values)
    }

    /// Fills the version in `language` with values. A missing Welsh version gives an empty letter.
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

impl LanguageVersion {
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

/// A template with the values that fill it.
#[derive(Debug, Clone)]
pub struct Letter<'letter> {
    template: &'letter LetterTemplate,
    language: Language,
    values: Cow<'letter, Values>,
    is_redacted: bool,
}

impl Letter<'_> {
    /// Sets whether the names of missing placeholders are hidden in subject, body and contact block.
    #[must_use]
    pub fn with_redaction(self, is_redacted: bool) -> Self {
        Self {
            is_redacted,
            ..self
        }
    }

    /// Returns the names of the placeholders of this language; for English, those of the whole template
    /// (`docs/spec/templates.md` §10.1).
    pub fn placeholders(&self) -> NameSet {
        match self.language {
            Language::English => self.template.placeholders.clone(),
            Language::Welsh => self.template.placeholders_in_welsh(),
        }
    }

    /// Returns those of [`Letter::placeholders`] without a value, in order.
    pub fn missing(&self) -> Vec<String> {
        missing(&self.placeholders(), &self.values)
    }

    fn language_version(&self) -> Option<&LanguageVersion> {
        match self.language {
            Language::English => Some(&self.template.english),
            Language::Welsh => self.template.welsh.as_ref(),
        }
    }

    fn fill(&self, part: impl Fn(&LanguageVersion) -> &Text, field: Field) -> String {
        self.language_version()
            .map(|version| part(version).fill(&self.values, field))
            .unwrap_or_default()
    }

    /// Renders the subject as HTML (`docs/spec/templates.md` §10.2).
    pub fn subject(&self) -> String {
        let field = Field::HTML.with_redaction(self.is_redacted);
        let filled = self.fill(|version| &version.subject, field);
        normalise_spaces(&typography::apply_typography(&filled))
    }

    /// Returns the source of the content with its placeholders filled, trimmed (`docs/spec/templates.md` §3,
    /// `content_with_placeholders_filled_in`).
    pub fn content(&self) -> String {
        let field = Field::UNESCAPED_HTML.with_markdown_lists();
        let filled = self.fill(
            |version| &version.content,
            field.with_redaction(self.is_redacted),
        );
        filled.trim_matches(is_any_space).to_owned()
    }

    /// Returns whether there is nothing to print (`docs/spec/templates.md` §3): no content at all, or only
    /// placeholders that are filled with nothing. Content of spaces is not empty.
    pub fn is_message_empty(&self) -> bool {
        let source = self
            .language_version()
            .map_or("", |version| version.content.source());
        source.is_empty()
            || (source.starts_with("((") && source.ends_with("))") && self.content().is_empty())
    }

    /// Renders the body as HTML, with QR codes drawn (`docs/spec/templates.md` §10.2, §10.3).
    pub fn html_body(&self) -> String {
        let typeset = typography::apply_typography(&self.html_markdown());
        typography::restore_hyphens(&typography::replace_hyphens_with_non_breaking_hyphens(
            &typeset,
        ))
    }

    /// Renders the body without typography; hyphens to be kept are marked.
    pub fn html_markdown(&self) -> String {
        let field = Field::HTML.with_markdown_lists();
        markdown::to_letter_html(&self.fill(
            |version| &version.content,
            field.with_redaction(self.is_redacted),
        ))
    }

    /// Returns the first QR code whose data is too large (`docs/spec/templates.md` §10.3). Without values the
    /// unfilled content is checked.
    pub fn qr_code_error(&self) -> Option<QrCodeTooLarge> {
        if self.values.is_empty() {
            let source = self
                .language_version()
                .map_or("", |version| version.content.source());
            return markdown::find_too_large_qr_code(source);
        }
        markdown::find_too_large_qr_code(&self.fill(|version| &version.content, self.html_field()))
    }

    fn html_field(&self) -> Field {
        Field::HTML
            .with_markdown_lists()
            .with_redaction(self.is_redacted)
    }

    /// Renders the contact block as HTML with `<br>` between lines (`docs/spec/templates.md` §10.2).
    pub fn contact_block(&self) -> String {
        let lines = &self.template.contact_block.lines;
        let filled = lines.fill(&self.values, Field::HTML.with_redaction(self.is_redacted));
        newlines_to_breaks(&typography::remove_whitespace_before_punctuation(&filled))
    }

    /// Returns the address to print if it has three to seven lines, and the seven address placeholders otherwise
    /// (`docs/spec/templates.md` §10.2).
    pub fn address_lines(&self) -> AddressLines {
        address::lines(&self.template.placeholders, &self.values)
    }
}
