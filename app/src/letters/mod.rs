//! Letters: their pages, which are files beside the rows, and what becomes of them outside.

mod cancel;
mod estimated_delivery;
mod hold;
mod pages;
mod precompiled_template;
pub(crate) mod returned;
mod typeset;

pub use cancel::{CancelLetterError, PrintDay, cancel};
pub(crate) use estimated_delivery::estimated_delivery;
pub use pages::{find_pages, store_pages};
pub use returned::report as report_returned;

pub(crate) use cancel::printing_started;
pub(crate) use hold::{Letters, hold};
pub(crate) use pages::delete_pages;
pub(crate) use precompiled_template::find_or_make as precompiled_template;
pub(crate) use typeset::{NoPages, make_pages};
