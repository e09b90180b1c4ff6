//! Letters that are supplied as PDF: scanned for viruses, then checked (`docs/spec/letters.md` §5.2, §5.3). Each step is a
//! task of its own, is repeated without harm, and leaves the letter as it is if another worker was faster.

mod address;
mod check;
mod resanitise;
mod rescan;
mod scan;
mod validation;

pub use resanitise::{ResanitiseError, resanitise};
pub use rescan::{RescanError, Rescanned, rescan, rescan_all};
pub use validation::{PictureError, ValidationFailure, draw_page, find as find_validation_failure};

pub(crate) use check::{check, judge_in_turn};
pub(crate) use scan::scan;
