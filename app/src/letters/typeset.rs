//! Making the pages of a letter from its template. The work is the processor's, so it is done where nobody waits for
//! the same thread.

use std::sync::Arc;

use store::notifications::{Contents, Notification};
use templates::{letter_timings::to_london, placeholders::Values};
use text::describe_characters;
use typesetting::{LetterProblem, TypesetLetter};

use crate::{ParsedTemplate, cache::templates::Text};

/// Why a letter has no pages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPages {
    /// It cannot be printed as it is.
    #[error(transparent)]
    Letter(#[from] LetterProblem),
    /// It has characters that no font can print: nobody could read it.
    #[error("the letter has characters that cannot be printed: {}", describe_characters(.0))]
    Unprintable(Vec<char>),
    /// Its template is gone, or is none of a letter.
    #[error("there is no letter template {0} any more")]
    NoTemplate(domain::TemplateId),
    /// The typesetter broke, which is our fault.
    #[error("the pages could not be made: the typesetter stopped")]
    Broken,
}

/// Makes the pages of a letter. The date on them is the London day on which it was accepted
/// (`docs/spec/letters.md` §4.3).
pub(crate) async fn make_pages(
    message: &Notification,
    prepared: Option<Arc<ParsedTemplate>>,
    contents: &Contents,
) -> Result<TypesetLetter, NoPages> {
    let no_template = NoPages::NoTemplate(message.template_id);
    let Some(prepared) = prepared else {
        return Err(no_template);
    };
    let values = Values::from_json(contents.personalisation.reveal());
    let created = jiff::Timestamp::from_microsecond(message.created_at.unix_micros());
    let day = to_london(created.unwrap_or_default()).date();
    let work = move || match &prepared.text {
        Text::Letter(text) => Ok(typesetting::typeset(text, &values, day)?),
        _ => Err(no_template),
    };
    let made = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(NoPages::Broken))?;
    if made.unprintable.is_empty() {
        Ok(made)
    } else {
        Err(NoPages::Unprintable(made.unprintable))
    }
}
