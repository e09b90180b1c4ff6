//! File storage: one [`Files`] over a directory, memory or a bucket. [`keys`] lists every path that the platform writes.
//!
//! A file is durable once [`Upload::finish`] returns; until then it cannot be read, and it is never there in part. The
//! contents are opaque: personal data is sealed by the caller.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod keys;
mod partial_uploads;
pub mod s3;
pub mod settings_file;
mod storage;
#[cfg(test)]
mod tests;
mod upload;

pub use error::Error;
pub use keys::Key;
pub use storage::{FileEntry, Files};
pub use upload::Upload;
