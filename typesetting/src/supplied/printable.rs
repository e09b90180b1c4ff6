//! Whether something is printed outside the printable areas.

#![expect(
    clippy::cast_precision_loss,
    reason = "a page has a few thousand pixels on a side"
)]

use hayro_interpret::{InterpreterSettings, hayro_syntax::page::Page};

use super::areas::{self, Area};
use crate::raster::{Bitmap, draw_page};

/// A quarter of a millimetre is a pixel: finer than the tolerance, and quick.
const DOTS_PER_INCH: f64 = 100.0;

/// Colours as light as this are paper: photographs and conversions of colours rarely give the purest white.
const PAPER: u8 = 250;

/// Returns whether a page, counted from 1, has a visible pixel outside its printable areas. White on white is no content.
pub(super) fn has_content_outside(
    page: &Page<'_>,
    number: usize,
    settings: &InterpreterSettings,
) -> bool {
    let picture = draw_page(page, DOTS_PER_INCH, settings);
    let allowed: Vec<Area> = areas::printable(number)
        .iter()
        .map(|area| area.grown(areas::TOLERANCE))
        .collect();
    // The page may be up to two millimetres larger or smaller than A4, so lengths are not taken from its size.
    let millimetres = |pixel: usize| (pixel as f64 + 0.5) * 25.4 / DOTS_PER_INCH;
    picture.rows().enumerate().any(|(y, row)| {
        row.iter().enumerate().any(|(x, pixel)| {
            let is_visible = pixel.iter().any(|value| *value < PAPER);
            let place = (millimetres(x), millimetres(y));
            is_visible && !allowed.iter().any(|area| area.contains(place.0, place.1))
        })
    })
}

/// Tints what is outside the printable areas of a page, counted from 1.
pub(super) fn mark_margins(picture: &mut Bitmap, number: usize) {
    const RED: [u8; 3] = [255, 0, 0];
    let x = picture.width() as f64 / areas::PAGE_WIDTH;
    let y = picture.height() as f64 / areas::PAGE_HEIGHT;
    for area in margins(number) {
        picture.tint(
            area.left * x,
            area.top * y,
            area.right * x,
            area.bottom * y,
            RED,
        );
    }
}

/// Returns what is outside the printable areas of a page, in parts that do not overlap.
fn margins(number: usize) -> Vec<Area> {
    let edges = |of: fn(&Area) -> [f64; 2], end: f64| {
        let inner = areas::printable(number).iter().flat_map(of);
        let mut edges: Vec<f64> = inner.chain([0.0, end]).collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        edges
    };
    let columns = edges(|area| [area.left, area.right], areas::PAGE_WIDTH);
    let rows = edges(|area| [area.top, area.bottom], areas::PAGE_HEIGHT);
    // No cell of the grid that the edges make is partly printable.
    let cells = rows.windows(2).flat_map(|row| {
        columns.windows(2).map(move |column| Area {
            left: column[0],
            top: row[0],
            right: column[1],
            bottom: row[1],
        })
    });
    cells
        .filter(|cell| {
            let (x, y) = (
                f64::midpoint(cell.left, cell.right),
                f64::midpoint(cell.top, cell.bottom),
            );
            !areas::printable(number)
                .iter()
                .any(|area| area.contains(x, y))
        })
        .collect()
}
