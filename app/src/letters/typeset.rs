//! Typesets the pages of a letter from its template.

use std::sync::Arc;

use domain::ServiceId;
use store::notifications::{Contents, Notification};
use templates::{letter_timings::to_london, placeholders::Values};
use text::describe_characters;
use typesetting::{LetterProblem, TypesetLetter, typeset_with};
use uuid::Uuid;

use super::{
    attachments,
    logos::{self, ReadLogoError},
};
use crate::{App, OpenError, ParsedTemplate, cache::templates::Text, foreign_files::Unavailable};

/// Why a letter cannot be typeset.
#[derive(Debug, thiserror::Error)]
pub enum TypesetError {
    /// Its content cannot be printed.
    #[error(transparent)]
    Letter(#[from] LetterProblem),
    /// It has characters that no font has.
    #[error("the letter has characters that cannot be printed: {}", describe_characters(.0))]
    Unprintable(Vec<char>),
    /// Its template does not exist, or is not a letter template.
    #[error("there is no letter template {0} any more")]
    NoTemplate(domain::TemplateId),
    /// The pages that its template appends are lost or damaged.
    #[error("the attachment of the template is not in the file storage")]
    NoAttachment,
    /// The logo of the service cannot be read.
    #[error(transparent)]
    Logo(#[from] ReadLogoError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The file storage failed, or a file is damaged.
    #[error(transparent)]
    File(#[from] OpenError),
    /// Files cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The typesetter panicked.
    #[error("the pages could not be made: the typesetter stopped")]
    Panicked,
}

/// Typesets the pages of a letter. The date on them is the London day on which it was accepted
/// (`docs/spec/letters.md` §4.3).
pub(crate) async fn make_pages(
    app: &App,
    message: &Notification,
    prepared: Option<Arc<ParsedTemplate>>,
    contents: &Contents,
) -> Result<TypesetLetter, TypesetError> {
    let no_template = TypesetError::NoTemplate(message.template_id);
    let Some(prepared) = prepared else {
        return Err(no_template);
    };
    let attachment = prepared.template.letter_attachment_id;
    let values = Values::from_json(contents.personalisation.reveal());
    let created = jiff::Timestamp::from_microsecond(message.created_at.unix_micros());
    let day = to_london(created.unwrap_or_default()).date();
    let kept_block = message.reply_to_text.clone();
    let logo = logos::read(app, message.service_id).await?;
    let work = move || match &prepared.text {
        // The contact block is the one of the moment at which the letter was accepted: it may have changed since.
        Text::Letter(text) if prepared.template.letter_contact_block != kept_block => {
            let text = text.clone();
            let text = text.with_contact_block(&kept_block.unwrap_or_default());
            Ok(typeset_with(&text, &values, day, logo.as_ref())?)
        }
        Text::Letter(text) => Ok(typeset_with(text, &values, day, logo.as_ref())?),
        _ => Err(no_template),
    };
    let made = app.foreign_files.run_blocking(work).await;
    let made = made.unwrap_or(Err(TypesetError::Panicked))?;
    if made.unprintable.is_empty() {
        append_attachment(app, message.service_id, attachment, made).await
    } else {
        Err(TypesetError::Unprintable(made.unprintable))
    }
}

/// Appends the pages that belong to a template, if there are any.
pub(crate) async fn append_attachment(
    app: &App,
    service: ServiceId,
    attachment: Option<Uuid>,
    made: TypesetLetter,
) -> Result<TypesetLetter, TypesetError> {
    let Some(id) = attachment else {
        return Ok(made);
    };
    let found = store::letter_attachments::find(&mut app.read().await?, service, id).await?;
    let pages = attachments::find_pages(app, service, id).await?;
    let (Some(found), Some(pages)) = (found, pages) else {
        return Err(TypesetError::NoAttachment);
    };
    let merged = app.foreign_files.append_pages(&made.pdf, &pages).await?;
    let merged = merged.ok_or(TypesetError::NoAttachment)?;
    Ok(TypesetLetter {
        pdf: merged.into(),
        pages: made.pages + found.page_count as usize,
        ..made
    })
}
