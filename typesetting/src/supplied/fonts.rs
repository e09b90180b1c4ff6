//! Fonts for PDFs that do not bring their own.

use std::sync::Arc;

use hayro_interpret::{
    InterpreterSettings,
    font::{FontData, FontQuery, StandardFont},
};

/// Has the widths of Helvetica and Arial, which most PDFs without fonts of their own ask for.
pub(super) const REGULAR: &[u8] = include_bytes!("../../fonts/LiberationSans-Regular.ttf");
pub(super) const BOLD: &[u8] = include_bytes!("../../fonts/LiberationSans-Bold.ttf");

/// Returns the settings with which every page is read. Nothing is read but the PDF and our own fonts.
pub(super) fn settings() -> InterpreterSettings {
    InterpreterSettings {
        font_resolver: Arc::new(|query: &FontQuery| Some((find(query), 0))),
        ..InterpreterSettings::default()
    }
}

fn find(query: &FontQuery) -> FontData {
    let standard = match query {
        FontQuery::Standard(font) => *font,
        FontQuery::Fallback(query) => query.pick_standard_font(),
    };
    let is_bold = matches!(
        standard,
        StandardFont::HelveticaBold
            | StandardFont::HelveticaBoldOblique
            | StandardFont::TimesBold
            | StandardFont::TimesBoldItalic
            | StandardFont::CourierBold
            | StandardFont::CourierBoldOblique
    );
    Arc::new(if is_bold { BOLD } else { REGULAR })
}
