//! The adapters against small real servers.
