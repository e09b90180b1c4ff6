//! Files that anyone may have made, in formats whose parsers we did not write: read in a child process
//! (`docs/decisions/foreign-files.md`).
//!
//! A parser that overflows its stack, takes all memory or never ends takes the child with it and nothing else. The file is
//! then unreadable, as a damaged one is. Each kind of file has a module with its parser, its limits and how many may be
//! read at once; `KINDS` lists them. Nothing else in the platform calls these parsers.

mod child;
mod incoming;
mod pdf;
mod reader;
mod slow_services;
mod workbook;

use std::io::{self, Write};

pub use child::read_in_this_process as serve_as_child;
pub use pdf::DrawError;
pub use reader::{ForeignFiles, Unavailable};

pub(crate) use incoming::{IncomingFile, TooManyFiles};
pub(crate) use pdf::PdfError;
pub(crate) use slow_services::{CheckTurn, Effort};
pub(crate) use workbook::ConvertError;

/// A kind of file, and what reading one may use.
struct FileKind {
    /// Name on the child's command line and in the log.
    name: &'static str,
    limits: sandbox::Limits,
    /// Children for files of this kind that may run at once. Each kind has its own, so that one cannot hold up another.
    at_once: usize,
    read: Read,
}

/// Parses a file with this name and writes the answer in the form that the parent expects. Runs in the child.
type Read = fn(file_name: &str, file: &[u8], answer: &mut dyn Write) -> io::Result<()>;

/// All kinds.
static KINDS: &[FileKind] = &[
    pdf::PAGES,
    pdf::LETTER,
    pdf::REWRITE,
    pdf::ATTACHMENT,
    pdf::APPEND,
    pdf::PICTURE,
    workbook::KIND,
];

impl FileKind {
    fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}
