//! Where things stand on the paper, in points from its top left corner.

/// The most pages that are made of one letter. More than may be sent, so that a letter that is too long can be looked
/// at; but there is an end.
pub const MOST_PAGES_MADE: usize = 40;

const fn mm(millimetres: f32) -> f32 {
    millimetres * 72.0 / 25.4
}

pub(crate) const WIDTH: f32 = mm(210.0);
pub(crate) const HEIGHT: f32 = mm(297.0);

/// The text begins under the left edge of the address, and so does everything else.
pub(crate) const LEFT: f32 = mm(24.6);
pub(crate) const RIGHT: f32 = WIDTH - mm(20.0);
pub(crate) const TOP: f32 = mm(20.0);
pub(crate) const BOTTOM: f32 = HEIGHT - mm(20.0);

/// The part of the address window in which an address may stand: nothing else is ever printed here.
pub(crate) const ADDRESS_TOP: f32 = mm(39.5);
pub(crate) const ADDRESS_WIDTH: f32 = mm(95.4);
pub(crate) const ADDRESS_HEIGHT: f32 = mm(26.8);

/// The contact block stands beside the address, not above it.
pub(crate) const CONTACT_LEFT: f32 = mm(128.0);
/// It leaves room for the date and something of the letter.
pub(crate) const CONTACT_BOTTOM: f32 = mm(200.0);

/// The date stands here, or further down if the contact block does.
pub(crate) const DATE_TOP: f32 = mm(82.0);

/// How one kind of text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// In points.
    pub(crate) size: f32,
    /// From one baseline to the next.
    pub(crate) leading: f32,
    pub(crate) bold: bool,
    /// Above and below.
    pub(crate) before: f32,
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

/// Between the items of a list; after the last there is that of a paragraph.
pub(crate) const ITEM_AFTER: f32 = 3.0;
/// How far the text of an item stands in.
pub(crate) const ITEM_INDENT: f32 = mm(7.0);
/// However deep a list lies, its text has this much room.
pub(crate) const NARROWEST: f32 = mm(40.0);

/// The side of a QR code with the white around it.
pub(crate) const QR_SIDE: f32 = mm(32.0);
/// White modules around a QR code, on each side; without them it cannot be read.
pub(crate) const QR_QUIET: f32 = 4.0;

/// The sizes in which an address is tried, the one that is pleasant to read first.
pub(crate) const ADDRESS_SIZES: [f32; 4] = [9.5, 8.5, 7.5, 6.5];
/// From one baseline to the next, as a part of the size: seven lines fit at the first size.
pub(crate) const ADDRESS_LEADING: f32 = 1.14;
