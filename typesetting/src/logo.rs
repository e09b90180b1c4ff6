//! Logos at the head of letters.

use std::fmt;

use krilla::{Data, Document, geom::Size, image::Image, page::PageSettings};

use crate::page_metrics;

/// Largest file of a logo, in bytes.
pub const MAX_LOGO_BYTES: usize = 512 << 10;

/// Most pixels on a side: at the size of a logo on paper, more than any printer can show.
const MAX_LOGO_PIXELS: u32 = 3000;

/// Fewest dots in an inch of paper: a small picture stays small, so that it is not blurred.
const MIN_DOTS_PER_INCH: f32 = 150.0;

/// The picture at the head of a letter. Cheap to clone; it is decoded once.
#[derive(Clone)]
pub struct Logo {
    pub(crate) image: Image,
    /// What it is called for those who do not see it.
    pub(crate) description: String,
}

/// Why a picture cannot be a logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogoProblem {
    /// It is too large a file.
    #[error("a logo has at most {} KiB", MAX_LOGO_BYTES >> 10)]
    TooLarge,
    /// It has too many pixels.
    #[error("a logo is at most {MAX_LOGO_PIXELS} pixels wide and high")]
    TooManyPixels,
    /// It cannot be read.
    #[error("the logo cannot be read as a PNG")]
    Unreadable,
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.image.size();
        f.debug_struct("Logo")
            .field("size", &size)
            .finish_non_exhaustive()
    }
}

impl Logo {
    /// Reads a logo from a PNG file that was checked before with [`check_logo`].
    pub fn from_png(png: Vec<u8>, description: impl Into<String>) -> Result<Self, LogoProblem> {
        if png.len() > MAX_LOGO_BYTES {
            return Err(LogoProblem::TooLarge);
        }
        // Before anything is decompressed: a few bytes can claim any number of pixels.
        let (width, height) = size_of_png(&png).ok_or(LogoProblem::Unreadable)?;
        if width > MAX_LOGO_PIXELS || height > MAX_LOGO_PIXELS {
            return Err(LogoProblem::TooManyPixels);
        }
        let image = Image::from_png(Data::from(png), true).map_err(|_| LogoProblem::Unreadable)?;
        Ok(Self {
            image,
            description: description.into(),
        })
    }

    /// Returns its width and height on paper: as large as its place allows.
    pub(crate) fn size(&self) -> (f32, f32) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a logo has a few thousand pixels on a side"
        )]
        let (width, height) = {
            let (width, height) = self.image.size();
            (width as f32, height as f32)
        };
        let scale = (page_metrics::LOGO_WIDTH / width)
            .min(page_metrics::LOGO_HEIGHT / height)
            .min(72.0 / MIN_DOTS_PER_INCH);
        (width * scale, height * scale)
    }
}

/// Checks that a file can be a logo, by drawing it. Blocks.
pub fn check_logo(png: &[u8]) -> Result<(), LogoProblem> {
    let logo = Logo::from_png(png.to_vec(), "")?;
    let mut document = Document::new();
    let size = PageSettings::from_wh(page_metrics::WIDTH, page_metrics::HEIGHT);
    let mut page = document.start_page_with(size.ok_or(LogoProblem::Unreadable)?);
    let mut surface = page.surface();
    let (width, height) = logo.size();
    let size = Size::from_wh(width, height).ok_or(LogoProblem::Unreadable)?;
    surface.draw_image(logo.image, size);
    surface.finish();
    page.finish();
    // The pixels are decoded only now.
    document.finish().map_err(|_| LogoProblem::Unreadable)?;
    Ok(())
}

/// Returns width and height from the header of a PNG file.
fn size_of_png(png: &[u8]) -> Option<(u32, u32)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..16)?;
    let (kind, size) = header.split_at(4);
    let read = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    let (width, height) = (read(&size[..4])?, read(&size[4..])?);
    (kind == b"IHDR" && width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_png_or_too_large_is_refused() {
        let large = vec![0; MAX_LOGO_BYTES + 1];
        assert_eq!(check_logo(b"GIF89a"), Err(LogoProblem::Unreadable));
        assert_eq!(check_logo(&large), Err(LogoProblem::TooLarge));
        let bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0....";
        assert_eq!(check_logo(bomb), Err(LogoProblem::TooManyPixels));
        let cut_off = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x0f\0\0\0\x0f\x08\x02\0\0\0....";
        assert_eq!(check_logo(cut_off), Err(LogoProblem::Unreadable));
    }
}
