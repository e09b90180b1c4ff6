//! Jobs: one template to every row of a spreadsheet.

mod attachments;
mod audit;
mod bulk;
mod cancel;
mod cancel_letters;
mod create;
mod pause;
mod press;
mod process;
mod read;
mod redo;
mod rows;
mod schedule;
mod spending;
mod writing;

pub(crate) use audit::{
    check_for_missing_rows, check_job_status, process_incomplete, process_missing_rows,
    tell_of_overdue, update_status_of_fully_processed,
};
pub use bulk::{BulkError, BulkOrder, Sender, bulk};
pub use cancel::{CancelError, cancel};
pub use cancel_letters::{CancelLettersError, cancel_letters};
pub use create::{CreateError, NewJob, create};
pub use pause::{PauseError, pause, resume};
pub(crate) use pause::{is_paused_to_rewrite, pause_to_rewrite};
pub(crate) use process::process;
pub use read::{Progress, find, list, list_older};
pub use redo::{RedoError, Redone, redo_row};
pub(crate) use schedule::run_scheduled;
