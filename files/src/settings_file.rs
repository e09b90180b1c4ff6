//! Small files that an operator names in settings: keys, passwords, tokens, certificates, the settings themselves.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

/// Far more than any of them takes.
pub const MAX_BYTES: u64 = 1 << 20;

/// Reads a file. Fails at once for a directory, a pipe or a device, which would be waited for or never end, and for a file of
/// more than [`MAX_BYTES`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, MAX_BYTES)
}

/// As [`read`], with another limit.
pub fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    check_is_regular(path)?;
    let mut contents = Vec::new();
    File::open(path)?
        .take(max_bytes + 1)
        .read_to_end(&mut contents)?;
    if contents.len() as u64 > max_bytes {
        // Not `FileTooLarge`, which is what a limit of the system on written files is called.
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it has more than {max_bytes} bytes"),
        ));
    }
    Ok(contents)
}

/// Reads a file of text in UTF-8, as [`read`] does.
pub fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8");
    String::from_utf8(read(path)?).map_err(not_text)
}

/// Reads a file of text on a thread that may wait, for callers that must not.
pub async fn read_text_apart(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_text(&path));
    read.await.map_err(io::Error::other)?
}

/// Fails if there is something else than a file at a path, before it is opened: opening a pipe waits for its other end. A link
/// counts as what it leads to.
pub fn check_is_regular(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() {
        "a directory"
    } else {
        "a pipe, a socket or a device"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what} and no regular file"),
    ))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, process::Command};

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (path, what) in [
            (directory.path().to_owned(), "a directory and"),
            (at("pipe"), "a pipe"),
            (at("link"), "a pipe"),
            (at("socket"), "a socket"),
            ("/dev/zero".into(), "a device and"),
        ] {
            let error = read_text(&path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(
            read_text(&at("missing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_file_is_read_as_long_as_it_is_small() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let length = usize::try_from(MAX_BYTES).unwrap();
        fs::write(&path, "a".repeat(length)).unwrap();
        assert_eq!(read_text(&path).unwrap().len(), length);
        fs::write(&path, "a".repeat(length + 1)).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::write(&path, b"\xff").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("UTF-8"));
    }
}
