//! Recipient spreadsheets: from bytes to rows, and what is wrong with them (`docs/spec/recipients.md` §8).
//!
//! A file is read twice. The [`Checker`] reads it once, a chunk at a time, and reports everything that is wrong with
//! it; what it found out about the columns is the [`Layout`], which is small and stored with the file. When the
//! messages are made, [`Records`] reads the file again and the layout turns each record into a [`Row`]. Neither pass
//! holds more than a chunk, the longest record and the errors that will be shown. A [`Sheet`] is a whole file in
//! memory, for callers that need every row; it uses the same code.
//!
//! Workbooks (XLSX, XLS, ODS) become CSV first: [`convert`]. So does text in other encodings or with other separators:
//! [`TextReader`].

mod checker;
mod columns;
mod csv_field;
mod csv_parser;
mod header;
mod inspection;
mod layout;
mod notes;
mod read_error;
pub mod recipient_columns;
mod record;
mod records;
mod report;
mod row;
mod row_errors;
mod row_validation;
mod settings;
mod sheet;
mod summary;
mod template;
mod text_reader;
mod trimming;
mod width_candidates;
mod workbooks;

pub use checker::Checker;
pub use layout::Layout;
pub use notes::{CellFault, Notes};
pub use read_error::ReadError;
pub use record::Record;
pub use records::Records;
pub use report::Report;
pub use row::{CellValue, Row};
pub use row_errors::{CellError, ErrorCounts};
pub use row_validation::{CellProblem, RowProblems};
pub use settings::{LongRows, Settings, Validation};
pub use sheet::{Cell, Sheet};
pub use template::Template;
pub use text_reader::{Separator, TextEncoding, TextReader};
pub use workbooks::{Converted, Kind, convert, to_csv};
