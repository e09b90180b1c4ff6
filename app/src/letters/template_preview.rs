//! Pictures of a letter template, with its placeholders as they are written.

use bytes::Bytes;
use domain::{ServiceId, TemplateId};
use templates::{letter_timings::to_london, placeholders::Values};
use typesetting::LetterProblem;

use crate::{
    App,
    cache::templates::{self as cache, Text},
    compose::to_jiff,
    foreign_files::Unavailable,
};

/// Why there is no picture of a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplatePreviewError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] std::sync::Arc<store::Error>),
    /// The template cannot be typeset.
    #[error(transparent)]
    Letter(#[from] LetterProblem),
    /// Pictures cannot be made now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The typesetter panicked.
    #[error("the pages could not be made: the typesetter stopped")]
    Panicked,
}

/// Draws a page of a letter template, counted from 1, as PNG, dated today. `None` if there is no such letter template or page.
pub async fn draw_template_page(
    app: &App,
    service: ServiceId,
    template: TemplateId,
    number: usize,
) -> Result<Option<Bytes>, TemplatePreviewError> {
    let Some(found) = cache::find(app, service, template).await? else {
        return Ok(None);
    };
    let day = to_london(to_jiff(app.clock.now())).date();
    let work = move || match &found.text {
        Text::Letter(text) => typesetting::typeset(text, &Values::default(), day).map(Some),
        _ => Ok(None),
    };
    let made = tokio::task::spawn_blocking(work).await;
    let Some(made) = made.map_err(|_| TemplatePreviewError::Panicked)?? else {
        return Ok(None);
    };
    Ok(app
        .foreign_files
        .draw_page(made.pdf.into(), number, false)
        .await?)
}
