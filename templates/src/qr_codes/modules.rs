//! The modules of a symbol as rows of booleans.

use qrcodegen::QrCode as Symbol;

/// Modules of a symbol, row by row. Dark modules are true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modules {
    size: usize,
    is_dark: Vec<bool>,
}

impl Modules {
    pub(super) fn of_symbol(symbol: &Symbol) -> Self {
        let side = 0..symbol.size();
        let is_dark = side
            .clone()
            .flat_map(|y| side.clone().map(move |x| symbol.get_module(x, y)))
            .collect();
        Self {
            size: side.len(),
            is_dark,
        }
    }

    /// Makes the modules of the format and version information light, and the one that is always dark.
    pub(super) fn without_information(mut self, version: u8) -> Self {
        let (size, last_rows) = (self.size, self.size - 8..self.size);
        // Index 6 belongs to the timing patterns, which stay.
        for place in (0..=8).filter(|&place| place != 6).chain(last_rows) {
            self.lighten(8, place);
            self.lighten(place, 8);
        }
        // Smaller symbols carry no version information.
        if version >= 7 {
            for across in size - 11..size - 8 {
                for along in 0..6 {
                    self.lighten(across, along);
                    self.lighten(along, across);
                }
            }
        }
        self
    }

    fn lighten(&mut self, x: usize, y: usize) {
        self.is_dark[y * self.size + x] = false;
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.is_dark.chunks(self.size)
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = Vec<bool>> {
        (0..self.size).map(|x| self.rows().map(|row| row[x]).collect())
    }
}
