//! Permissions of what an installation owns: its data directory, database and files are for its owner only.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use rustix::{fs::Mode, process};

/// What the group and everybody else may do.
const GROUP_AND_OTHERS: u32 = 0o077;
const OTHERS: u32 = 0o007;
/// On directories that many users share, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Names by which a directory is known to be one of ours.
const OUR_FILES: [&str; 5] = [
    "pillarbox.db",
    "pillarbox.toml",
    "keyring",
    "internal-secret",
    "start.lock",
];

/// Makes everything that this process creates from now on accessible to its owner only.
pub(crate) fn restrict_new_files() {
    // SQLite and the file storage create files without saying for whom.
    process::umask(Mode::from_raw_mode(GROUP_AND_OTHERS));
}

/// Makes a data directory accessible to its owner only, and what is in it. Fails if everybody may enter it and it is not
/// ours, or holds other things.
pub(crate) fn secure_data_dir(path: &Path) -> anyhow::Result<()> {
    let found = metadata(path)?;
    if found.mode() & GROUP_AND_OTHERS != 0 {
        if !is_ours(&found) {
            // A volume of a container belongs to root, and its group is how we may use it.
            if found.mode() & OTHERS == 0 {
                return Ok(());
            }
            bail!(
                "the data directory {} belongs to another user and everybody may enter it: choose a directory that does not \
                 exist yet, for example {}",
                path.display(),
                path.join("pillarbox").display()
            );
        }
        check_is_for_us_alone(path, &found)?;
        // A directory that was just made for us is nothing to speak of.
        if path.join("start.lock").exists() {
            tracing::warn!(
                "others could enter the data directory {}: from now on only its owner can",
                path.display()
            );
        }
    }
    secure_tree(path).with_context(|| {
        format!(
            "cannot make {} accessible to its owner only",
            path.display()
        )
    })
}

/// Fails for a directory that serves others too, such as a home directory: changing its permissions would harm them.
fn check_is_for_us_alone(path: &Path, found: &Metadata) -> anyhow::Result<()> {
    let is_known = OUR_FILES.iter().any(|name| path.join(name).exists());
    if found.mode() & STICKY == 0 && (is_known || is_empty(path)) {
        return Ok(());
    }
    bail!(
        "others may enter the data directory {}, which holds other things: choose a directory of its own, for example {}, \
         or take the permissions away (chmod 700)",
        path.display(),
        path.join("pillarbox").display()
    )
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Makes a file or directory accessible to its owner only, if it exists and is ours.
pub(crate) fn secure(path: &Path) -> anyhow::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let secured = if found.is_dir() {
        secure_tree(path)
    } else {
        tighten(path, &found)
    };
    secured.with_context(|| {
        format!(
            "cannot make {} accessible to its owner only",
            path.display()
        )
    })
}

/// Secures the entries of a directory, and the directory after them: if this is interrupted, it is still open and the next
/// start does it again. Directories that are closed already are not walked, because there may be a million files in them.
fn secure_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // Not following links: their targets are not in the directory.
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if found.is_dir() && found.mode() & GROUP_AND_OTHERS != 0 {
            secure_tree(&path)?;
        } else if found.is_file() {
            tighten(&path, &found)?;
        }
    }
    tighten(directory, &fs::metadata(directory)?)
}

fn tighten(path: &Path, found: &Metadata) -> io::Result<()> {
    let mode = found.mode();
    if mode & GROUP_AND_OTHERS == 0 || !is_ours(found) {
        return Ok(());
    }
    let tight = Permissions::from_mode(mode & 0o700);
    match fs::set_permissions(path, tight) {
        // The database removes its log, and uploads their parts, whenever they like.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        changed => changed,
    }
}

/// Returns whether this process may change the permissions.
fn is_ours(found: &Metadata) -> bool {
    let user = process::geteuid();
    user.is_root() || found.uid() == user.as_raw()
}

fn metadata(path: &Path) -> anyhow::Result<Metadata> {
    fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns whether everybody on this machine can read a file.
pub(crate) fn is_readable_by_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn open(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn an_open_data_directory_is_closed_with_everything_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("data");
        let files = directory.join("files/letters");
        fs::create_dir_all(&files).unwrap();
        for file in [
            directory.join("pillarbox.db"),
            directory.join("pillarbox.db-wal"),
            files.join("a.pdf"),
        ] {
            fs::write(&file, "").unwrap();
            open(&file, 0o664);
        }
        open(&directory, 0o755);
        open(&files, 0o775);
        open(&directory.join("files"), 0o755);
        secure_data_dir(&directory).unwrap();
        for closed in [&directory, &directory.join("files"), &files] {
            assert_eq!(mode(closed), 0o700, "{}", closed.display());
        }
        for name in ["pillarbox.db", "pillarbox.db-wal", "files/letters/a.pdf"] {
            assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_directory_that_holds_other_things_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "").unwrap();
        open(directory.path(), 0o755);
        let why = secure_data_dir(directory.path()).unwrap_err().to_string();
        assert!(why.contains("of its own"), "{why}");
        assert_eq!(mode(directory.path()), 0o755);

        let shared = tempfile::tempdir().unwrap();
        open(shared.path(), 0o1777);
        assert!(secure_data_dir(shared.path()).is_err());
        assert_eq!(mode(shared.path()), 0o777);
    }

    #[test]
    fn a_link_out_of_the_directory_is_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let outside = parent.path().join("outside");
        fs::write(&outside, "").unwrap();
        open(&outside, 0o644);
        let directory = parent.path().join("data");
        fs::create_dir(&directory).unwrap();
        symlink(&outside, directory.join("keyring")).unwrap();
        secure_data_dir(&directory).unwrap();
        assert_eq!(mode(&outside), 0o644);
    }
}
