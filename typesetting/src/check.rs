//! Looks at a PDF that a service gave us: whether it can be read, how many pages it has, whether they are A4
//! (letters, section 5.3). What stands where on the pages is not looked at yet.

use std::{collections::BTreeSet, panic::catch_unwind};

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use crate::MOST_PAGES;

/// How much a PDF may ask of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest file that is looked at.
    pub most_bytes: usize,
    /// What all its compressed parts that must be opened to find its pages may come to.
    pub most_unpacked_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most_bytes: 20 << 20,
            most_unpacked_bytes: 32 << 20,
        }
    }
}

/// A PDF that can be printed, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How many pages it has.
    pub pages: usize,
}

/// Why a PDF cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfProblem {
    /// It is larger than anything that is looked at.
    #[error("the file is larger than {most_bytes} bytes")]
    TooLarge {
        /// What would be looked at.
        most_bytes: usize,
    },
    /// It is no PDF, or a broken one.
    #[error("the file cannot be read as a PDF")]
    Unreadable,
    /// It needs a password, or forbids something.
    #[error("the file is encrypted: save it without a password")]
    Encrypted,
    /// It has more pages than a letter may have.
    #[error("the letter has {pages} pages; at most {MOST_PAGES} can be sent")]
    TooLong {
        /// How many, if they could be counted.
        pages: usize,
    },
    /// Pages are not A4, or lie on their side.
    #[error("these pages are not A4 in portrait: {pages:?}")]
    NotA4 {
        /// Which, counted from 1.
        pages: Vec<usize>,
    },
}

impl PdfProblem {
    /// The reason as the specification names it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::Unreadable | Self::Encrypted => "unable-to-read-the-file",
            Self::TooLong { .. } => "letter-too-long",
            Self::NotA4 { .. } => "letter-not-a4-portrait-oriented",
        }
    }
}

/// Checks a PDF. Any bytes have an answer; it takes time that grows with their number. Blocks.
pub fn check(pdf: &[u8], limits: Limits) -> Result<Checked, PdfProblem> {
    if pdf.len() > limits.most_bytes {
        return Err(PdfProblem::TooLarge {
            most_bytes: limits.most_bytes,
        });
    }
    // The library is meant to answer everything with an error; where it does not, that is our answer.
    catch_unwind(|| read(pdf, limits)).unwrap_or(Err(PdfProblem::Unreadable))
}

fn read(pdf: &[u8], limits: Limits) -> Result<Checked, PdfProblem> {
    if !has_header(pdf) {
        return Err(PdfProblem::Unreadable);
    }
    let room = room_for_each_stream(pdf, limits).ok_or(PdfProblem::Unreadable)?;
    let options = LoadOptions {
        max_decompressed_size: Some(room),
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
    match pages.sheets.len() {
        0 => Err(PdfProblem::Unreadable),
        count if count > MOST_PAGES => Err(PdfProblem::TooLong { pages: count }),
        count => {
            let wrong: Vec<usize> = (1..=count)
                .filter(|number| !pages.sheets[number - 1].is_some_and(Sheet::is_a4_portrait))
                .collect();
            if wrong.is_empty() {
                Ok(Checked { pages: count })
            } else {
                Err(PdfProblem::NotA4 { pages: wrong })
            }
        }
    }
}

/// Readers look for it in the first kilobyte.
fn has_header(pdf: &[u8]) -> bool {
    let head = &pdf[..pdf.len().min(1024)];
    head.windows(5).any(|window| window == b"%PDF-")
}

/// A stream may unpack to a thousand times its size, and there may be thousands: they share what there is. `None`: they
/// are so many that no honest one could be opened. The word is counted, so that no stream escapes.
fn room_for_each_stream(pdf: &[u8], limits: Limits) -> Option<usize> {
    const SMALLEST: usize = 8 << 10;
    const LARGEST: usize = 16 << 20;
    let words = pdf.windows(6).filter(|word| *word == b"stream").count();
    let room = limits.most_unpacked_bytes / words.max(1);
    (room >= SMALLEST).then_some(room.min(LARGEST))
}

/// What a page takes over from what is above it.
#[derive(Debug, Clone, Copy, Default)]
struct Inherited {
    media: Option<[f32; 4]>,
    crop: Option<[f32; 4]>,
    rotation: i64,
}

/// The size of a page as it is seen, in points.
#[derive(Debug, Clone, Copy)]
struct Sheet {
    width: f32,
    height: f32,
}

impl Sheet {
    fn is_a4_portrait(self) -> bool {
        const TOLERANCE: f32 = 2.0 * 72.0 / 25.4;
        const WIDTH: f32 = 210.0 * 72.0 / 25.4;
        const HEIGHT: f32 = 297.0 * 72.0 / 25.4;
        (self.width - WIDTH).abs() <= TOLERANCE && (self.height - HEIGHT).abs() <= TOLERANCE
    }
}

/// The pages in their order; those without a size are `None`.
struct Pages<'pdf> {
    document: &'pdf Document,
    sheets: Vec<Option<Sheet>>,
    seen: BTreeSet<ObjectId>,
}

impl<'pdf> Pages<'pdf> {
    /// No honest letter has a tree of pages with more than these in it.
    const MOST_NODES: usize = 20_000;

    fn of(document: &'pdf Document) -> Result<Self, PdfProblem> {
        let catalog = document.catalog().map_err(|_| PdfProblem::Unreadable)?;
        let root = catalog.get(b"Pages").map_err(|_| PdfProblem::Unreadable)?;
        let mut pages = Self {
            document,
            sheets: Vec::new(),
            seen: BTreeSet::new(),
        };
        pages.walk(root)?;
        Ok(pages)
    }

    /// Goes through the tree without recursion: it is as deep as whoever wrote it wanted.
    fn walk(&mut self, root: &'pdf Object) -> Result<(), PdfProblem> {
        let mut waiting = vec![(root, Inherited::default())];
        let mut nodes = 0;
        while let Some((object, inherited)) = waiting.pop() {
            nodes += 1;
            if nodes > Self::MOST_NODES {
                return Err(PdfProblem::TooLong {
                    pages: self.sheets.len(),
                });
            }
            if let Ok(id) = object.as_reference()
                && !self.seen.insert(id)
            {
                return Err(PdfProblem::Unreadable);
            }
            let Some(node) = self.dictionary(object) else {
                return Err(PdfProblem::Unreadable);
            };
            let inherited = self.inherit(node, inherited);
            match node.get(b"Kids").ok().and_then(|kids| self.array(kids)) {
                Some(kids) => waiting.extend(kids.iter().rev().map(|kid| (kid, inherited))),
                None => self.sheets.push(self.sheet(node, inherited)),
            }
        }
        Ok(())
    }

    fn inherit(&self, node: &'pdf Dictionary, above: Inherited) -> Inherited {
        let rectangle = |name: &[u8]| node.get(name).ok().and_then(|found| self.rectangle(found));
        let rotation = node.get(b"Rotate").ok().and_then(|turned| {
            let turned = self.resolved(turned)?;
            turned.as_i64().ok()
        });
        Inherited {
            media: rectangle(b"MediaBox").or(above.media),
            crop: rectangle(b"CropBox").or(above.crop),
            rotation: rotation.unwrap_or(above.rotation),
        }
    }

    fn sheet(&self, page: &'pdf Dictionary, inherited: Inherited) -> Option<Sheet> {
        let media = inherited.media?;
        // What is cropped away is not seen; a crop box cannot make a page larger.
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
            .and_then(|unit| self.resolved(unit)?.as_float().ok())
            .unwrap_or(1.0);
        let (width, height) = ((right - left) * unit, (top - bottom) * unit);
        let lies = inherited.rotation.rem_euclid(180) == 90;
        Some(if lies {
            Sheet {
                width: height,
                height: width,
            }
        } else {
            Sheet { width, height }
        })
    }

    /// Left, bottom, right, top, in whatever order its corners are given.
    fn rectangle(&self, object: &'pdf Object) -> Option<[f32; 4]> {
        let array = self.array(object)?;
        let [a, b, c, d] = array else {
            return None;
        };
        let number = |object| self.resolved(object)?.as_float().ok();
        let (a, b, c, d) = (number(a)?, number(b)?, number(c)?, number(d)?);
        Some([a.min(c), b.min(d), a.max(c), b.max(d)])
    }

    fn array(&self, object: &'pdf Object) -> Option<&'pdf [Object]> {
        Some(self.resolved(object)?.as_array().ok()?.as_slice())
    }

    fn dictionary(&self, object: &'pdf Object) -> Option<&'pdf Dictionary> {
        self.resolved(object)?.as_dict().ok()
    }

    fn resolved(&self, object: &'pdf Object) -> Option<&'pdf Object> {
        self.document
            .dereference(object)
            .ok()
            .map(|(_, object)| object)
    }
}
