//! The adapters against small real servers, and the sink against a real directory.

mod messages;
mod sink;
