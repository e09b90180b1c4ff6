//! The modules of a symbol (ISO/IEC 18004 §6.3, §7.7, §7.9 and §7.10).

use super::capacity::{Level, Version};

/// A square of modules: each dark or light, each with a place of its own by the standard or there for data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    size: usize,
    is_dark: Vec<bool>,
    is_reserved: Vec<bool>,
}

impl Grid {
    /// The symbol with its codewords, not masked yet. Format and version information and the dark module are still
    /// missing; their places are light.
    pub(super) fn with_codewords(version: Version, codewords: &[u8]) -> Self {
        let mut grid = Self::with_patterns(version);
        grid.place_codewords(codewords);
        grid
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.is_dark.chunks(self.size)
    }

    pub(super) fn is_dark(&self, x: usize, y: usize) -> bool {
        self.is_dark[y * self.size + x]
    }

    /// The symbol with the data modules turned round for which this is so.
    pub(super) fn masked(&self, is_turned: impl Fn(usize, usize) -> bool) -> Self {
        let mut masked = self.clone();
        for y in 0..self.size {
            for x in 0..self.size {
                let place = y * self.size + x;
                masked.is_dark[place] ^= !self.is_reserved[place] && is_turned(x, y);
            }
        }
        masked
    }

    /// The whole symbol.
    pub(super) fn finished(mut self, version: Version, level: Level, mask: u8) -> Self {
        self.draw_format(format_bits(level, mask));
        if version.has_version_information() {
            self.draw_version(version_bits(version));
        }
        self
    }

    fn with_patterns(version: Version) -> Self {
        let size = version.size();
        let mut grid = Self {
            size,
            is_dark: vec![false; size * size],
            is_reserved: vec![false; size * size],
        };
        for place in 0..size {
            grid.reserve(6, place, place % 2 == 0);
            grid.reserve(place, 6, place % 2 == 0);
        }
        for (x, y) in [(3, 3), (size - 4, 3), (3, size - 4)] {
            grid.draw_finder(x, y);
        }
        grid.draw_alignment(version);
        grid.draw_format_as(|_| false, false);
        if version.has_version_information() {
            grid.draw_version(0);
        }
        grid
    }

    fn reserve(&mut self, x: usize, y: usize, is_dark: bool) {
        self.is_dark[y * self.size + x] = is_dark;
        self.is_reserved[y * self.size + x] = true;
    }

    /// The three great squares, each with its light margin.
    fn draw_finder(&mut self, centre_x: usize, centre_y: usize) {
        for y in (centre_y.saturating_sub(4))..=(centre_y + 4).min(self.size - 1) {
            for x in (centre_x.saturating_sub(4))..=(centre_x + 4).min(self.size - 1) {
                let ring = x.abs_diff(centre_x).max(y.abs_diff(centre_y));
                self.reserve(x, y, ring != 2 && ring != 4);
            }
        }
    }

    /// The small squares, but not where the great ones are.
    fn draw_alignment(&mut self, version: Version) {
        let centres = version.alignment_centres();
        for &centre_y in &centres {
            for &centre_x in &centres {
                if self.is_in_finder(centre_x, centre_y) {
                    continue;
                }
                for y in centre_y - 2..=centre_y + 2 {
                    for x in centre_x - 2..=centre_x + 2 {
                        let ring = x.abs_diff(centre_x).max(y.abs_diff(centre_y));
                        self.reserve(x, y, ring != 1);
                    }
                }
            }
        }
    }

    fn is_in_finder(&self, x: usize, y: usize) -> bool {
        let (near, far) = (6, self.size - 7);
        matches!((x, y), (6, 6)) || (x, y) == (near, far) || (x, y) == (far, near)
    }

    fn draw_format(&mut self, bits: u32) {
        self.draw_format_as(|place| bits >> place & 1 == 1, true);
    }

    /// The fifteen bits of the format, twice, and the dark module beside them.
    fn draw_format_as(&mut self, bit: impl Fn(usize) -> bool, dark_module: bool) {
        let size = self.size;
        for place in 0..15 {
            let around_corner = match place {
                0..=5 => (8, place),
                6 | 7 => (8, place + 1),
                8 => (7, 8),
                _ => (14 - place, 8),
            };
            let at_edges = match place {
                0..=7 => (size - 1 - place, 8),
                _ => (8, size - 15 + place),
            };
            for (x, y) in [around_corner, at_edges] {
                self.reserve(x, y, bit(place));
            }
        }
        self.reserve(8, size - 8, dark_module);
    }

    /// The eighteen bits of the version, twice.
    fn draw_version(&mut self, bits: u32) {
        for place in 0..18 {
            let is_dark = bits >> place & 1 == 1;
            let (along, across) = (place / 3, self.size - 11 + place % 3);
            self.reserve(along, across, is_dark);
            self.reserve(across, along, is_dark);
        }
    }

    /// Up and down in columns of two, from right to left, past what is reserved; the column of the timing pattern does not
    /// count at all.
    fn place_codewords(&mut self, codewords: &[u8]) {
        let mut bits = codewords
            .iter()
            .flat_map(|codeword| (0..8).rev().map(move |place| codeword >> place & 1 == 1));
        let columns = (0..self.size).rev().filter(|&x| x != 6);
        let rights = columns.step_by(2);
        for (right, is_upwards) in rights.zip([true, false].into_iter().cycle()) {
            for step in 0..self.size {
                let y = if is_upwards {
                    self.size - 1 - step
                } else {
                    step
                };
                for x in [right, right - 1] {
                    let place = y * self.size + x;
                    if !self.is_reserved[place] {
                        self.is_dark[place] = bits.next().unwrap_or(false);
                    }
                }
            }
        }
    }
}

/// Level and mask with ten correcting bits.
fn format_bits(level: Level, mask: u8) -> u32 {
    const GENERATOR: u32 = 0x537;
    const PATTERN: u32 = 0x5412;
    let data = level.indicator() << 3 | u32::from(mask);
    (data << 10 | correcting_bits(data, 10, GENERATOR)) ^ PATTERN
}

/// The version with twelve correcting bits.
fn version_bits(version: Version) -> u32 {
    const GENERATOR: u32 = 0x1F25;
    let data = u32::from(version.number());
    data << 12 | correcting_bits(data, 12, GENERATOR)
}

fn correcting_bits(data: u32, count: u32, generator: u32) -> u32 {
    (0..count).fold(data, |remainder, _| {
        let carried = (remainder >> (count - 1)) * generator;
        (remainder << 1) ^ carried
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::qr_codes::segment::Segment;

    #[test]
    fn format_and_version_have_the_bits_of_the_standard() {
        assert_eq!(format_bits(Level::Medium, 5), 0b100_0000_1100_1110);
        assert_eq!(format_bits(Level::High, 1), 0b001_0011_1011_1110);
        let seventh = Version::smallest_for(&Segment::of(&"~".repeat(120))).expect("it fits");
        assert_eq!(version_bits(seventh), 0b00_0111_1100_1001_0100);
    }
}
