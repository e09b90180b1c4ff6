//! Permissions of what an installation owns: its data directory, database and files are for its owner only.

use std::{
    fs::{self, DirEntry, File, Metadata, Permissions},
    io::{self, Read as _},
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
const OUR_FILES: [&str; 4] = ["pillarbox.db", "keyring", "internal-secret", "start.lock"];

/// What a data directory may hold before its first start: a settings file, and what `mkfs` leaves on a new volume.
const FOUND_BEFORE: [&str; 2] = ["pillarbox.toml", LOST_AND_FOUND];
const LOST_AND_FOUND: &str = "lost+found";

/// Makes everything that this process creates from now on accessible to its owner only.
pub(crate) fn restrict_new_files() {
    // SQLite and the file storage create files without saying for whom.
    process::umask(Mode::from_raw_mode(GROUP_AND_OTHERS));
}

/// Makes a data directory accessible to its owner only, and what is in it. Fails if everybody may enter it and it is not
/// ours, or holds other things.
pub(crate) fn secure_data_dir(path: &Path) -> anyhow::Result<()> {
    let found = metadata(path)?;
    if is_open(&found) {
        if !check_is_ours("data directory", path, &found)? {
            return Ok(());
        }
        let is_known = OUR_FILES.iter().any(|name| path.join(name).exists());
        let is_ours_alone = is_known || holds_only(path, |entry| is_one_of(&FOUND_BEFORE, entry))?;
        check_is_for_us_alone("data directory", path, &found, is_ours_alone)?;
        // A directory that was just made for us is nothing to speak of.
        if path.join("start.lock").exists() {
            tracing::warn!(
                "others could enter the data directory {}: from now on only its owner can",
                path.display()
            );
        }
    }
    secure_tree(path).with_context(|| cannot_secure(path))
}

/// Fails if the directory of the stored files is open to others and holds anything that our file storage does not make, or is
/// no directory. Changes nothing.
pub(crate) fn check_files_dir(path: &Path) -> anyhow::Result<()> {
    should_secure_files_dir(path).map(drop)
}

/// Makes the directory of the stored files accessible to its owner only, if it exists. Fails as [`check_files_dir`].
pub(crate) fn secure_files_dir(path: &Path) -> anyhow::Result<()> {
    if should_secure_files_dir(path)? {
        secure_tree(path).with_context(|| cannot_secure(path))?;
    }
    Ok(())
}

fn should_secure_files_dir(path: &Path) -> anyhow::Result<bool> {
    let Some(found) = existing(path)? else {
        return Ok(false);
    };
    if !found.is_dir() {
        bail!(
            "the setting files names {}, which is no directory",
            path.display()
        );
    }
    // What is in a closed directory needs no closing, and may be another's.
    if !is_open(&found) || !check_is_ours("directory of files", path, &found)? {
        return Ok(false);
    }
    let is_ours_alone = holds_only(path, |entry| {
        entry.file_name() == LOST_AND_FOUND
            || (is_one_of(&files::keys::FOLDERS, entry) && is_folder_of_files(&entry.path()))
    })?;
    check_is_for_us_alone("directory of files", path, &found, is_ours_alone)?;
    Ok(true)
}

/// Returns whether a folder with one of our names looks as the file storage makes it: `documents` is a common name.
fn is_folder_of_files(folder: &Path) -> bool {
    let is_ours = |entry: &DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Folders of services and days, and files that are named by an id.
        name.starts_with("service-") || name.starts_with(|first: char| first.is_ascii_hexdigit())
    };
    holds_only(folder, is_ours).unwrap_or(false)
}

/// Fails if the path of an SQLite database is a device, a directory or the like. Changes nothing.
pub(crate) fn check_database_file(path: &Path) -> anyhow::Result<()> {
    if existing(path)?.is_some_and(|found| !found.is_file()) {
        bail!(
            "the setting database names {}, which is no regular file: name a file that is a database or does not exist",
            path.display()
        );
    }
    Ok(())
}

/// Makes an SQLite database and its log accessible to their owner only. Leaves other files as they are: opening the database
/// will fail.
pub(crate) fn secure_database_file(path: &Path) -> anyhow::Result<()> {
    check_database_file(path)?;
    if !is_database(path) {
        return Ok(());
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let file = Path::new(&file);
        if let Some(found) = existing(file)?.filter(Metadata::is_file) {
            tighten(file, &found).with_context(|| cannot_secure(file))?;
        }
    }
    Ok(())
}

/// Returns whether a file begins as SQLite databases do. An empty one becomes a database when it is opened.
fn is_database(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    read.is_ok() && (head.is_empty() || head == MAGIC)
}

/// Returns whether an open directory is ours to close. Fails if it is not, and everybody may enter it.
fn check_is_ours(what: &str, path: &Path, found: &Metadata) -> anyhow::Result<bool> {
    if is_ours(found) {
        return Ok(true);
    }
    // A volume of a container belongs to root, and its group is how we may use it.
    if found.mode() & OTHERS == 0 {
        return Ok(false);
    }
    bail!(
        "the {what} {} belongs to another user and everybody may enter it: choose a directory that does not exist yet, for \
         example {}",
        path.display(),
        path.join("pillarbox").display()
    )
}

/// Fails for a directory that serves others too, such as a home directory: changing its permissions would harm them.
fn check_is_for_us_alone(
    what: &str,
    path: &Path,
    found: &Metadata,
    is_ours_alone: bool,
) -> anyhow::Result<()> {
    if found.mode() & STICKY == 0 && is_ours_alone {
        return Ok(());
    }
    bail!(
        "others may enter the {what} {}, which holds other things: choose a directory of its own, for example {}, or take \
         the permissions away (chmod 700)",
        path.display(),
        path.join("pillarbox").display()
    )
}

fn holds_only(directory: &Path, is_expected: impl Fn(&DirEntry) -> bool) -> anyhow::Result<bool> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        if !is_expected(&entry?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_one_of(names: &[&str], entry: &DirEntry) -> bool {
    names.iter().any(|name| entry.file_name() == *name)
}

fn is_open(found: &Metadata) -> bool {
    found.mode() & GROUP_AND_OTHERS != 0
}

fn cannot_secure(path: &Path) -> String {
    format!(
        "cannot make {} accessible to its owner only",
        path.display()
    )
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
        if found.is_dir() && is_open(&found) {
            secure_tree(&path)?;
        } else if found.is_file() {
            tighten(&path, &found)?;
        }
    }
    tighten(directory, &fs::metadata(directory)?)
}

fn tighten(path: &Path, found: &Metadata) -> io::Result<()> {
    if !is_open(found) || !is_ours(found) {
        return Ok(());
    }
    let tight = Permissions::from_mode(found.mode() & 0o700);
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

/// Returns what a path leads to; `None` if that does not exist.
fn existing(path: &Path) -> anyhow::Result<Option<Metadata>> {
    match fs::metadata(path) {
        // Whatever stands in place of a directory is reported where that is made.
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) =>
        {
            Ok(None)
        }
        found => found
            .map(Some)
            .with_context(|| format!("cannot read {}", path.display())),
    }
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

    #[test]
    fn a_settings_file_does_not_make_a_directory_ours() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("pillarbox.toml"), "").unwrap();
        fs::write(directory.path().join("passwd"), "").unwrap();
        open(directory.path(), 0o755);
        assert!(secure_data_dir(directory.path()).is_err());
        assert_eq!(mode(directory.path()), 0o755);
        fs::remove_file(directory.path().join("passwd")).unwrap();
        secure_data_dir(directory.path()).unwrap();
        assert_eq!(mode(directory.path()), 0o700);
    }

    #[test]
    fn files_are_closed_only_where_everything_is_ours() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("files");
        let letter = directory.join("letters/service-1/a.pdf");
        fs::create_dir_all(letter.parent().unwrap()).unwrap();
        fs::write(&letter, "").unwrap();
        open(&letter, 0o644);
        let folders = [
            &directory.join("letters/service-1"),
            &directory.join("letters"),
            &directory,
        ];
        for folder in folders {
            open(folder, 0o755);
        }
        for foreign in ["thesis.txt", "documents/thesis.txt"] {
            let foreign = directory.join(foreign);
            let _ = fs::create_dir(foreign.parent().unwrap());
            fs::write(&foreign, "").unwrap();
            let why = secure_files_dir(&directory).unwrap_err().to_string();
            assert!(why.contains("holds other things"), "{why}");
            assert_eq!((mode(&directory), mode(&letter)), (0o755, 0o644));
            fs::remove_file(foreign).unwrap();
        }
        secure_files_dir(&directory).unwrap();
        assert!(folders.iter().all(|folder| mode(folder) == 0o700));
        assert_eq!(mode(&letter), 0o600);
    }

    #[test]
    fn a_closed_directory_of_files_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("thesis.txt");
        fs::write(&other, "").unwrap();
        open(&other, 0o644);
        open(directory.path(), 0o700);
        secure_files_dir(directory.path()).unwrap();
        assert_eq!(mode(&other), 0o644);
        assert!(check_files_dir(&other).is_err(), "it is no directory");
    }

    #[test]
    fn only_databases_are_closed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("notes.txt");
        for (content, expected) in [
            ("not a database", 0o644),
            ("SQLite format 3\0...", 0o600),
            ("", 0o600),
        ] {
            fs::write(&file, content).unwrap();
            open(&file, 0o644);
            secure_database_file(&file).unwrap();
            assert_eq!(mode(&file), expected, "{content}");
        }
        assert!(check_database_file(directory.path()).is_err());
        assert!(check_database_file(Path::new("/dev/null")).is_err());
        assert!(check_database_file(&directory.path().join("new.db")).is_ok());
    }
}
