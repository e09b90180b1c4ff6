//! Draws pages of a PDF as bitmaps. `hayro-interpret` reads the PDF and says what is drawn where; the pixels are made
//! here (`docs/decisions/reading-pdfs.md`).
//!
//! Fills, strokes, clips, images, shadings, tilings, opacity and soft masks are drawn; of the blend modes Normal and
//! Multiply, the others as Normal.

mod bitmap;
mod coverage;
mod device;
mod images;
mod paint;
mod png;

pub(crate) use bitmap::Bitmap;
pub(crate) use png::encode as encode_png;

use hayro_interpret::{
    ClipPath, Context, Device as _, FillRule, InterpreterCache, InterpreterSettings, RectExt as _,
    TransformExt as _, hayro_syntax::page::Page, interpret_page,
};
use kurbo::{Affine, Rect, Shape as _};

use device::BitmapDevice;

/// Upper limit of the side of a bitmap: A4 at 300 dots an inch. A page that is larger is drawn smaller.
const MAX_SIDE: f64 = 3600.0;

/// Draws a page at this many dots an inch, on white.
pub(crate) fn draw_page(
    page: &Page<'_>,
    dots_per_inch: f64,
    settings: &InterpreterSettings,
) -> Bitmap {
    let (width, height) = page.render_dimensions();
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (dots_per_inch / 72.0).min(MAX_SIDE / width.max(height).max(1.0));
    let transform = Affine::scale(scale) * page.initial_transform(true).to_kurbo();
    let bitmap = Bitmap::white((width * scale).round(), (height * scale).round());
    let bounds = Rect::new(0.0, 0.0, width * scale, height * scale);
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, bounds, &cache, page.xref(), settings.clone());
    let mut device = BitmapDevice::new(bitmap);
    device.push_clip_path(&ClipPath {
        path: transform * page.intersected_crop_box().to_kurbo().to_path(0.1),
        fill: FillRule::NonZero,
    });
    interpret_page(page, &mut context, &mut device);
    device.finish()
}
