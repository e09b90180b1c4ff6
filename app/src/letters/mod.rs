//! Letters: their pages, which are files beside the rows, cancelling, and letters that the post returned.

pub mod attachments;
mod cancel;
pub(crate) mod credentials;
mod estimated_delivery;
pub mod logos;
mod originals;
mod pages;
pub mod precompiled;
mod precompiled_template;
pub mod print_run;
pub mod response_files;
pub(crate) mod returned;
pub mod returned_reports;
mod step_failure;
mod template_preview;
pub(crate) mod templated;
mod typeset;
pub mod uploads;

pub use cancel::{CancelLetterError, PrintDay, cancel};
pub(crate) use estimated_delivery::estimated_delivery;
pub use pages::{find_pages, store_pages};
pub use returned::report as report_returned;
pub use template_preview::{TemplatePreviewError, draw_template_page};
pub use uploads::UploadedLetter;

pub(crate) use cancel::printing_started;
pub(crate) use originals::{files_of, remove_old_originals};
pub(crate) use pages::{delete_pages, has_pages};
pub(crate) use precompiled_template::find_or_create as precompiled_template;
pub(crate) use step_failure::StepFailure;
pub use typeset::TypesetError;
pub(crate) use typeset::make_pages;
pub(crate) use uploads::remove_old_uploads;
