//! The parts of a page, in millimetres from its top left corner.
//!
//! The numbers are those of GOV.UK Notify's published letter specification, which follows from the printer's envelopes and
//! machines: services have made their letters to fit them.

/// A rectangle on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

const fn area(left: f64, top: f64, right: f64, bottom: f64) -> Area {
    Area {
        left,
        top,
        right,
        bottom,
    }
}

pub(crate) const PAGE_WIDTH: f64 = 210.0;
pub(crate) const PAGE_HEIGHT: f64 = 297.0;

/// What a page after the first may use: all but the margins.
pub(crate) const CONTENT: Area = area(15.0, 5.0, PAGE_WIDTH - 15.0, PAGE_HEIGHT - 5.0);
/// What the envelope's window shows of the first page.
pub(crate) const ADDRESS_WINDOW: Area = area(24.6, 39.5, 120.0, 66.3);
/// Above the window.
const LOGO: Area = area(CONTENT.left, CONTENT.top, 125.0, 30.0);
/// Right of the window.
const SENDER: Area = area(125.0, CONTENT.top, CONTENT.right, 95.0);
/// Below the window.
const BODY: Area = area(CONTENT.left, 95.0, CONTENT.right, CONTENT.bottom);
/// What the first page may use.
pub(crate) const FIRST_PAGE: [Area; 4] = [LOGO, SENDER, ADDRESS_WINDOW, BODY];

/// Where the printer looks for the mark that begins a letter.
pub(crate) const NOTIFY_TAG: Area = area(0.0, 0.0, 15.191, 6.149);
/// By how much content may exceed an area: soft edges of letters would otherwise be found.
pub(crate) const TOLERANCE: f64 = 1.0;
/// How far around the window text is read as part of the address, so that the edge cuts no line off.
pub(crate) const READING_MARGIN: f64 = 3.0;

impl Area {
    pub(crate) const fn grown(self, by: f64) -> Self {
        area(
            self.left - by,
            self.top - by,
            self.right + by,
            self.bottom + by,
        )
    }

    pub(crate) fn contains(self, x: f64, y: f64) -> bool {
        self.left <= x && x <= self.right && self.top <= y && y <= self.bottom
    }

    /// Returns whether a rectangle has a part in the area.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.left <= other.right
            && other.left <= self.right
            && self.top <= other.bottom
            && other.top <= self.bottom
    }
}

/// Returns what a page, counted from 1, may use.
pub(crate) fn printable(page: usize) -> &'static [Area] {
    if page == 1 {
        &FIRST_PAGE
    } else {
        std::slice::from_ref(&CONTENT)
    }
}

pub(crate) const fn millimetres(points: f64) -> f64 {
    points * 25.4 / 72.0
}
