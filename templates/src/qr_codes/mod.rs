//! QR codes of letters (`docs/spec/templates.md` §10.4): the smallest symbol for a text at level M, then the highest
//! level that fits into its size.
//!
//! The library `qrcodegen` makes the symbols. Three rules of the specification differ from its defaults: character set
//! and mode (`encoding`), padding (`pad`) and the choice of the mask (`masks`).

mod encoding;
mod masks;
mod modules;
mod shift_jis;

use std::{fmt::Write, slice};

use qrcodegen::{DataTooLong, Mask, QrCode as Symbol, QrCodeEcc, QrSegment, Version};

pub use encoding::Mode;

use modules::Modules;

/// Error correction level: the share of a symbol that may be damaged. Level L is never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `M`, about 15 %.
    Medium,
    /// `Q`, about 25 %.
    Quartile,
    /// `H`, about 30 %.
    High,
}

impl Level {
    /// Returns the letter by which the standard calls the level.
    pub const fn letter(self) -> char {
        match self {
            Self::Medium => 'M',
            Self::Quartile => 'Q',
            Self::High => 'H',
        }
    }
}

impl From<QrCodeEcc> for Level {
    fn from(level: QrCodeEcc) -> Self {
        match level {
            QrCodeEcc::Low | QrCodeEcc::Medium => Self::Medium,
            QrCodeEcc::Quartile => Self::Quartile,
            QrCodeEcc::High => Self::High,
        }
    }
}

/// A QR code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    version: u8,
    level: Level,
    mode: Mode,
    mask: u8,
    modules: Modules,
}

impl QrCode {
    /// Encodes a text. Returns `None` if it is too long for the largest symbol at level M (2,331 bytes).
    pub fn encode(text: &str) -> Option<Self> {
        let bytes = encoding::encode(text);
        let mode = Mode::for_bytes(&bytes);
        let segment = encoding::segment(mode, &bytes);
        let unmasked = Symbol::encode_segments_advanced(
            slice::from_ref(&segment),
            QrCodeEcc::Medium,
            Version::MIN,
            Version::MAX,
            // The mask changes neither version nor level; giving one spares the library its own choice.
            Some(Mask::new(0)),
            true,
        );
        let (version, level) = unmasked
            .map(|symbol| (symbol.version(), symbol.error_correction_level()))
            .ok()?;
        let segment = pad(segment, version, level);
        // Every reader can read any mask; which one is chosen decides the modules, which the vectors compare.
        let symbol = masks::best((0..8).map(|mask| {
            draw(&segment, version, level, Mask::new(mask)).expect("the segment fits this version")
        }));
        Some(Self {
            version: version.value(),
            level: level.into(),
            mode,
            mask: symbol.mask().value(),
            modules: Modules::of_symbol(&symbol),
        })
    }

    /// Returns the version, 1 to 40: version 1 has 21 modules a side, each further one four more.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Returns the error correction level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns the mode in which the data is encoded.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the number of the mask pattern, 0 to 7.
    pub fn mask(&self) -> u8 {
        self.mask
    }

    /// Returns the rows from top to bottom, without a quiet zone. Dark modules are true.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.modules.rows()
    }

    /// Renders SVG with one path over all dark modules, without a quiet zone.
    pub fn svg(&self) -> String {
        let size = self.modules.size();
        let mut svg = format!("<svg viewBox=\"0 0 {size} {size}\"><path stroke=\"#000\" d=\"");
        let mut before = None;
        for (y, row) in self.rows().enumerate() {
            for (x, length) in dark_runs(row) {
                push_run(&mut svg, before, (x, y), length);
                before = Some((x + length, y));
            }
        }
        svg.push_str("\"/></svg>");
        svg
    }
}

/// Draws a symbol with everything but the data given, and fails if the data does not fit.
fn draw(
    segment: &QrSegment,
    version: Version,
    level: QrCodeEcc,
    mask: Mask,
) -> Result<Symbol, DataTooLong> {
    let segments = slice::from_ref(segment);
    Symbol::encode_segments_advanced(segments, level, version, version, Some(mask), false)
}

/// Appends a zero byte where data and terminator end at a byte boundary and a further codeword fits.
fn pad(segment: QrSegment, version: Version, level: QrCodeEcc) -> QrSegment {
    const MODE_AND_TERMINATOR_BITS: usize = 4 + 4;
    let used = MODE_AND_TERMINATOR_BITS
        + encoding::count_bits(segment.mode(), version)
        + segment.data().len();
    if !used.is_multiple_of(8) {
        return segment;
    }
    // The published symbols have this byte before the alternating pad codewords; the standard and `qrcodegen` do not.
    // Readers ignore all that follows the terminator, and the appended byte begins with one.
    let mut data = segment.data().clone();
    data.extend([false; 8]);
    let padded = QrSegment::new(segment.mode(), segment.num_chars(), data);
    // The library keeps its table of capacities private, so drawing once tells whether the byte fits.
    if draw(&padded, version, level, Mask::new(0)).is_ok() {
        padded
    } else {
        segment
    }
}

/// Writes a horizontal line, relative to the end of the one before.
fn push_run(
    svg: &mut String,
    before: Option<(usize, usize)>,
    (x, y): (usize, usize),
    length: usize,
) {
    let written = match before {
        None => write!(svg, "M{x} {y}.5h{length}"),
        Some((end, row)) => {
            let sign = if x < end { "-" } else { "" };
            write!(svg, "m{sign}{} {}h{length}", x.abs_diff(end), y - row)
        }
    };
    written.expect("writing to a String cannot fail");
}

/// Returns the start and length of each run of dark modules.
fn dark_runs(row: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    let mut x = 0;
    row.chunk_by(|left, right| left == right)
        .filter_map(move |run| {
            let start = x;
            x += run.len();
            run[0].then_some((start, run.len()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gets_the_smallest_version_and_highest_level() {
        for (text, version, level, mode) in [
            ("12345678", 1, Level::High, Mode::Numeric),
            ("HELLO WORLD", 1, Level::Quartile, Mode::Alphanumeric),
            ("日本語", 1, Level::High, Mode::Kanji),
            ("café", 1, Level::High, Mode::Byte),
            ("", 1, Level::High, Mode::Byte),
        ] {
            let code = QrCode::encode(text).expect("a short text");
            assert_eq!(
                (code.version(), code.level(), code.mode()),
                (version, level, mode)
            );
            assert_eq!(code.rows().count(), 21);
        }
    }

    #[test]
    fn versions_have_the_capacity_of_the_standard() {
        for (bytes, version) in [(14, 1), (106, 6), (666, 20), (1370, 30), (2331, 40)] {
            let fits = QrCode::encode(&"~".repeat(bytes)).expect("a text that fits");
            assert_eq!((fits.version(), fits.level()), (version, Level::Medium));
            let wider = QrCode::encode(&"~".repeat(bytes + 1)).map(|code| code.version());
            assert_eq!(wider, Some(version + 1).filter(|&version| version <= 40));
        }
    }

    #[test]
    fn the_svg_path_draws_run_after_run() {
        let svg = QrCode::encode("1").expect("a short text").svg();
        assert!(svg.starts_with("<svg viewBox=\"0 0 21 21\"><path stroke=\"#000\" d=\"M0 0.5h7m"));
        assert!(svg.ends_with("\"/></svg>"));
    }
}
