//! How placeholders are filled (`docs/spec/templates.md` §2.3 and §2.4).

/// The manner of filling a text. Begin with one of the constants and change what differs:
/// `Field::HTML.redacting()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// What becomes of HTML in the text, in names and in values.
    pub html: Html,
    /// How a list is put in.
    pub lists: Lists,
    /// What stands for a placeholder without a value.
    pub missing: Missing,
    /// What the outcome is for.
    pub target: Target,
}

/// What becomes of HTML in the text, in names and in values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Html {
    /// It is escaped, as people should see what was typed.
    Escape,
    /// It stays as it is.
    Passthrough,
}

/// How a list is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// `a, b and c`.
    Sentence,
    /// An empty line and an item on each line, as Markdown has it.
    Markdown,
}

/// What stands for a placeholder without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The placeholder itself.
    Named,
    /// Its name alone; conditional ones stay themselves.
    NamedWithoutBrackets,
    /// A word that says something is hidden.
    Redacted,
}

/// What the outcome is for: placeholders without a value look different in HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// They are spans with a class.
    Html,
    /// They are plain text.
    PlainText,
}

impl Field {
    /// Escaped, missing placeholders as spans, lists as sentences.
    pub const HTML: Self = Self {
        html: Html::Escape,
        lists: Lists::Sentence,
        missing: Missing::Named,
        target: Target::Html,
    };

    /// Nothing is escaped, missing placeholders are spans all the same.
    pub const UNESCAPED_HTML: Self = Self {
        html: Html::Passthrough,
        ..Self::HTML
    };

    /// Nothing is escaped, missing placeholders stay as they were typed.
    pub const PLAIN: Self = Self {
        target: Target::PlainText,
        ..Self::UNESCAPED_HTML
    };

    /// With lists put in as Markdown.
    #[must_use]
    pub const fn with_markdown_lists(self) -> Self {
        Self {
            lists: Lists::Markdown,
            ..self
        }
    }

    /// With missing placeholders hidden.
    #[must_use]
    pub const fn redacting(self) -> Self {
        Self {
            missing: Missing::Redacted,
            ..self
        }
    }

    /// With missing placeholders hidden, if this is so.
    #[must_use]
    pub const fn redacting_if(self, redact: bool) -> Self {
        if redact { self.redacting() } else { self }
    }

    /// With missing placeholders shown without brackets.
    #[must_use]
    pub const fn without_brackets(self) -> Self {
        Self {
            missing: Missing::NamedWithoutBrackets,
            ..self
        }
    }
}
