//! Draws images.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates are clamped to the image first"
)]

use hayro_interpret::{FillRule, Image, ImageData, LumaData};
use kurbo::{Affine, Point, Rect, Shape as _};

use super::{
    bitmap::Pixel,
    coverage::{Coverage, scale},
    device::BitmapDevice,
    paint::Ink,
};

/// Samples of one channel or three.
struct Samples<'image> {
    data: &'image [u8],
    width: usize,
    height: usize,
    channels: usize,
}

pub(super) fn draw(
    device: &mut BitmapDevice,
    image: Image<'_, '_>,
    transform: Affine,
    depth: usize,
) {
    let length = |x: u32, y: u32| {
        let end = Point::new(f64::from(x), f64::from(y));
        let vector = transform * end - transform * Point::ZERO;
        vector.hypot().ceil().clamp(1.0, 8192.0) as u32
    };
    let target = Some((length(image.width(), 0), length(0, image.height())));
    match image {
        Image::Stencil(stencil) => stencil.with_stencil(
            |mask, paint| {
                let ink = Ink::of(paint, false, depth);
                let transform = transform * stretch(mask.scale_factors);
                let mask = Samples::of_mask(&mask);
                draw_samples(device, &mask, transform, |u, v, footprint, x, y| {
                    let [covered, ..] = mask.average(u, v, footprint);
                    ink.at(x, y).map(|value| scale(value, covered))
                });
            },
            target,
        ),
        Image::Raster(raster) => raster.with_rgba(
            |colours, alpha| {
                let transform = transform * stretch(colours.scale_factors());
                let colours = Samples::of_colours(&colours);
                let alpha = alpha.as_ref().map(Samples::of_mask);
                draw_samples(device, &colours, transform, |u, v, footprint, _, _| {
                    let [red, green, blue] = colours.average(u, v, footprint);
                    let alpha = alpha
                        .as_ref()
                        .map_or(255, |alpha| alpha.average(u, v, footprint)[0]);
                    [
                        scale(red, alpha),
                        scale(green, alpha),
                        scale(blue, alpha),
                        alpha,
                    ]
                });
            },
            target,
        ),
    }
}

fn stretch((x, y): (f32, f32)) -> Affine {
    Affine::scale_non_uniform(f64::from(x), f64::from(y))
}

/// Draws an image. `colour` is given a place in the image and the size of a pixel there, as fractions of the image, and
/// the pixel.
fn draw_samples(
    device: &mut BitmapDevice,
    image: &Samples<'_>,
    transform: Affine,
    colour: impl Fn(f64, f64, (f64, f64), usize, usize) -> Pixel,
) {
    let (width, height) = (image.width as f64, image.height as f64);
    // From fractions of the image to pixels of the page.
    let transform = transform * Affine::scale_non_uniform(width, height);
    let inverse = transform.inverse();
    if !inverse.is_finite() {
        return;
    }
    let [a, b, c, d, ..] = inverse.as_coeffs();
    let footprint = (a.abs().max(c.abs()), b.abs().max(d.abs()));
    let outline = transform * Rect::new(0.0, 0.0, 1.0, 1.0).to_path(0.1);
    let coverage = Coverage::of(&outline, FillRule::NonZero, device.limits());
    let colour = &colour;
    device.paint(coverage.bounds, |x, y| {
        let place = inverse * Point::new(x as f64 + 0.5, y as f64 + 0.5);
        (coverage.at(x, y), move || {
            colour(place.x, place.y, footprint, x, y)
        })
    });
}

impl<'image> Samples<'image> {
    fn of_mask(mask: &'image LumaData) -> Self {
        Self {
            data: &mask.data,
            width: mask.width as usize,
            height: mask.height as usize,
            channels: 1,
        }
    }

    fn of_colours(image: &'image ImageData) -> Self {
        match image {
            ImageData::Luma(luma) => Self::of_mask(luma),
            ImageData::Rgb(colours) => Self {
                data: &colours.data,
                width: colours.width as usize,
                height: colours.height as usize,
                channels: 3,
            },
        }
    }

    /// Returns the average around a place, over the size of a pixel.
    fn average(&self, u: f64, v: f64, footprint: (f64, f64)) -> [u8; 3] {
        let columns = range(u, footprint.0, self.width);
        let rows = range(v, footprint.1, self.height);
        let mut sums = [0_u32; 3];
        let mut count = 0;
        for y in rows {
            for x in columns.clone() {
                let first = (y * self.width + x) * self.channels;
                for (number, sum) in sums.iter_mut().enumerate() {
                    // One channel stands for all three.
                    let sample = self.data.get(first + number.min(self.channels - 1));
                    *sum += u32::from(sample.copied().unwrap_or(255));
                }
                count += 1;
            }
        }
        sums.map(|sum| (sum / count.max(1)) as u8)
    }
}

/// Returns the samples of one axis that a pixel covers: at least one.
fn range(centre: f64, size: f64, samples: usize) -> std::ops::Range<usize> {
    let samples_f = samples as f64;
    let first = ((centre - size / 2.0) * samples_f)
        .round()
        .clamp(0.0, samples_f) as usize;
    let last = ((centre + size / 2.0) * samples_f)
        .round()
        .clamp(0.0, samples_f) as usize;
    let first = first.min(samples.saturating_sub(1));
    first..last.max(first + 1).min(samples)
}
