//! A disk that fails on request: a small C library between the real process and the real disk, built here and loaded
//! with `LD_PRELOAD` (`faulty_disk.c`).

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const SOURCE: &str = include_str!("faulty_disk.c");

/// Positions of the numbers that are shared with the process.
const FULL: u64 = 0;
const SYNCS_TO_FAIL: u64 = 1;
const ATTACHED: u64 = 2;
const WRITES_REFUSED: u64 = 3;
const SYNCS_REFUSED: u64 = 4;

/// The disk of an installation.
pub(crate) struct FaultyDisk {
    directory: TempDir,
    control: File,
}

impl FaultyDisk {
    /// Returns a disk without faults.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("faulty_disk.c");
        std::fs::write(&source, SOURCE).unwrap();
        let built = Command::new("cc")
            .args([
                "-std=gnu11",
                "-O2",
                "-Wall",
                "-Werror",
                "-shared",
                "-fPIC",
                "-o",
            ])
            .arg(directory.path().join("faulty_disk.so"))
            .arg(&source)
            .args(["-ldl", "-lpthread"])
            .output()
            .expect(
                "the stories of a faulty disk need a C compiler, `cc`, as the whole project does",
            );
        assert!(
            built.status.success(),
            "the faulty disk cannot be built: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        let control = directory.path().join("control");
        std::fs::write(&control, [0; 20]).unwrap();
        let control = File::options()
            .read(true)
            .write(true)
            .open(control)
            .unwrap();
        Self { directory, control }
    }

    /// Returns the environment of a process whose files below this directory lie on this disk.
    pub(crate) fn environment(&self, under: &Path) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.directory.path().join("faulty_disk.so")),
            ("FAULTY_DISK_CONTROL", self.directory.path().join("control")),
            ("FAULTY_DISK_UNDER", under.canonicalize().unwrap()),
        ]
    }

    fn get(&self, place: u64) -> i32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, place * 4).unwrap();
        i32::from_ne_bytes(bytes)
    }

    fn set(&self, place: u64, number: i32) {
        let bytes = number.to_ne_bytes();
        self.control.write_all_at(&bytes, place * 4).unwrap();
    }

    /// Makes every write that would grow a file fail.
    pub(crate) fn fill(&self) {
        self.set(FULL, 1);
    }

    /// Makes writes fail after this many more.
    pub(crate) fn make_room_for(&self, writes: i32) {
        self.set(FULL, writes + 1);
    }

    /// Lets writes succeed again.
    pub(crate) fn make_room(&self) {
        self.set(FULL, 0);
    }

    /// Makes the next `count` syncs of the database fail and discards what was written for them.
    pub(crate) fn fail_syncs(&self, count: i32) {
        self.set(SYNCS_TO_FAIL, count);
    }

    /// Returns how many of these failures are still to come.
    pub(crate) fn syncs_to_fail(&self) -> i32 {
        self.get(SYNCS_TO_FAIL)
    }

    /// Returns how many processes loaded the library.
    pub(crate) fn attached(&self) -> i32 {
        self.get(ATTACHED)
    }

    /// Returns how many writes were refused.
    pub(crate) fn writes_refused(&self) -> i32 {
        self.get(WRITES_REFUSED)
    }

    /// Returns how many syncs were refused.
    pub(crate) fn syncs_refused(&self) -> i32 {
        self.get(SYNCS_REFUSED)
    }

    /// Returns the path of the processes' logs, on another disk.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}
