//! Typesets the pages of a letter from its template.

use std::sync::Arc;

use store::notifications::{Contents, Notification};
use templates::{letter_timings::to_london, placeholders::Values};
use text::describe_characters;
use typesetting::{LetterProblem, TypesetLetter};

use crate::{ParsedTemplate, cache::templates::Text};

/// Why a letter cannot be typeset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TypesetError {
    /// Its content cannot be printed.
    #[error(transparent)]
    Letter(#[from] LetterProblem),
    /// It has characters that no font has.
    #[error("the letter has characters that cannot be printed: {}", describe_characters(.0))]
    Unprintable(Vec<char>),
    /// Its template does not exist, or is not a letter template.
    #[error("there is no letter template {0} any more")]
    NoTemplate(domain::TemplateId),
    /// The typesetter panicked.
    #[error("the pages could not be made: the typesetter stopped")]
    Panicked,
}

/// Typesets the pages of a letter. The date on them is the London day on which it was accepted
/// (`docs/spec/letters.md` §4.3).
pub(crate) async fn make_pages(
    message: &Notification,
    prepared: Option<Arc<ParsedTemplate>>,
    contents: &Contents,
) -> Result<TypesetLetter, TypesetError> {
    let no_template = TypesetError::NoTemplate(message.template_id);
    let Some(prepared) = prepared else {
        return Err(no_template);
    };
    let values = Values::from_json(contents.personalisation.reveal());
    let created = jiff::Timestamp::from_microsecond(message.created_at.unix_micros());
    let day = to_london(created.unwrap_or_default()).date();
    let kept_block = message.reply_to_text.clone();
    let work = move || match &prepared.text {
        // The contact block is the one of the moment at which the letter was accepted: it may have changed since.
        Text::Letter(text) if prepared.template.letter_contact_block != kept_block => {
            let text = text.clone();
            let text = text.with_contact_block(&kept_block.unwrap_or_default());
            Ok(typesetting::typeset(&text, &values, day)?)
        }
        Text::Letter(text) => Ok(typesetting::typeset(text, &values, day)?),
        _ => Err(no_template),
    };
    // Typesetting keeps a processor busy for milliseconds, which requests on the same thread would wait for.
    let made = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(TypesetError::Panicked))?;
    if made.unprintable.is_empty() {
        Ok(made)
    } else {
        Err(TypesetError::Unprintable(made.unprintable))
    }
}
