//! The pages of letters: [`typeset`] makes them, [`check`] looks at those that were given to us.
//!
//! # What a typeset letter is
//!
//! An A4 PDF with real text – it can be read aloud, searched and copied – whose one font, Liberation Sans, travels with
//! it. The contact block stands top right, the address where a window envelope shows it, below them the date, the
//! subject in bold and the body: headings, paragraphs, lists, page breaks, QR codes. A letter in two languages begins
//! with its Welsh part; its English part begins on a page of its own, without a second address. The PDF is tagged
//! (headings, lists, language, the alternative text of QR codes) and says that it is PDF/UA-1.
//!
//! # What is promised
//!
//! * **A value is never more than its text.** The body arrives as the HTML of `templates::letters`, where all that was
//!   typed is escaped; the reader here knows a dozen tags of that HTML and takes everything else for words. There is no
//!   language below it in which a value could mean something.
//! * **The same letter, the same bytes.** Nothing here asks for the time or for randomness; the date is given.
//! * **An end.** A letter takes at most [`MOST_PAGES_MADE`] pages and a body of [`LARGEST_BODY`] bytes, a given PDF at
//!   most [`Limits`]; whatever is beyond is an answer, not a wait.
//!
//! # Limits
//!
//! Latin (Welsh ŵ and ŷ with it), Greek and Cyrillic are printed. A character that the font does not have, and those of
//! scripts that run from right to left, are printed as □ and counted in [`Typeset::unprintable`]. Words are not
//! hyphenated. There are no logos and no page numbers.

mod blocks;
mod check;
mod draw;
mod fonts;
mod layout;
mod letter;
mod lines;
mod paper;
mod reader;
mod tidy;

pub use check::{Checked, Limits, PdfProblem, check};
pub use letter::{LARGEST_BODY, LetterProblem, Typeset, typeset};
pub use paper::MOST_PAGES_MADE;

/// The most pages that a letter may have: five sheets, printed on both sides (letters, section 11.1).
pub const MOST_PAGES: usize = 10;

/// How many sheets of paper these pages take.
pub const fn sheets(pages: usize) -> usize {
    pages.div_ceil(2)
}
