//! Letters: their pages, which are files beside the rows, and what becomes of them outside.

mod cancel;
mod estimated_delivery;
mod in_hand;
mod pages;
mod precompiled_template;
pub(crate) mod returned;
mod typeset;

pub use cancel::{CancelLetterError, PrintDay, cancel};
pub(crate) use estimated_delivery::estimated_delivery;
pub use pages::{find_pages, keep_pages};
pub use returned::report as report_returned;

pub(crate) use cancel::printing_started;
pub(crate) use in_hand::{Letters, hold};
pub(crate) use pages::forget_pages;
pub(crate) use precompiled_template::find_or_make as precompiled_template;
pub(crate) use typeset::{NoPages, make_pages};
