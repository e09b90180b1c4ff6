//! What a path is filled with.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "colours are fractions and tiles are small"
)]

use hayro_interpret::{
    Paint,
    encode::EncodedShadingPattern,
    pattern::{Pattern, TilingPattern},
};
use kurbo::{Affine, Point};

use super::{
    bitmap::{Bitmap, Pixel},
    device::BitmapDevice,
};

/// The colour of each pixel.
pub(super) enum Ink {
    /// The same for all.
    Solid(Pixel),
    /// A shading.
    Shading(Box<EncodedShadingPattern>),
    /// A small picture that is repeated, and the way from a pixel to a pixel of it.
    Tiles(Bitmap, Affine),
}

impl Ink {
    pub(super) fn of(paint: &Paint<'_>, is_stroke: bool, depth: usize) -> Self {
        match paint {
            Paint::Color(colour) => Self::Solid(premultiplied(colour.to_rgba().components())),
            Paint::Pattern(pattern) => match &**pattern {
                Pattern::Shading(shading) => Self::Shading(Box::new(shading.encode())),
                Pattern::Tiling(tiling) => tiles(tiling, is_stroke, depth),
            },
        }
    }

    pub(super) fn at(&self, x: usize, y: usize) -> Pixel {
        let point = Point::new(x as f64 + 0.5, y as f64 + 0.5);
        match self {
            Self::Solid(pixel) => *pixel,
            Self::Shading(shading) => premultiplied(shading.sample(shading.base_transform * point)),
            Self::Tiles(tile, to_tile) => {
                let place = *to_tile * point;
                let x = place.x.rem_euclid(tile.width() as f64) as usize;
                let y = place.y.rem_euclid(tile.height() as f64) as usize;
                tile.at(x.min(tile.width() - 1), y.min(tile.height() - 1))
            }
        }
    }
}

pub(super) fn premultiplied([red, green, blue, alpha]: [f32; 4]) -> Pixel {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    [red * alpha, green * alpha, blue * alpha, alpha].map(byte)
}

fn tiles(tiling: &TilingPattern<'_>, is_stroke: bool, depth: usize) -> Ink {
    const MAX_SIDE: f64 = 1000.0;
    let [a, b, c, d, ..] = tiling.matrix.as_coeffs();
    let step = |scale: f64, step: f32| (scale * f64::from(step)).abs().clamp(1.0, MAX_SIDE).round();
    let width = step(a.hypot(b), tiling.x_step);
    let height = step(c.hypot(d), tiling.y_step);
    let to_tile = Affine::scale_non_uniform(
        width / f64::from(tiling.x_step).abs(),
        height / f64::from(tiling.y_step).abs(),
    ) * Affine::translate((-tiling.bbox.x0, -tiling.bbox.y0));
    let blank = Bitmap::filled((width as usize).max(1), (height as usize).max(1), [0; 4]);
    let mut device = BitmapDevice::nested(blank, depth + 1);
    // A pattern that is drawn with itself would never end.
    if depth < BitmapDevice::MAX_DEPTH {
        tiling.interpret(&mut device, to_tile, is_stroke);
    }
    Ink::Tiles(device.finish(), to_tile * tiling.matrix.inverse())
}
