//! How much of each pixel a path covers.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates are clamped to the bitmap first"
)]

use hayro_interpret::FillRule;
use kurbo::{BezPath, PathEl, Point};

use super::bitmap::PixelRect;

/// Lines that each row of pixels is cut into.
const LINES: usize = 5;

/// Coverage of the pixels of a rectangle, from 0 to 255.
#[derive(Debug, Clone)]
pub(super) struct Coverage {
    pub(super) bounds: PixelRect,
    values: Vec<u8>,
}

/// Where an edge crosses a line.
#[derive(Debug, Clone, Copy)]
struct Crossing {
    line: u32,
    x: f32,
    direction: i32,
}

impl Coverage {
    /// Returns the coverage of a path, which is in pixels, within `limits`.
    pub(super) fn of(path: &BezPath, rule: FillRule, limits: PixelRect) -> Self {
        let edges = edges(path);
        let bounds = enclosing(&edges).intersect(limits);
        if bounds.is_empty() {
            let values = Vec::new();
            return Self { bounds, values };
        }
        let mut crossings = Vec::new();
        for (from, to) in &edges {
            push_crossings(&mut crossings, *from, *to, bounds);
        }
        crossings.sort_unstable_by(|a, b| a.line.cmp(&b.line).then(a.x.total_cmp(&b.x)));
        Self {
            bounds,
            values: fill(&crossings, rule, bounds),
        }
    }

    /// Returns the coverage of a pixel; 0 outside the bounds.
    pub(super) fn at(&self, x: usize, y: usize) -> u8 {
        let PixelRect { left, top, .. } = self.bounds;
        let is_inside =
            (left..self.bounds.right).contains(&x) && (top..self.bounds.bottom).contains(&y);
        if is_inside {
            self.values[(y - top) * self.bounds.width() + (x - left)]
        } else {
            0
        }
    }

    /// Multiplies this coverage by another.
    pub(super) fn restrict(&mut self, other: &Self) {
        let (width, left, top) = (
            self.bounds.width().max(1),
            self.bounds.left,
            self.bounds.top,
        );
        for (number, value) in self.values.iter_mut().enumerate() {
            let theirs = other.at(left + number % width, top + number / width);
            *value = scale(*value, theirs);
        }
    }
}

/// Returns the product of two fractions of 255.
pub(super) fn scale(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 127;
    (product / 255) as u8
}

fn edges(path: &BezPath) -> Vec<(Point, Point)> {
    /// Pixels by which a curve may differ from its lines.
    const TOLERANCE: f64 = 0.1;
    let mut edges = Vec::new();
    let (mut start, mut last) = (Point::ZERO, Point::ZERO);
    kurbo::flatten(path.iter(), TOLERANCE, |element| match element {
        PathEl::MoveTo(point) => {
            // An open part is closed where it is filled.
            edges.push((last, start));
            (start, last) = (point, point);
        }
        PathEl::LineTo(point) => {
            edges.push((last, point));
            last = point;
        }
        PathEl::ClosePath => {
            edges.push((last, start));
            last = start;
        }
        PathEl::QuadTo(..) | PathEl::CurveTo(..) => unreachable!("a flattened path has lines only"),
    });
    edges.push((last, start));
    edges.retain(|(from, to)| from.is_finite() && to.is_finite() && from != to);
    edges
}

fn enclosing(edges: &[(Point, Point)]) -> PixelRect {
    let (mut low, mut high) = (
        Point::new(f64::MAX, f64::MAX),
        Point::new(f64::MIN, f64::MIN),
    );
    for point in edges.iter().flat_map(|(from, to)| [from, to]) {
        low = Point::new(low.x.min(point.x), low.y.min(point.y));
        high = Point::new(high.x.max(point.x), high.y.max(point.y));
    }
    PixelRect {
        left: low.x.floor().max(0.0) as usize,
        top: low.y.floor().max(0.0) as usize,
        right: high.x.ceil().max(0.0) as usize,
        bottom: high.y.ceil().max(0.0) as usize,
    }
}

fn push_crossings(crossings: &mut Vec<Crossing>, from: Point, to: Point, bounds: PixelRect) {
    let direction = if from.y < to.y { 1 } else { -1 };
    let (upper, lower) = if from.y < to.y {
        (from, to)
    } else {
        (to, from)
    };
    // Lines are sampled in their middle.
    let number = |y: f64| {
        ((y - bounds.top as f64) * LINES as f64 - 0.5)
            .ceil()
            .max(0.0)
    };
    let first = number(upper.y) as usize;
    let last = (number(lower.y) as usize).min(bounds.height() * LINES);
    let slope = (lower.x - upper.x) / (lower.y - upper.y);
    for line in first..last {
        let y = bounds.top as f64 + (line as f64 + 0.5) / LINES as f64;
        let x = upper.x + (y - upper.y) * slope;
        crossings.push(Crossing {
            line: line as u32,
            x: (x - bounds.left as f64).clamp(0.0, bounds.width() as f64) as f32,
            direction,
        });
    }
}

fn fill(crossings: &[Crossing], rule: FillRule, bounds: PixelRect) -> Vec<u8> {
    let width = bounds.width();
    let mut sums = vec![0.0_f32; width * bounds.height()];
    for line in crossings.chunk_by(|a, b| a.line == b.line) {
        let row = line[0].line as usize / LINES * width;
        let mut winding = 0;
        for pair in line.windows(2) {
            winding += pair[0].direction;
            let is_inside = match rule {
                FillRule::NonZero => winding != 0,
                FillRule::EvenOdd => winding % 2 != 0,
            };
            if is_inside {
                add_span(&mut sums[row..row + width], pair[0].x, pair[1].x);
            }
        }
    }
    let most = 255.0 / LINES as f32;
    sums.iter()
        .map(|sum| (sum * most).min(255.0).ceil() as u8)
        .collect()
}

/// Adds the part of each pixel that is between `from` and `to`.
fn add_span(row: &mut [f32], from: f32, to: f32) {
    let (first, last) = (from as usize, (to.ceil() as usize).min(row.len()));
    for (number, sum) in row.iter_mut().enumerate().take(last).skip(first) {
        let left = number as f32;
        *sum += to.min(left + 1.0) - from.max(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurbo::{Rect, Shape as _};

    const LIMITS: PixelRect = PixelRect {
        left: 0,
        top: 0,
        right: 10,
        bottom: 10,
    };

    fn rect(x0: f64, y0: f64, x1: f64, y1: f64) -> BezPath {
        Rect::new(x0, y0, x1, y1).to_path(0.1)
    }

    #[test]
    fn a_pixel_is_covered_in_proportion() {
        let found = Coverage::of(&rect(1.0, 1.0, 2.5, 3.0), FillRule::NonZero, LIMITS);
        assert_eq!(found.at(1, 1), 255);
        assert_eq!(found.at(2, 2), 128);
        assert_eq!((found.at(3, 1), found.at(1, 3), found.at(0, 1)), (0, 0, 0));
    }

    #[test]
    fn a_hole_depends_on_the_rule() {
        let mut path = rect(0.0, 0.0, 6.0, 6.0);
        path.extend(rect(2.0, 2.0, 4.0, 4.0));
        let at_hole = |rule| Coverage::of(&path, rule, LIMITS).at(3, 3);
        assert_eq!(
            (at_hole(FillRule::NonZero), at_hole(FillRule::EvenOdd)),
            (255, 0)
        );
    }

    #[test]
    fn what_is_outside_the_limits_costs_nothing() {
        let huge = rect(-1e12, -1e12, 1e12, 1e12);
        let found = Coverage::of(&huge, FillRule::NonZero, LIMITS);
        assert_eq!((found.at(0, 0), found.at(9, 9)), (255, 255));
        let broken = rect(f64::NAN, 0.0, 1.0, 1.0);
        assert!(
            Coverage::of(&broken, FillRule::NonZero, LIMITS)
                .bounds
                .is_empty()
        );
    }
}
