//! Draws what the interpreter says.

use std::collections::HashMap;

use hayro_interpret::{
    BlendMode, CacheKey as _, ClipPath, Device, FillRule, GlyphDrawMode, Image, MaskType, Paint,
    PathDrawMode, SoftMask, StrokeProps, font::Glyph,
};
use kurbo::{Affine, BezPath, Shape as _, Stroke, StrokeOpts};

use super::{
    bitmap::{Bitmap, Pixel, PixelRect},
    coverage::{Coverage, scale},
    images,
    paint::{Ink, premultiplied},
};

/// A device that draws into a bitmap.
pub(super) struct BitmapDevice {
    /// The page, and a layer for each transparency group that is open.
    layers: Vec<Layer>,
    /// For each transparency group that is open, whether it has a layer.
    groups: Vec<bool>,
    clips: Vec<Clip>,
    soft_mask: Option<Vec<u8>>,
    blend_mode: BlendMode,
    outlines: HashMap<u128, BezPath>,
    depth: usize,
}

struct Layer {
    bitmap: Bitmap,
    group: Option<Group>,
}

/// How a layer is drawn on the one below.
struct Group {
    opacity: u8,
    mask: Option<Vec<u8>>,
    blend_mode: BlendMode,
}

/// What may be drawn on: a rectangle, or a part of it.
#[derive(Clone)]
struct Clip {
    bounds: PixelRect,
    coverage: Option<Coverage>,
}

impl BitmapDevice {
    /// The most patterns and masks within each other.
    pub(super) const MAX_DEPTH: usize = 8;
    /// The most layers at once: each has the size of the page.
    const MAX_LAYERS: usize = 12;

    pub(super) fn new(bitmap: Bitmap) -> Self {
        Self::nested(bitmap, 0)
    }

    pub(super) fn nested(bitmap: Bitmap, depth: usize) -> Self {
        let clip = Clip {
            bounds: bitmap.bounds(),
            coverage: None,
        };
        Self {
            layers: vec![Layer {
                bitmap,
                group: None,
            }],
            groups: Vec::new(),
            clips: vec![clip],
            soft_mask: None,
            blend_mode: BlendMode::Normal,
            outlines: HashMap::new(),
            depth,
        }
    }

    /// Returns what was drawn.
    pub(super) fn finish(mut self) -> Bitmap {
        while self.layers.len() > 1 {
            self.merge_layer();
        }
        self.layers.swap_remove(0).bitmap
    }

    fn clip(&self) -> &Clip {
        self.clips.last().expect("the first clip is never removed")
    }

    /// Returns the rectangle that may be drawn on.
    pub(super) fn limits(&self) -> PixelRect {
        self.clip().bounds
    }

    fn fill(&mut self, path: &BezPath, rule: FillRule, ink: &Ink) {
        let coverage = Coverage::of(path, rule, self.clip().bounds);
        self.paint(coverage.bounds, |x, y| {
            (coverage.at(x, y), move || ink.at(x, y))
        });
    }

    fn stroke(&mut self, path: &BezPath, transform: Affine, props: &StrokeProps, ink: &Ink) {
        let scale = transform.determinant().abs().sqrt();
        if !scale.is_finite() || scale <= 0.0 {
            return;
        }
        // A line of no width is as thin as the device can draw.
        let width = f64::from(props.line_width).max(1.0 / scale);
        let mut stroke = Stroke::new(width)
            .with_join(props.line_join)
            .with_caps(props.line_cap)
            .with_miter_limit(f64::from(props.miter_limit));
        let dashes: Vec<f64> = props
            .dash_array
            .iter()
            .map(|dash| f64::from(*dash))
            .collect();
        // Dashes shorter than a pixel look like a line, and there could be millions of them.
        if dashes.iter().sum::<f64>() * scale > 1.0 && dashes.iter().all(|dash| *dash >= 0.0) {
            stroke = stroke.with_dashes(f64::from(props.dash_offset), dashes);
        }
        let outline = kurbo::stroke(path.iter(), &stroke, &StrokeOpts::default(), 0.1 / scale);
        self.fill(&(transform * outline), FillRule::NonZero, ink);
    }

    /// Draws pixels of a rectangle. `at` returns how much of a pixel is covered, and how to find its colour.
    pub(super) fn paint<C: FnOnce() -> Pixel>(
        &mut self,
        area: PixelRect,
        at: impl Fn(usize, usize) -> (u8, C),
    ) {
        let clip = self.clips.last().expect("the first clip is never removed");
        let layer = self.layers.last_mut().expect("the page is never removed");
        let width = layer.bitmap.width();
        let area = area.intersect(clip.bounds);
        for y in area.top..area.bottom {
            for x in area.left..area.right {
                let (mut covered, colour) = at(x, y);
                if let Some(clip) = &clip.coverage {
                    covered = scale(covered, clip.at(x, y));
                }
                if let Some(mask) = &self.soft_mask {
                    covered = scale(covered, mask[y * width + x]);
                }
                if covered > 0 {
                    blend(
                        layer.bitmap.at_mut(x, y),
                        colour(),
                        covered,
                        self.blend_mode,
                    );
                }
            }
        }
    }

    fn merge_layer(&mut self) {
        let Some(Layer {
            bitmap,
            group: Some(group),
        }) = self.layers.pop_if(|layer| layer.group.is_some())
        else {
            return;
        };
        let below = self.layers.last_mut().expect("the page is never removed");
        let width = bitmap.width();
        for (number, pixel) in bitmap.pixels().iter().enumerate() {
            let mask = group.mask.as_ref().map_or(255, |mask| mask[number]);
            let covered = scale(group.opacity, mask);
            if pixel[3] > 0 && covered > 0 {
                let target = below.bitmap.at_mut(number % width, number / width);
                blend(target, *pixel, covered, group.blend_mode);
            }
        }
    }

    /// Draws a soft mask and returns how much it lets through of each pixel.
    fn draw_mask(&self, mask: &SoftMask<'_>) -> Vec<u8> {
        let (width, height) = (self.clips[0].bounds.width(), self.clips[0].bounds.height());
        if self.depth >= Self::MAX_DEPTH {
            return vec![255; width * height];
        }
        let is_luminosity = mask.mask_type() == MaskType::Luminosity;
        let background = if is_luminosity {
            premultiplied(mask.background_color().to_rgba().components())
        } else {
            [0; 4]
        };
        let blank = Bitmap::filled(width, height, background);
        let mut device = Self::nested(blank, self.depth + 1);
        mask.interpret(&mut device);
        let value = |[red, green, blue, alpha]: &Pixel| {
            if is_luminosity {
                let sum = u32::from(*red) * 77 + u32::from(*green) * 151 + u32::from(*blue) * 28;
                u8::try_from(sum / 256).unwrap_or(u8::MAX)
            } else {
                *alpha
            }
        };
        let transfer: Option<Vec<u8>> = mask.transfer_function().map(|function| {
            let of = |input: u8| function.apply(f32::from(input) / 255.0);
            (0..=255)
                .map(|input| premultiplied([0.0, 0.0, 0.0, of(input)])[3])
                .collect()
        });
        let values = device.finish();
        let values = values.pixels().iter().map(value);
        match transfer {
            Some(table) => values.map(|value| table[usize::from(value)]).collect(),
            None => values.collect(),
        }
    }

    fn outline(&mut self, glyph: &hayro_interpret::font::OutlineGlyph) -> BezPath {
        /// Outlines that are kept: those of an ordinary letter.
        const KEPT: usize = 2000;
        if self.outlines.len() > KEPT {
            self.outlines.clear();
        }
        let key = glyph.identifier().cache_key();
        self.outlines
            .entry(key)
            .or_insert_with(|| glyph.outline())
            .clone()
    }
}

impl<'a> Device<'a> for BitmapDevice {
    fn set_soft_mask(&mut self, mask: Option<SoftMask<'a>>) {
        self.soft_mask = mask.map(|mask| self.draw_mask(&mask));
    }

    fn set_blend_mode(&mut self, blend_mode: BlendMode) {
        self.blend_mode = blend_mode;
    }

    fn draw_path(
        &mut self,
        path: &BezPath,
        transform: Affine,
        paint: &Paint<'a>,
        draw_mode: &PathDrawMode,
    ) {
        match draw_mode {
            PathDrawMode::Fill(rule) => {
                let ink = Ink::of(paint, false, self.depth);
                self.fill(&(transform * path), *rule, &ink);
            }
            PathDrawMode::Stroke(props) => {
                let ink = Ink::of(paint, true, self.depth);
                self.stroke(path, transform, props, &ink);
            }
        }
    }

    fn push_clip_path(&mut self, clip_path: &ClipPath) {
        let current = self.clip();
        let mut coverage = Coverage::of(&clip_path.path, clip_path.fill, current.bounds);
        if let Some(outer) = &current.coverage {
            coverage.restrict(outer);
        }
        let bounds = coverage.bounds;
        // A rectangle fills its own bounds. Most clips are rectangles, and need no values for each pixel.
        let area = clip_path.path.bounding_box().area();
        let is_rectangle = (clip_path.path.area().abs() - area).abs() <= area * 1e-6;
        let coverage = (current.coverage.is_some() || !is_rectangle).then_some(coverage);
        self.clips.push(Clip { bounds, coverage });
    }

    fn push_transparency_group(
        &mut self,
        opacity: f32,
        mask: Option<SoftMask<'a>>,
        blend_mode: BlendMode,
    ) {
        let is_plain = opacity >= 1.0 && mask.is_none() && blend_mode == BlendMode::Normal;
        let bitmap = &self.layers[0].bitmap;
        // A group that changes nothing needs no pixels of its own, and too many would fill the memory.
        let (group, size) = if is_plain || self.layers.len() >= Self::MAX_LAYERS {
            (None, (0, 0))
        } else {
            let group = Group {
                opacity: premultiplied([0.0, 0.0, 0.0, opacity])[3],
                mask: mask.map(|mask| self.draw_mask(&mask)),
                blend_mode,
            };
            (Some(group), (bitmap.width(), bitmap.height()))
        };
        self.groups.push(group.is_some());
        if let Some(group) = group {
            let bitmap = Bitmap::filled(size.0, size.1, [0; 4]);
            self.layers.push(Layer {
                bitmap,
                group: Some(group),
            });
        }
    }

    fn draw_glyph(
        &mut self,
        glyph: &Glyph<'a>,
        transform: Affine,
        glyph_transform: Affine,
        paint: &Paint<'a>,
        draw_mode: &GlyphDrawMode,
    ) {
        match (glyph, draw_mode) {
            (_, GlyphDrawMode::Invisible) => {}
            (Glyph::Type3(glyph), _) => glyph.interpret(self, transform, glyph_transform, paint),
            (Glyph::Outline(glyph), GlyphDrawMode::Fill) => {
                let outline = self.outline(glyph);
                let ink = Ink::of(paint, false, self.depth);
                self.fill(
                    &(transform * glyph_transform * outline),
                    FillRule::NonZero,
                    &ink,
                );
            }
            (Glyph::Outline(glyph), GlyphDrawMode::Stroke(props)) => {
                let outline = self.outline(glyph);
                let ink = Ink::of(paint, true, self.depth);
                self.stroke(&(glyph_transform * outline), transform, props, &ink);
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, transform: Affine) {
        images::draw(self, image, transform, self.depth);
    }

    fn pop_clip_path(&mut self) {
        // Instructions may end more clips than they began.
        if self.clips.len() > 1 {
            self.clips.pop();
        }
    }

    fn pop_transparency_group(&mut self) {
        if self.groups.pop() == Some(true) {
            self.merge_layer();
        }
    }
}

/// Draws a colour over a pixel.
fn blend(below: &mut Pixel, colour: Pixel, covered: u8, mode: BlendMode) {
    let mut colour = colour.map(|value| scale(value, covered));
    let alpha = colour[3];
    if mode == BlendMode::Multiply {
        // Where there is nothing below, the colour stays as it is.
        let missing = 255 - below[3];
        for (value, under) in colour.iter_mut().zip(*below).take(3) {
            *value = scale(*value, under.saturating_add(missing));
        }
    }
    for (value, added) in below.iter_mut().zip(colour) {
        *value = scale(*value, 255 - alpha).saturating_add(added);
    }
}
