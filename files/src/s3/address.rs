use std::{fmt, str::FromStr};

/// A bucket and a folder in it: `s3://<bucket>/<folder>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the bucket.
    pub bucket: String,
    /// Folder that all paths begin with, without slashes around it; empty for the whole bucket.
    pub prefix: String,
}

/// A text that is no address of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write it as s3://<bucket> or s3://<bucket>/<folder>, with letters of the English alphabet, digits, `-`, `_` and `.`"
)]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let rest = text.strip_prefix("s3://").ok_or(InvalidAddress)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // It becomes part of a host name.
        let is_bucket = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let is_folder = |part: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
        };
        let prefix = prefix.trim_end_matches('/');
        if bucket.len() < 3
            || !bucket.bytes().all(is_bucket)
            || !(prefix.is_empty() || prefix.split('/').all(is_folder))
        {
            return Err(InvalidAddress);
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_have_a_folder() {
        for (text, bucket, prefix) in [
            ("s3://notify", "notify", ""),
            ("s3://notify/", "notify", ""),
            ("s3://notify.files/a/b-1", "notify.files", "a/b-1"),
            ("s3://notify/a/", "notify", "a"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((&*address.bucket, &*address.prefix), (bucket, prefix));
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused() {
        for text in [
            "notify",
            "s3:notify",
            "s3://",
            "s3:///a",
            "s3://No",
            "s3://notify//a",
            "s3://notify/../a",
            "s3://user@host/a",
            "s3://notify/a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
