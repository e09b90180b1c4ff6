//! Checks the outside of a PDF: that it can be read, the number of its pages, that they are A4 (`docs/spec/letters.md`
//! §5.3). What is on the pages is checked in `supplied`.

use std::{collections::BTreeSet, panic::catch_unwind};

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};
use serde::{Deserialize, Serialize};

use crate::MAX_LETTER_PAGES;

/// Resource limits of [`check_pdf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PdfLimits {
    /// The largest file accepted, in bytes.
    pub max_bytes: usize,
    /// Bytes that the compressed streams needed to find the pages may decompress to, in total.
    pub max_unpacked_bytes: usize,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            max_bytes: 20 << 20,
            max_unpacked_bytes: 32 << 20,
        }
    }
}

/// What is known of a PDF that passed [`check_pdf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfSummary {
    /// Number of pages.
    pub pages: usize,
}

/// Why a PDF is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PdfProblem {
    /// The file is too large to be checked.
    #[error("the file is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit that was exceeded.
        max_bytes: usize,
    },
    /// It is not a PDF, or a damaged one.
    #[error("the file cannot be read as a PDF")]
    Unreadable,
    /// It needs a password, or restricts what may be done with it.
    #[error("the file is encrypted: save it without a password")]
    Encrypted,
    /// It has more pages than a letter may have.
    #[error("the letter has {pages} pages; at most {MAX_LETTER_PAGES} can be sent")]
    TooLong {
        /// Number of pages, as far as they were counted.
        pages: usize,
    },
    /// Some pages are not A4 in portrait orientation.
    #[error("these pages are not A4 in portrait: {pages:?}")]
    NotA4 {
        /// Their numbers, from 1.
        pages: Vec<usize>,
        /// Number of pages of the letter.
        page_count: usize,
    },
    /// Something is printed where it would be hidden, cut off or seen through the envelope's window.
    #[error("these pages have content outside the printable area: {pages:?}")]
    OutsidePrintableArea {
        /// Their numbers, from 1.
        pages: Vec<usize>,
    },
    /// Pages of a letter that was made here: the printer would take each for the beginning of another letter.
    #[error("these pages are from a letter that was downloaded here: {pages:?}")]
    NotifyTag {
        /// Their numbers, from 1.
        pages: Vec<usize>,
    },
}

impl PdfProblem {
    /// Returns the reason code of `docs/spec/letters.md` §5.3.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::Unreadable | Self::Encrypted => "unable-to-read-the-file",
            Self::TooLong { .. } => "letter-too-long",
            Self::NotA4 { .. } => "letter-not-a4-portrait-oriented",
            Self::OutsidePrintableArea { .. } => "content-outside-printable-area",
            Self::NotifyTag { .. } => "notify-tag-found-in-content",
        }
    }

    /// Returns the numbers of the pages that have the problem, from 1. Empty if it is one of the whole file.
    pub fn pages(&self) -> &[usize] {
        match self {
            Self::NotA4 { pages, .. }
            | Self::OutsidePrintableArea { pages }
            | Self::NotifyTag { pages } => pages,
            Self::TooLarge { .. } | Self::Unreadable | Self::Encrypted | Self::TooLong { .. } => {
                &[]
            }
        }
    }
}

/// Checks a PDF. Blocks. A malicious file can make lopdf overflow the stack or use much memory: call it in a
/// process of its own.
pub fn check_pdf(pdf: &[u8], limits: PdfLimits) -> Result<PdfSummary, PdfProblem> {
    if pdf.len() > limits.max_bytes {
        return Err(PdfProblem::TooLarge {
            max_bytes: limits.max_bytes,
        });
    }
    // lopdf should return an error for any damaged file; a panic in it must not take the worker down.
    catch_unwind(|| parse_and_check(pdf, limits)).unwrap_or(Err(PdfProblem::Unreadable))
}

fn parse_and_check(pdf: &[u8], limits: PdfLimits) -> Result<PdfSummary, PdfProblem> {
    if !has_header(pdf) {
        return Err(PdfProblem::Unreadable);
    }
    let stream_budget = bytes_per_stream(pdf, limits).ok_or(PdfProblem::Unreadable)?;
    let options = LoadOptions {
        max_decompressed_size: Some(stream_budget),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(pdf, options).map_err(|fault| match fault {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) => PdfProblem::Encrypted,
        _ => PdfProblem::Unreadable,
    })?;
    if document.was_encrypted() || document.trailer.has(b"Encrypt") {
        return Err(PdfProblem::Encrypted);
    }
    let pages = Pages::of(&document)?;
    match pages.sizes.len() {
        0 => Err(PdfProblem::Unreadable),
        count if count > MAX_LETTER_PAGES => Err(PdfProblem::TooLong { pages: count }),
        count => {
            let wrong: Vec<usize> = (1..=count)
                .filter(|number| !pages.sizes[number - 1].is_some_and(PageSize::is_a4_portrait))
                .collect();
            if wrong.is_empty() {
                Ok(PdfSummary { pages: count })
            } else {
                Err(PdfProblem::NotA4 {
                    pages: wrong,
                    page_count: count,
                })
            }
        }
    }
}

fn has_header(pdf: &[u8]) -> bool {
    // Readers accept other bytes before it, within the first kilobyte.
    let head = &pdf[..pdf.len().min(1024)];
    head.windows(5).any(|window| window == b"%PDF-")
}

/// Divides the decompression budget among the streams. `None`: so many that an ordinary one could not be opened.
fn bytes_per_stream(pdf: &[u8], limits: PdfLimits) -> Option<usize> {
    const MIN_BUDGET: usize = 8 << 10;
    const MAX_BUDGET: usize = 16 << 20;
    // A stream can decompress to a thousand times its size. Counting the keyword overestimates (`endstream` contains it too),
    // but cannot miss a stream.
    let keywords = pdf.windows(6).filter(|window| *window == b"stream").count();
    let budget = limits.max_unpacked_bytes / keywords.max(1);
    (budget >= MIN_BUDGET).then_some(budget.min(MAX_BUDGET))
}

/// Page attributes inherited from ancestors in the page tree.
#[derive(Debug, Clone, Copy, Default)]
struct Inherited {
    media: Option<[f32; 4]>,
    crop: Option<[f32; 4]>,
    rotation: i64,
}

/// The size of a page as displayed, in points.
#[derive(Debug, Clone, Copy)]
struct PageSize {
    width: f32,
    height: f32,
}

impl PageSize {
    fn is_a4_portrait(self) -> bool {
        /// 2 mm: printers and word processors round differently.
        const TOLERANCE: f32 = 2.0 * 72.0 / 25.4;
        const WIDTH: f32 = 210.0 * 72.0 / 25.4;
        const HEIGHT: f32 = 297.0 * 72.0 / 25.4;
        (self.width - WIDTH).abs() <= TOLERANCE && (self.height - HEIGHT).abs() <= TOLERANCE
    }
}

/// The page tree, flattened. Pages without a size are `None`.
struct Pages<'pdf> {
    document: &'pdf Document,
    sizes: Vec<Option<PageSize>>,
    seen: BTreeSet<ObjectId>,
}

impl<'pdf> Pages<'pdf> {
    /// Far more than any real letter has; ends the walk through a malicious tree.
    const MAX_NODES: usize = 20_000;

    fn of(document: &'pdf Document) -> Result<Self, PdfProblem> {
        let catalog = document.catalog().map_err(|_| PdfProblem::Unreadable)?;
        let root = catalog.get(b"Pages").map_err(|_| PdfProblem::Unreadable)?;
        let mut pages = Self {
            document,
            sizes: Vec::new(),
            seen: BTreeSet::new(),
        };
        pages.walk(root)?;
        Ok(pages)
    }

    fn walk(&mut self, root: &'pdf Object) -> Result<(), PdfProblem> {
        // Not recursive: the depth of the tree is under the control of the author of the file.
        let mut pending = vec![(root, Inherited::default())];
        let mut nodes = 0;
        while let Some((object, inherited)) = pending.pop() {
            nodes += 1;
            if nodes > Self::MAX_NODES {
                return Err(PdfProblem::TooLong {
                    pages: self.sizes.len(),
                });
            }
            if let Ok(id) = object.as_reference()
                && !self.seen.insert(id)
            {
                // A cycle.
                return Err(PdfProblem::Unreadable);
            }
            let Some(node) = self.dictionary(object) else {
                return Err(PdfProblem::Unreadable);
            };
            let inherited = self.inherit(node, inherited);
            match node.get(b"Kids").ok().and_then(|kids| self.array(kids)) {
                Some(kids) => pending.extend(kids.iter().rev().map(|kid| (kid, inherited))),
                None => self.sizes.push(self.page_size(node, inherited)),
            }
        }
        Ok(())
    }

    fn inherit(&self, node: &'pdf Dictionary, above: Inherited) -> Inherited {
        let rectangle = |name: &[u8]| node.get(name).ok().and_then(|found| self.rectangle(found));
        let rotation = node
            .get(b"Rotate")
            .ok()
            .and_then(|rotation| self.resolve(rotation)?.as_i64().ok());
        Inherited {
            media: rectangle(b"MediaBox").or(above.media),
            crop: rectangle(b"CropBox").or(above.crop),
            rotation: rotation.unwrap_or(above.rotation),
        }
    }

    fn page_size(&self, page: &'pdf Dictionary, inherited: Inherited) -> Option<PageSize> {
        let media = inherited.media?;
        // A crop box hides what is outside it, and cannot make a page larger.
        let [left, bottom, right, top] = inherited.crop.map_or(media, |crop| {
            [
                crop[0].max(media[0]),
                crop[1].max(media[1]),
                crop[2].min(media[2]),
                crop[3].min(media[3]),
            ]
        });
        let unit = page
            .get(b"UserUnit")
            .ok()
            .and_then(|unit| self.resolve(unit)?.as_float().ok())
            .unwrap_or(1.0);
        let (width, height) = ((right - left) * unit, (top - bottom) * unit);
        let is_rotated = inherited.rotation.rem_euclid(180) == 90;
        Some(if is_rotated {
            PageSize {
                width: height,
                height: width,
            }
        } else {
            PageSize { width, height }
        })
    }

    /// Returns left, bottom, right, top; a file may give any two opposite corners.
    fn rectangle(&self, object: &'pdf Object) -> Option<[f32; 4]> {
        let array = self.array(object)?;
        let [a, b, c, d] = array else {
            return None;
        };
        let number = |object| self.resolve(object)?.as_float().ok();
        let (a, b, c, d) = (number(a)?, number(b)?, number(c)?, number(d)?);
        Some([a.min(c), b.min(d), a.max(c), b.max(d)])
    }

    fn array(&self, object: &'pdf Object) -> Option<&'pdf [Object]> {
        Some(self.resolve(object)?.as_array().ok()?.as_slice())
    }

    fn dictionary(&self, object: &'pdf Object) -> Option<&'pdf Dictionary> {
        self.resolve(object)?.as_dict().ok()
    }

    fn resolve(&self, object: &'pdf Object) -> Option<&'pdf Object> {
        self.document
            .dereference(object)
            .ok()
            .map(|(_, object)| object)
    }
}
