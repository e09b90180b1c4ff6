//! Encrypted files and tokens, and the lock that a process holds while it rewrites files.

mod rewrite_lock;
pub(crate) mod sealed_files;
pub(crate) mod sealed_tokens;

pub use rewrite_lock::{RewriteLock, RewriteLockError};
