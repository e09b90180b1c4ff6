//! Jobs: one template sent to every row of a spreadsheet.

mod attachments;
mod audit;
mod batch_writer;
mod cancel;
mod cancel_letters;
pub mod contact_lists;
mod create;
mod pause;
mod process;
mod quota;
mod read;
mod retry_row;
mod row_builder;
mod rows;
mod schedule;
mod send_bulk;
pub mod spreadsheets;

pub(crate) use audit::{
    check_for_missing_rows, check_job_status, list_incomplete, list_stuck, process_incomplete,
    process_missing_rows, report_overdue, resume_all_stuck, search_missing_rows,
    update_status_of_fully_processed,
};
pub use cancel::{CancelError, cancel};
pub use cancel_letters::{CancelLettersError, cancel_letters};
pub use create::{CreateError, NewJob, create};
pub use pause::{PauseError, pause, resume};
pub(crate) use pause::{is_paused_to_rewrite, pause_to_rewrite};
pub(crate) use process::process;
pub use read::{Progress, find, list, list_older};
pub use retry_row::{RetriedRow, RetryRowError, retry_row};
pub(crate) use schedule::run_scheduled;
pub use send_bulk::{BulkError, BulkJob, BulkRequest, Sender, send_bulk};
