//! QR codes as letters have them (`docs/spec/templates.md` §10.4): the smallest symbol for a text, as strong as it can
//! be at its size.
//!
//! The symbols are those of ISO/IEC 18004. Which of the eight masks is taken follows the rules of our model, which
//! judges them a little differently from the standard; every reader can read the outcome.

mod bits;
mod capacity;
mod correction;
mod grid;
mod masks;
mod segment;
mod shift_jis;

use std::fmt::Write;

pub use capacity::Level;
pub use segment::Mode;

use capacity::Version;
use grid::Grid;
use segment::Segment;

/// A QR code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    version: u8,
    level: Level,
    mode: Mode,
    mask: u8,
    modules: Grid,
}

impl QrCode {
    /// The code for a text; none for a text that is too long for any.
    pub fn of(text: &str) -> Option<Self> {
        let segment = Segment::of(text);
        let version = Version::smallest_for(&segment)?;
        let level = version.strongest_for(&segment);
        let codewords = correction::protected(&segment.codewords(version, level), version, level);
        let blank = Grid::with_codewords(version, &codewords);
        let (mask, masked) = masks::best(&blank);
        Some(Self {
            version: version.number(),
            level,
            mode: segment.mode(),
            mask,
            modules: masked.finished(version, level, mask),
        })
    }

    /// Its size class, 1 to 40: each is four modules wider than the one before, the first has 21.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// How much of it may be damaged.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What its data is made of.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The pattern laid over it, 0 to 7.
    pub fn mask(&self) -> u8 {
        self.mask
    }

    /// Its rows from top to bottom, without a margin: dark modules are true.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.modules.rows()
    }

    /// It as SVG: one path over its dark modules, without a margin.
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

/// A line over so many modules, from the end of the one before.
fn push_run(
    svg: &mut String,
    before: Option<(usize, usize)>,
    (x, y): (usize, usize),
    length: usize,
) {
    let written = match before {
        None => write!(svg, "M{x} {y}.5h{length}"),
        Some((end, row)) => {
            let back = if x < end { "-" } else { "" };
            write!(svg, "m{back}{} {}h{length}", x.abs_diff(end), y - row)
        }
    };
    written.expect("a String takes all that is written");
}

/// Where dark modules begin, and how many follow each other.
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
    fn a_text_takes_the_smallest_symbol_and_the_strongest_level() {
        for (text, version, level, mode) in [
            ("12345678", 1, Level::High, Mode::Numeric),
            ("HELLO WORLD", 1, Level::Quartile, Mode::Alphanumeric),
            ("日本語", 1, Level::High, Mode::Kanji),
            ("café", 1, Level::High, Mode::Byte),
            ("", 1, Level::High, Mode::Byte),
        ] {
            let code = QrCode::of(text).expect("a short text");
            assert_eq!(
                (code.version(), code.level(), code.mode()),
                (version, level, mode)
            );
            assert_eq!(code.rows().count(), 21);
        }
    }

    #[test]
    fn every_version_has_the_room_that_the_standard_says() {
        for (bytes, version) in [(14, 1), (106, 6), (666, 20), (1370, 30), (2331, 40)] {
            let fits = QrCode::of(&"~".repeat(bytes)).expect("a text that fits");
            assert_eq!((fits.version(), fits.level()), (version, Level::Medium));
            let wider = QrCode::of(&"~".repeat(bytes + 1)).map(|code| code.version());
            assert_eq!(wider, Some(version + 1).filter(|&version| version <= 40));
        }
    }

    #[test]
    fn the_path_goes_from_run_to_run() {
        let svg = QrCode::of("1").expect("a short text").svg();
        assert!(svg.starts_with("<svg viewBox=\"0 0 21 21\"><path stroke=\"#000\" d=\"M0 0.5h7m"));
        assert!(svg.ends_with("\"/></svg>"));
    }
}
