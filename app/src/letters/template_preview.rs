//! Pictures of a letter template, with its placeholders as they are written.

use bytes::Bytes;
use domain::{ServiceId, TemplateId};
use templates::{letter_timings::to_london, placeholders::Values};
use typesetting::typeset_with;

use super::{
    logos,
    typeset::{TypesetError, append_attachment},
};
use crate::{
    App,
    cache::templates::{self as cache, Text},
    compose::to_jiff,
    foreign_files::DrawError,
};

/// Why there is no picture of a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplatePreviewError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] std::sync::Arc<store::Error>),
    /// The template cannot be typeset.
    #[error(transparent)]
    Letter(#[from] TypesetError),
    /// Pictures cannot be made now.
    #[error(transparent)]
    Draw(#[from] DrawError),
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
    let place = app.foreign_files.queue_for_drawing(service)?;
    let _turn = place.turn().await;
    let day = to_london(to_jiff(app.clock.now())).date();
    let attachment = found.template.letter_attachment_id;
    let logo = logos::read(app, service)
        .await
        .map_err(TypesetError::from)?;
    let work = move || match &found.text {
        Text::Letter(text) => typeset_with(text, &Values::default(), day, logo.as_ref()).map(Some),
        _ => Ok(None),
    };
    let made = app.foreign_files.run_blocking(work).await;
    let made = made.ok_or(TypesetError::Panicked)?;
    let Some(made) = made.map_err(TypesetError::from)? else {
        return Ok(None);
    };
    let made = append_attachment(app, service, attachment, made).await?;
    Ok(app
        .foreign_files
        .draw_page(made.pdf.into(), number, false)
        .await?)
}
