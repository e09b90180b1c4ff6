//! How much fits in a symbol (ISO/IEC 18004, tables 1 and 9).

use super::segment::Segment;

/// How much of a symbol may be damaged. The weakest level of the standard is never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `M`: about 15 %.
    Medium,
    /// `Q`: about 25 %.
    Quartile,
    /// `H`: about 30 %.
    High,
}

impl Level {
    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Medium => 'M',
            Self::Quartile => 'Q',
            Self::High => 'H',
        }
    }

    /// Its number in a symbol.
    pub(super) const fn indicator(self) -> u32 {
        match self {
            Self::Medium => 0,
            Self::Quartile => 3,
            Self::High => 2,
        }
    }
}

/// The codewords in each block that correct the others, for versions 1 to 40 and each level.
const CORRECTION_CODEWORDS: [[usize; 40]; 3] = [
    [
        10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28,
        28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    ],
    [
        13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30,
        30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ],
    [
        17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30,
        30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ],
];

/// The blocks into which the codewords are divided.
const BLOCKS: [[usize; 40]; 3] = [
    [
        1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23,
        25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
    ],
    [
        1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29,
        34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68,
    ],
    [
        1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35,
        37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81,
    ],
];

/// The size class of a symbol, 1 to 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(u8);

impl Version {
    const LAST: u8 = 40;

    /// The first in which a text fits at the weakest level that we use.
    pub(super) fn smallest_for(segment: &Segment) -> Option<Self> {
        (1..=Self::LAST)
            .map(Self)
            .find(|version| version.holds(segment, Level::Medium))
    }

    /// The strongest level at which a text fits that fits at the weakest.
    pub(super) fn strongest_for(self, segment: &Segment) -> Level {
        [Level::High, Level::Quartile]
            .into_iter()
            .find(|&level| self.holds(segment, level))
            .unwrap_or(Level::Medium)
    }

    fn holds(self, segment: &Segment, level: Level) -> bool {
        segment.bit_length(self) <= self.data_codewords(level) * 8
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

    /// The modules on each side.
    pub(super) fn size(self) -> usize {
        usize::from(self.0) * 4 + 17
    }

    /// The codewords for data.
    pub(super) fn data_codewords(self, level: Level) -> usize {
        self.codewords() - self.correction_codewords(level) * self.blocks(level)
    }

    pub(super) fn correction_codewords(self, level: Level) -> usize {
        CORRECTION_CODEWORDS[level as usize][self.index()]
    }

    pub(super) fn blocks(self, level: Level) -> usize {
        BLOCKS[level as usize][self.index()]
    }

    fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    /// All codewords: the modules that are left by those with a place of their own, eight each.
    fn codewords(self) -> usize {
        let finders_and_formats = 3 * 64 + 2 * 15 + 1;
        let timing = 2 * (self.size() - 16);
        let version = if self.has_version_information() {
            36
        } else {
            0
        };
        let others = finders_and_formats + timing + self.alignment_modules() + version;
        (self.size() * self.size() - others) / 8
    }

    /// The modules of alignment patterns, without those that belong to the timing patterns.
    fn alignment_modules(self) -> usize {
        let lines = self.alignment_centres().len();
        if lines == 0 {
            return 0;
        }
        (lines * lines - 3) * 25 - (lines - 2) * 2 * 5
    }

    pub(super) fn has_version_information(self) -> bool {
        self.0 >= 7
    }

    /// The rows, and columns, in which alignment patterns have their centres (annex E).
    pub(super) fn alignment_centres(self) -> Vec<usize> {
        if self.0 == 1 {
            return Vec::new();
        }
        let gaps = usize::from(self.0) / 7 + 1;
        let (first, last) = (6, self.size() - 7);
        // Even, as far apart as possible, the first gap taking what is left; version 32 alone does not keep to it.
        let step = if self.0 == 32 {
            26
        } else {
            (last - first).div_ceil(gaps * 2) * 2
        };
        let others = (0..gaps).map(|from_last| last - from_last * step);
        others.chain([first]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_patterns_stand_where_the_standard_says() {
        for (version, centres) in [
            (2, &[18, 6][..]),
            (7, &[38, 22, 6]),
            (14, &[66, 46, 26, 6]),
            (32, &[138, 112, 86, 60, 34, 6]),
            (40, &[170, 142, 114, 86, 58, 30, 6]),
        ] {
            assert_eq!(Version(version).alignment_centres(), centres);
        }
    }

    #[test]
    fn data_has_the_room_that_the_standard_says() {
        for (version, medium, quartile, high) in [
            (1, 16, 13, 9),
            (5, 86, 62, 46),
            (10, 216, 154, 122),
            (20, 669, 485, 385),
            (27, 1128, 808, 628),
            (30, 1373, 985, 745),
            (40, 2334, 1666, 1276),
        ] {
            let version = Version(version);
            let room = [Level::Medium, Level::Quartile, Level::High]
                .map(|level| version.data_codewords(level));
            assert_eq!(room, [medium, quartile, high]);
        }
    }
}
