//! A directory of this machine.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Place;

pub(super) struct InDirectory(TempDir);

impl Place for InDirectory {
    fn start() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn settings(&self, directory: &Path) -> Value {
        json!({ "directory": directory })
    }

    fn directory(&self) -> &Path {
        self.0.path()
    }
}
