//! A row of bits that grows.

/// Bits, the first one written being the highest of the first byte.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    /// Appends the lowest `count` bits of a number, the highest of them first.
    pub(super) fn push(&mut self, number: u32, count: usize) {
        for place in (0..count).rev() {
            if self.length.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::try_from(number >> place & 1).expect("one bit");
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.length % 8);
            }
            self.length += 1;
        }
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The bytes, the last one filled up with zeros.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
