//! PDF pages for letters: [`typeset`] makes them from a template, [`check_supplied_letter`] checks PDFs that services
//! upload, [`draw_page_as_png`] makes pictures of either.
//!
//! # Output
//!
//! An A4 PDF with real text, which can be read aloud, searched and copied, and with its fonts embedded: Liberation Sans,
//! and fonts of the Noto family for what it lacks. A logo is
//! top left, the contact block top right, the address where a window envelope shows it, below them the date, the subject in bold
//! and the body: headings, paragraphs, lists, page breaks, QR codes. A bilingual letter starts with its Welsh part; the
//! English part starts on a new page, without a second address. The PDF is tagged (headings, lists, languages,
//! alternative text of QR codes) and declares PDF/UA-1.
//!
//! # Guarantees
//!
//! * **A value is never markup.** The body is the HTML that the template renderer produces, in which all typed text is
//!   escaped. `html_parser` knows a dozen tags of that HTML and treats everything else as text.
//! * **Deterministic.** The same letter and date produce the same bytes: no clock, no randomness.
//! * **Bounded.** A letter has at most [`MAX_TYPESET_PAGES`] pages and [`MAX_BODY_BYTES`] bytes of body; an uploaded PDF is
//!   limited by [`PdfLimits`]. Anything larger is an error.
//!
//! # Directions
//!
//! A paragraph goes in the direction of its first letter and is aligned accordingly; numbers and words of the other direction
//! inside it are ordered by the Unicode Bidirectional Algorithm. A list has the direction of its first letter. Contact block
//! and address are always aligned left.
//!
//! # Limits
//!
//! `docs/letters.md` says which scripts are printed. Characters that no font has are printed as □ and listed in
//! [`TypesetLetter::unprintable`]; callers refuse such letters, if possible earlier, with [`unprintable_in_letter`]. There is
//! no hyphenation, and there are no page numbers.

mod bidi;
mod blocks;
mod coverage;
mod east_asian;
mod fonts;
mod glyph_cleanup;
mod html_parser;
mod layout;
mod letter;
mod line_breaking;
mod logo;
mod page_metrics;
mod pdf_check;
mod pdf_writer;
mod problem;
mod raster;
mod supplied;

pub use coverage::{is_qr_code, unprintable_characters, unprintable_in_letter};
pub use letter::{TypesetLetter, typeset, typeset_with};
pub use logo::{Logo, LogoProblem, MAX_LOGO_BYTES, check_logo};
pub use page_metrics::MAX_TYPESET_PAGES;
pub use pdf_check::{PdfLimits, PdfProblem, PdfSummary, check_pdf};
pub use problem::{LetterProblem, MAX_BODY_BYTES};
pub use supplied::{
    RewriteError, SuppliedLetter, SuppliedLetterError, append_pages, check_supplied_letter,
    draw_page_as_png, prepare_attachment, rewrite_supplied_letter,
};

/// The most pages a letter may have: five sheets printed on both sides (`docs/spec/letters.md` §11.1).
pub const MAX_LETTER_PAGES: usize = 10;

/// Returns the number of sheets that `pages` take, printed on both sides.
pub const fn sheets(pages: usize) -> usize {
    pages.div_ceil(2)
}
