//! Jobs: one template to every row of a spreadsheet.

mod bulk;
mod cancel;
mod create;
mod process;
mod read;
mod schedule;

pub use bulk::{BulkError, BulkOrder, Sender, bulk};
pub use cancel::{CancelError, cancel};
pub use create::{CreateError, NewJob, create};
pub(crate) use process::process;
pub use read::{Progress, find, list, list_older};
pub(crate) use schedule::run_scheduled;
