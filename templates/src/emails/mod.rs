//! E-mails: a subject and a Markdown body, rendered as plain text and as HTML (`docs/spec/templates.md` §9).

mod colour;
mod page;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{
    markdown,
    placeholders::{Field, NameSet, Text, Values, effective_for_html, missing},
    typography,
};
use text::{is_any_space, normalise_spaces};

pub use page::{Brand, BrandBar, Branding};

/// Maximum size of [`Email::content`] in bytes of UTF-8 (`docs/spec/templates.md` §9.4).
pub const LIMIT_BYTES: usize = 2_000_000;

/// Maximum length of a preheader in characters (`docs/spec/templates.md` §9.3).
const PREHEADER_CHARACTERS: usize = 256;

/// An e-mail template, parsed once and filled many times.
#[derive(Debug, Clone)]
pub struct EmailTemplate {
    subject: Text,
    content: Text,
    placeholders: NameSet,
}

impl EmailTemplate {
    /// Parses a template. Any text is valid.
    pub fn parse(subject: &str, content: &str) -> Self {
        let (subject, content) = (Text::parse(subject), Text::parse(content));
        let placeholders = subject.placeholders().union(content.placeholders());
        Self {
            subject,
            content,
            placeholders,
        }
    }

    /// Returns the names of the placeholders: those of the subject, then those of the content.
    pub fn placeholders(&self) -> &NameSet {
        &self.placeholders
    }

    /// Returns the placeholders without a value, in order. An empty text is a value.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        missing(&self.placeholders, values)
    }

    /// Returns how many bytes subject and content have at least once they are filled, without filling them.
    pub fn filled_size(&self, values: &Values) -> usize {
        let subject = self.subject.filled_size(values);
        subject.saturating_add(self.content.filled_size(values))
    }

    /// Fills the template with values.
    pub fn fill<'email>(&'email self, values: &'email Values) -> Email<'email> {
        Email {
            template: self,
            values: effective_for_html(&self.placeholders, values),
            unsubscribe_link: None,
            is_redacted: false,
        }
    }

    /// See [`Email::subject`].
    pub fn subject(&self, values: &Values) -> String {
        self.fill(values).subject()
    }

    /// See [`Email::content`].
    pub fn content(&self, values: &Values) -> String {
        self.fill(values).content()
    }

    /// See [`Email::plain_body`].
    pub fn plain_body(&self, values: &Values) -> String {
        self.fill(values).plain_body()
    }

    /// See [`Email::html_body`].
    pub fn html_body(&self, values: &Values) -> String {
        self.fill(values).html_body()
    }

    /// See [`Email::html_page`].
    pub fn html_page(&self, values: &Values, branding: &Branding) -> String {
        self.fill(values).html_page(branding)
    }

    /// See [`Email::preheader`].
    pub fn preheader(&self, values: &Values) -> String {
        self.fill(values).preheader()
    }

    /// See [`Email::is_message_empty`].
    pub fn is_message_empty(&self, values: &Values) -> bool {
        self.fill(values).is_message_empty()
    }

    /// See [`Email::is_message_too_long`].
    pub fn is_message_too_long(&self, values: &Values) -> bool {
        self.fill(values).is_message_too_long()
    }
}

/// A template with the values that fill it.
#[derive(Debug, Clone)]
pub struct Email<'email> {
    template: &'email EmailTemplate,
    values: Cow<'email, Values>,
    unsubscribe_link: Option<&'email str>,
    is_redacted: bool,
}

impl<'email> Email<'email> {
    /// Adds an unsubscribe link at the end of both bodies; an empty link adds nothing. Placeholders in it are filled.
    /// [`Email::content`] and the preheader do not include it.
    #[must_use]
    pub fn with_unsubscribe_link(self, link: &'email str) -> Self {
        Self {
            unsubscribe_link: Some(link).filter(|link| !link.is_empty()),
            ..self
        }
    }

    /// Sets whether the names of missing placeholders are hidden in the subject and the HTML.
    #[must_use]
    pub fn with_redaction(self, is_redacted: bool) -> Self {
        Self {
            is_redacted,
            ..self
        }
    }

    /// Returns the subject in plain text, as the API returns it and the e-mail carries it (`docs/spec/templates.md`
    /// §9.1, `docs/spec/public-api.md` §13.2).
    pub fn subject(&self) -> String {
        self.subject_as(Field::UNESCAPED_HTML)
    }

    /// Returns the subject as HTML (`docs/spec/templates.md` §9.1).
    pub fn html_subject(&self) -> String {
        self.subject_as(Field::HTML)
    }

    fn subject_as(&self, field: Field) -> String {
        let filled = self
            .template
            .subject
            .fill(&self.values, field.with_redaction(self.is_redacted));
        normalise_spaces(&typography::apply_typography(&filled))
    }

    /// Returns the source of the content with its placeholders filled, trimmed (`docs/spec/templates.md` §3,
    /// `content_with_placeholders_filled_in`).
    pub fn content(&self) -> String {
        let field = Field::UNESCAPED_HTML.with_markdown_lists();
        let filled = self
            .template
            .content
            .fill(&self.values, field.with_redaction(self.is_redacted));
        filled.trim_matches(is_any_space).to_owned()
    }

    /// Returns the size of [`Email::content`] in bytes of UTF-8 (`docs/spec/templates.md` §9.4).
    pub fn size_bytes(&self) -> usize {
        self.content().len()
    }

    /// Returns whether the content exceeds [`LIMIT_BYTES`] (`docs/spec/templates.md` §9.4).
    pub fn is_message_too_long(&self) -> bool {
        self.size_bytes() > LIMIT_BYTES
    }

    /// Returns whether there is nothing to send (`docs/spec/templates.md` §3): no content at all, or only
    /// placeholders that are filled with nothing. Content of spaces is not empty.
    pub fn is_message_empty(&self) -> bool {
        let source = self.template.content.source();
        source.is_empty()
            || (source.starts_with("((") && source.ends_with("))") && self.content().is_empty())
    }

    /// Returns whether nothing would be left of the content, because it has only constructs that the dialect drops, such
    /// as a table.
    pub fn vanishes(&self) -> bool {
        let field = Field::HTML.with_markdown_lists();
        markdown::vanishes(&self.template.content.fill(&self.values, field))
    }

    /// Renders the body as plain text (`docs/spec/templates.md` §9.2).
    pub fn plain_body(&self) -> String {
        let typeset = typography::apply_typography(&self.plain_markdown());
        // Only now, because the rules of typography look for references such as `&nbsp;`.
        let decoded = text::html_escape::decode_lenient(&typeset);
        let mut body = decoded.trim_start_matches(is_any_space).to_owned();
        body.push('\n');
        body
    }

    /// Renders the plain body without typography.
    pub fn plain_markdown(&self) -> String {
        let field = Field::UNESCAPED_HTML.with_markdown_lists();
        markdown::to_plain_text(&self.body_source(field))
    }

    /// Renders the body as HTML, to be inserted into a page (`docs/spec/templates.md` §9.3).
    pub fn html_body(&self) -> String {
        typography::apply_typography(&self.html_markdown())
    }

    /// Renders the HTML body without typography.
    pub fn html_markdown(&self) -> String {
        markdown::to_email_html(&self.body_source(self.html_field()))
    }

    fn html_field(&self) -> Field {
        Field::HTML
            .with_markdown_lists()
            .with_redaction(self.is_redacted)
    }

    /// Returns the Markdown source of a body: filled, with the unsubscribe link, without characters that e-mail
    /// clients cannot show.
    fn body_source(&self, field: Field) -> String {
        let mut source = self.template.content.fill(&self.values, field);
        if let Some(link) = self.unsubscribe_link {
            let foot = format!("\n\n---\n\n[Unsubscribe from these emails]({link})");
            Text::parse(&foot).fill_into(&mut source, &self.values, field);
        }
        fit_for_mail_programs(source)
    }

    /// Returns the start of the message for e-mail clients to show beside the subject: at most 256 characters of HTML
    /// text in one line (`docs/spec/templates.md` §9.3).
    pub fn preheader(&self) -> String {
        let field = Field::HTML.with_markdown_lists();
        let source = fit_for_mail_programs(self.template.content.fill(&self.values, field));
        let typeset = typography::apply_typography(&markdown::to_preheader(&source));
        let words: Vec<&str> = typeset
            .split(is_any_space)
            .filter(|word| !word.is_empty())
            .collect();
        // This may cut a tag in two; the page removes what is left of it.
        let line: String = words.join(" ").chars().take(PREHEADER_CHARACTERS).collect();
        line.trim_matches(is_any_space).to_owned()
    }

    /// Renders the whole HTML document: our layout around the body, with the preheader hidden before it
    /// (`docs/spec/templates.md` §9.3).
    pub fn html_page(&self, branding: &Branding) -> String {
        page::page(
            &self.html_subject(),
            &self.preheader(),
            &self.html_body(),
            branding,
        )
    }
}

fn fit_for_mail_programs(source: String) -> String {
    // Few texts need either change; the others are not copied.
    let source = match typography::unlink_govuk(&source) {
        Cow::Borrowed(_) => source,
        Cow::Owned(unlinked) => unlinked,
    };
    match typography::strip_unsupported_characters(&source) {
        Cow::Borrowed(_) => source,
        Cow::Owned(stripped) => stripped,
    }
}
