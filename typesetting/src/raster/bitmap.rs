//! Pixels.

/// A pixel: red, green, blue and alpha; the colours are multiplied by alpha.
pub(super) type Pixel = [u8; 4];

/// A rectangle of pixels.
#[derive(Debug, Clone)]
pub(crate) struct Bitmap {
    width: usize,
    height: usize,
    pixels: Vec<Pixel>,
}

/// A rectangle of whole pixels within a bitmap. The right and bottom edges are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl PixelRect {
    pub(super) fn width(self) -> usize {
        self.right.saturating_sub(self.left)
    }

    pub(super) fn height(self) -> usize {
        self.bottom.saturating_sub(self.top)
    }

    pub(super) fn is_empty(self) -> bool {
        self.width() == 0 || self.height() == 0
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }
}

impl Bitmap {
    /// Returns an opaque white bitmap.
    pub(crate) fn white(width: f64, height: f64) -> Self {
        Self::filled(side(width), side(height), [255; 4])
    }

    pub(super) fn filled(width: usize, height: usize, pixel: Pixel) -> Self {
        Self {
            width,
            height,
            pixels: vec![pixel; width * height],
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn bounds(&self) -> PixelRect {
        PixelRect {
            left: 0,
            top: 0,
            right: self.width,
            bottom: self.height,
        }
    }

    pub(super) fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    pub(super) fn at(&self, x: usize, y: usize) -> Pixel {
        self.pixels[y * self.width + x]
    }

    pub(super) fn at_mut(&mut self, x: usize, y: usize) -> &mut Pixel {
        &mut self.pixels[y * self.width + x]
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[Pixel]> {
        self.pixels.chunks(self.width.max(1))
    }

    /// Mixes a colour into a rectangle; the edges are pixels.
    pub(crate) fn tint(&mut self, left: f64, top: f64, right: f64, bottom: f64, colour: [u8; 3]) {
        let (left, right) = (whole(left), whole(right).min(self.width));
        let (top, bottom) = (whole(top), whole(bottom).min(self.height));
        for y in top..bottom {
            for x in left..right {
                let pixel = self.at_mut(x, y);
                for (value, added) in pixel.iter_mut().zip(colour) {
                    // A fifth of the colour: what is beneath stays readable.
                    *value = u8::try_from((u16::from(*value) * 4 + u16::from(added)) / 5)
                        .unwrap_or(u8::MAX);
                }
            }
        }
    }
}

fn side(length: f64) -> usize {
    whole(length).max(1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is in the range"
)]
fn whole(length: f64) -> usize {
    length.clamp(0.0, 10_000.0).round() as usize
}
