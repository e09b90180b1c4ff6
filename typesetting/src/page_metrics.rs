//! Positions, sizes and styles on the page, in points from its top left corner.

/// The most pages that are made of one letter. More than may be sent, so that the author of a letter that is too long can
/// still look at it.
pub const MAX_TYPESET_PAGES: usize = 40;

const fn mm(millimetres: f32) -> f32 {
    millimetres * 72.0 / 25.4
}

pub(crate) const WIDTH: f32 = mm(210.0);
pub(crate) const HEIGHT: f32 = mm(297.0);

// The text is aligned with the left edge of the address, which the envelope's window dictates.
pub(crate) const LEFT: f32 = mm(24.6);
pub(crate) const RIGHT: f32 = WIDTH - mm(20.0);
pub(crate) const TOP: f32 = mm(20.0);
pub(crate) const BOTTOM: f32 = HEIGHT - mm(20.0);

// The place of a logo, above the window (`docs/spec/letters.md` §5.3), aligned with the text.
pub(crate) const LOGO_TOP: f32 = mm(8.0);
pub(crate) const LOGO_WIDTH: f32 = mm(95.0);
pub(crate) const LOGO_HEIGHT: f32 = mm(20.0);

// The area of the envelope's window in which the address may stand. Nothing else is printed there.
pub(crate) const ADDRESS_TOP: f32 = mm(39.5);
pub(crate) const ADDRESS_WIDTH: f32 = mm(95.4);
pub(crate) const ADDRESS_HEIGHT: f32 = mm(26.8);

// The mark by which the printer finds the first page of each letter, in white: top left, as it asks for.
pub(crate) const TAG_TEXT: &str = "NOTIFY";
pub(crate) const TAG_LEFT: f32 = mm(1.8);
pub(crate) const TAG_SIZE: f32 = 6.0;
pub(crate) const TAG_BASELINE: f32 = mm(1.8) + TAG_SIZE;

/// Right of the window, so that the contact block may be as tall as it needs without being seen through it.
pub(crate) const CONTACT_LEFT: f32 = mm(128.0);
/// Leaves room for the date and the beginning of the letter on the first page.
pub(crate) const CONTACT_BOTTOM: f32 = mm(200.0);

/// Top of the date; further down if the contact block reaches further. Above it, beside the window, nothing may be printed
/// (`docs/spec/letters.md` §5.3).
pub(crate) const DATE_TOP: f32 = mm(95.0);

/// How one kind of text is set. All lengths are in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f32,
    /// From one baseline to the next.
    pub(crate) leading: f32,
    pub(crate) bold: bool,
    /// Space above.
    pub(crate) before: f32,
    /// Space below.
    pub(crate) after: f32,
}

const fn style(size: f32, leading: f32, bold: bool, before: f32, after: f32) -> Style {
    Style {
        size,
        leading,
        bold,
        before,
        after,
    }
}

pub(crate) const BODY: Style = style(12.0, 16.5, false, 0.0, 9.0);
pub(crate) const CONTACT: Style = style(10.0, 13.5, false, 0.0, 0.0);
pub(crate) const DATE: Style = style(12.0, 16.5, false, 0.0, 16.0);
pub(crate) const SUBJECT: Style = style(14.0, 19.0, true, 0.0, 10.0);
pub(crate) const HEADING: Style = style(12.0, 16.5, true, 5.0, 4.0);

/// Space between list items; the last one is followed by the space after a paragraph.
pub(crate) const ITEM_AFTER: f32 = 3.0;
pub(crate) const ITEM_INDENT: f32 = mm(7.0);
/// The least width of text, however deeply its list is nested.
pub(crate) const MIN_TEXT_WIDTH: f32 = mm(40.0);

/// Side of a QR code, its quiet zone included.
pub(crate) const QR_SIDE: f32 = mm(32.0);
/// Quiet zone in modules on each side, as ISO/IEC 18004 demands; scanners fail without it.
pub(crate) const QR_QUIET_ZONE: f32 = 4.0;

/// Font sizes tried for an address, the most readable first.
pub(crate) const ADDRESS_SIZES: [f32; 4] = [9.5, 8.5, 7.5, 6.5];
/// Leading of an address as a multiple of its font size: seven lines fit the window at the largest size.
pub(crate) const ADDRESS_LEADING: f32 = 1.14;
