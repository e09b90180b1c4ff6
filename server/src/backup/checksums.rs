use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use anyhow::Context as _;
use aws_lc_rs::digest;
use files::{Files, Key};
use futures::TryStreamExt as _;

/// Path within the backup → SHA-256 in hexadecimal, in the order of the paths.
pub(super) type Checksums = BTreeMap<String, String>;

/// Returns the text of `SHA256SUMS`.
pub(super) fn to_text(checksums: &Checksums) -> String {
    let mut text = String::new();
    for (path, checksum) in checksums {
        // Two spaces, as `sha256sum --check` expects.
        let _ = writeln!(text, "{checksum}  {path}");
    }
    text
}

/// Parses `SHA256SUMS`; `None` if it is not one.
pub(super) fn parse(text: &str) -> Option<Checksums> {
    text.lines()
        .map(|line| line.split_once("  "))
        .map(|pair| pair.map(|(checksum, path)| (path.to_owned(), checksum.to_owned())))
        .collect()
}

pub(super) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&digest::digest(&digest::SHA256, bytes))
}

/// Returns the checksum of a file, which may be larger than the memory.
pub(super) async fn of_file(path: &Path) -> anyhow::Result<String> {
    let read = {
        let path = path.to_owned();
        move || -> io::Result<String> {
            let mut file = File::open(path)?;
            let mut hash = digest::Context::new(&digest::SHA256);
            let mut buffer = vec![0; 1 << 20];
            loop {
                let length = file.read(&mut buffer)?;
                if length == 0 {
                    return Ok(hexadecimal(&hash.finish()));
                }
                hash.update(&buffer[..length]);
            }
        }
    };
    let read = tokio::task::spawn_blocking(read).await?;
    read.with_context(|| format!("cannot read {}", path.display()))
}

/// Copies a stored file durably and returns its checksum; `None` if it does not exist any more.
pub(super) async fn copy(from: &Files, to: &Files, key: &Key) -> anyhow::Result<Option<String>> {
    let mut parts = match from.read(key).await {
        Ok(parts) => parts,
        Err(files::Error::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut upload = to.create(key).await?;
    let mut hash = digest::Context::new(&digest::SHA256);
    while let Some(part) = parts.try_next().await? {
        hash.update(&part);
        upload.write(&part).await?;
    }
    upload.finish().await?;
    Ok(Some(hexadecimal(&hash.finish())))
}

fn hexadecimal(digest: &digest::Digest) -> String {
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read_as_they_are_written() {
        let checksums = Checksums::from([
            ("files/a b".to_owned(), of_bytes(b"one")),
            ("pillarbox.db".to_owned(), of_bytes(b"two")),
        ]);
        assert_eq!(parse(&to_text(&checksums)), Some(checksums));
        assert_eq!(parse("no checksum"), None);
    }

    #[test]
    fn a_checksum_is_the_one_that_sha256sum_prints() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of_bytes(b""), empty);
    }
}
