//! Writes bitmaps as PNG.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};

use super::Bitmap;

/// Returns an opaque bitmap as a PNG file.
pub(crate) fn encode(bitmap: &Bitmap) -> Vec<u8> {
    let mut header = Vec::with_capacity(13);
    for side in [bitmap.width(), bitmap.height()] {
        let side = u32::try_from(side).expect("a side has few pixels");
        header.extend(side.to_be_bytes());
    }
    // Eight bits for each of three colours; the only methods of compression, filtering and no interlacing.
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    push_chunk(&mut file, *b"IHDR", &header);
    push_chunk(&mut file, *b"IDAT", &compressed(bitmap));
    push_chunk(&mut file, *b"IEND", &[]);
    file
}

fn compressed(bitmap: &Bitmap) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(4));
    let mut line = Vec::with_capacity(1 + bitmap.width() * 3);
    for row in bitmap.rows() {
        line.clear();
        // Each line begins with its filter: none, because pages are mostly of one colour.
        line.push(0);
        for [red, green, blue, _] in row {
            line.extend([*red, *green, *blue]);
        }
        encoder.write_all(&line).expect("memory takes all");
    }
    encoder.finish().expect("memory takes all")
}

fn push_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a page is small");
    file.extend(length.to_be_bytes());
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    file.extend(kind);
    file.extend(data);
    file.extend(sum.sum().to_be_bytes());
}
