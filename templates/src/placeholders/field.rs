//! Options for filling placeholders (`docs/spec/templates.md` §2.3 and §2.4).

/// Options for filling a text. Start from one of the constants and change what differs: `Field::HTML.redacting()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Treatment of HTML in the text, in names and in values.
    pub html: Html,
    /// Formatting of list values.
    pub lists: Lists,
    /// Representation of a placeholder without a value.
    pub missing: Missing,
    /// Target format.
    pub target: Target,
}

/// Treatment of HTML in the text, in names and in values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Html {
    /// Escapes it.
    Escape,
    /// Leaves it unchanged.
    Passthrough,
}

/// Formatting of list values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// `a, b and c`.
    Sentence,
    /// A Markdown list: an empty line, then an item per line.
    Markdown,
}

/// Representation of a placeholder without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The placeholder as typed.
    Named,
    /// The name without parentheses; conditional placeholders stay as typed.
    NamedWithoutBrackets,
    /// The word "hidden".
    Redacted,
}

/// Target format, which determines how placeholders without a value are marked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// HTML: a span with a class.
    Html,
    /// Plain text, without markup.
    PlainText,
}

impl Field {
    /// Escapes HTML, marks missing placeholders with spans, joins lists as sentences.
    pub const HTML: Self = Self {
        html: Html::Escape,
        lists: Lists::Sentence,
        missing: Missing::Named,
        target: Target::Html,
    };

    /// Like [`Field::HTML`], but escapes nothing.
    pub const UNESCAPED_HTML: Self = Self {
        html: Html::Passthrough,
        ..Self::HTML
    };

    /// Escapes nothing; missing placeholders stay as typed.
    pub const PLAIN: Self = Self {
        target: Target::PlainText,
        ..Self::UNESCAPED_HTML
    };

    /// Formats lists as Markdown.
    #[must_use]
    pub const fn with_markdown_lists(self) -> Self {
        Self {
            lists: Lists::Markdown,
            ..self
        }
    }

    /// Hides the names of missing placeholders.
    #[must_use]
    pub const fn redacting(self) -> Self {
        Self {
            missing: Missing::Redacted,
            ..self
        }
    }

    /// Hides the names of missing placeholders if `redact` is true.
    #[must_use]
    pub const fn with_redaction(self, redact: bool) -> Self {
        if redact { self.redacting() } else { self }
    }

    /// Shows missing placeholders without parentheses.
    #[must_use]
    pub const fn without_brackets(self) -> Self {
        Self {
            missing: Missing::NamedWithoutBrackets,
            ..self
        }
    }
}
