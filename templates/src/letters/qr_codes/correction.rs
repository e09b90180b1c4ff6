//! Codewords that correct others (Reed–Solomon, ISO/IEC 18004 §7.5 and §7.6).

use super::capacity::{Level, Version};

/// The field's polynomial: x⁸ + x⁴ + x³ + x² + 1, without its highest term.
const FIELD_POLYNOMIAL: u8 = 0x1D;

/// Data codewords, in blocks with their correction codewords, all blocks read side by side.
pub(super) fn protected(data: &[u8], version: Version, level: Level) -> Vec<u8> {
    let divisor = divisor(version.correction_codewords(level));
    let blocks = blocks(data, version.blocks(level));
    let corrections: Vec<_> = blocks
        .iter()
        .map(|block| remainder(block, &divisor))
        .collect();
    let mut codewords = side_by_side(&blocks);
    codewords.extend(side_by_side(&corrections));
    codewords
}

/// Blocks of equal length, the last ones perhaps longer by one.
fn blocks(data: &[u8], count: usize) -> Vec<&[u8]> {
    let (shorter, longer_count) = (data.len() / count, data.len() % count);
    let (short, long) = data.split_at(shorter * (count - longer_count));
    short
        .chunks(shorter)
        .chain(long.chunks(shorter + 1))
        .collect()
}

fn side_by_side<Block: AsRef<[u8]>>(blocks: &[Block]) -> Vec<u8> {
    let longest = blocks.iter().map(|block| block.as_ref().len()).max();
    (0..longest.unwrap_or(0))
        .flat_map(|place| {
            blocks
                .iter()
                .filter_map(move |block| block.as_ref().get(place).copied())
        })
        .collect()
}

/// The product of (x − 2⁰) to (x − 2ⁿ⁻¹), without its highest term.
fn divisor(degree: usize) -> Vec<u8> {
    let mut coefficients = vec![0; degree];
    coefficients[degree - 1] = 1;
    let mut root = 1;
    for _ in 0..degree {
        for place in 0..degree {
            let next = coefficients.get(place + 1).copied().unwrap_or(0);
            coefficients[place] = product(coefficients[place], root) ^ next;
        }
        root = product(root, 2);
    }
    coefficients
}

fn remainder(data: &[u8], divisor: &[u8]) -> Vec<u8> {
    let mut remainder = vec![0; divisor.len()];
    for &byte in data {
        let factor = byte ^ remainder[0];
        remainder.rotate_left(1);
        remainder[divisor.len() - 1] = 0;
        for (place, &coefficient) in divisor.iter().enumerate() {
            remainder[place] ^= product(coefficient, factor);
        }
    }
    remainder
}

/// The product in the field of 256 elements.
fn product(left: u8, right: u8) -> u8 {
    (0..8).rev().fold(0_u8, |product, place| {
        let carried = (product >> 7) * FIELD_POLYNOMIAL;
        let addend = (right >> place & 1) * left;
        (product << 1) ^ carried ^ addend
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_its_correction_leaves_no_remainder() {
        let divisor = divisor(10);
        // 01234567 at version 1-M, from the standard's annex.
        let data = [
            0x10, 0x20, 0x0C, 0x56, 0x61, 0x80, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11,
            0xEC, 0x11,
        ];
        let correction = remainder(&data, &divisor);
        assert_eq!(
            correction,
            [0xA5, 0x24, 0xD4, 0xC1, 0xED, 0x36, 0xC7, 0x87, 0x2C, 0x55]
        );
        let whole = [&data[..], &correction].concat();
        assert_eq!(remainder(&whole, &divisor), [0; 10]);
    }

    #[test]
    fn blocks_differ_by_one_at_most_and_are_read_side_by_side() {
        let blocks = blocks(&[1, 2, 3, 4, 5, 6, 7], 3);
        assert_eq!(blocks, [&[1, 2][..], &[3, 4], &[5, 6, 7]]);
        assert_eq!(side_by_side(&blocks), [1, 3, 5, 2, 4, 6, 7]);
    }
}
