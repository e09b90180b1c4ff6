//! Lists the messages in the sink, newest first, without holding more of them than asked for.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt,
    fs::{self, DirEntry, File},
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use domain::Channel;
use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::file_extension;
use crate::email::rfc2047;

/// How much of a file is read for its headers, which come first and are short.
const HEAD_BYTES: u64 = 16 * 1024;

/// Characters of a text message that are shown.
const SUMMARY_CHARS: usize = 60;

/// A message in the sink. Its serialised form is that of `GET /sink` and of `pillarbox sink list --json`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SinkMessage {
    /// The channel it would have been sent through.
    pub channel: Channel,
    /// The notification's id.
    pub id: Uuid,
    /// The recipient's address or number; `None` for a letter.
    pub to: Option<String>,
    /// The subject of an e-mail, or the beginning of a text message; `None` for a letter.
    #[serde(rename = "about")]
    pub summary: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// The time of the attempt.
    #[serde(serialize_with = "serialise_as_text")]
    pub at: Timestamp,
    /// 1 for the first attempt of the day, 2 for the second: more than 1 means that it would have been sent again.
    pub copy: u32,
}

fn serialise_as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl fmt::Debug for SinkMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkMessage")
            .field("path", &self.path)
            .field("at", &self.at)
            .field("copy", &self.copy)
            .finish_non_exhaustive()
    }
}

/// Numbers of messages in the sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// E-mails.
    pub email: u64,
    /// Text messages.
    pub sms: u64,
    /// Letters.
    pub letter: u64,
}

/// A file, known by its name and modification time. The field order is the order of the list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FileEntry {
    at: SystemTime,
    id: Uuid,
    copy: u32,
    channel: Channel,
    path: PathBuf,
}

pub(super) fn newest(
    directory: &Path,
    channel: Option<Channel>,
    limit: usize,
) -> io::Result<Vec<SinkMessage>> {
    let mut kept = Vec::new();
    for directories in days(directory, channel)?.into_values().rev() {
        if kept.len() == limit {
            break;
        }
        for found in newest_of_day(&directories, limit - kept.len())? {
            kept.extend(open(found)?);
        }
    }
    Ok(kept)
}

pub(super) fn count(directory: &Path) -> io::Result<Counts> {
    let mut counts = Counts::default();
    for channel in Channel::ALL {
        let number = match channel {
            Channel::Email => &mut counts.email,
            Channel::Sms => &mut counts.sms,
            Channel::Letter => &mut counts.letter,
        };
        for directories in days(directory, Some(*channel))?.into_values() {
            for (channel, day) in directories {
                for entry in entries(&day)? {
                    *number += u64::from(parse_name(&entry?, channel).is_some());
                }
            }
        }
    }
    Ok(counts)
}

/// Returns the directories of each day.
fn days(
    directory: &Path,
    channel: Option<Channel>,
) -> io::Result<BTreeMap<Date, Vec<(Channel, PathBuf)>>> {
    let mut days: BTreeMap<Date, Vec<_>> = BTreeMap::new();
    for channel in Channel::ALL
        .iter()
        .copied()
        .filter(|one| channel.is_none_or(|asked| asked == *one))
    {
        for entry in entries(&directory.join(channel.as_str()))? {
            let entry = entry?;
            if let Some(day) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            {
                days.entry(day).or_default().push((channel, entry.path()));
            }
        }
    }
    Ok(days)
}

fn newest_of_day(directories: &[(Channel, PathBuf)], limit: usize) -> io::Result<Vec<FileEntry>> {
    // A heap of the newest so far, with the oldest of them on top, to be replaced first.
    let mut newest = BinaryHeap::new();
    for (channel, day) in directories {
        for entry in entries(day)? {
            newest.extend(find(&entry?, *channel)?.map(Reverse));
            if newest.len() > limit {
                newest.pop();
            }
        }
    }
    Ok(newest
        .into_sorted_vec()
        .into_iter()
        .map(|Reverse(found)| found)
        .collect())
}

/// Returns the entries of a directory; none if it does not exist.
fn entries(directory: &Path) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    match fs::read_dir(directory) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}

/// Returns `None` for a foreign or unfinished file, or one that was deleted meanwhile.
fn find(entry: &DirEntry, channel: Channel) -> io::Result<Option<FileEntry>> {
    let Some((id, copy)) = parse_name(entry, channel) else {
        return Ok(None);
    };
    let Some(metadata) = ignore_not_found(entry.metadata())? else {
        return Ok(None);
    };
    Ok(Some(FileEntry {
        at: metadata.modified()?,
        id,
        copy,
        channel,
        path: entry.path(),
    }))
}

/// Parses `<id>.eml` and `<id>.2.eml`.
fn parse_name(entry: &DirEntry, channel: Channel) -> Option<(Uuid, u32)> {
    let name = entry.file_name();
    let stem = name
        .to_str()?
        .strip_suffix(file_extension(channel))?
        .strip_suffix('.')?;
    match stem.split_once('.') {
        None => Some((stem.parse().ok()?, 1)),
        Some((id, copy)) => Some((id.parse().ok()?, copy.parse().ok()?)),
    }
}

fn open(found: FileEntry) -> io::Result<Option<SinkMessage>> {
    let Some((to, summary)) = ignore_not_found(read_head(&found))? else {
        return Ok(None);
    };
    Ok(Some(SinkMessage {
        channel: found.channel,
        id: found.id,
        to,
        summary,
        path: found.path,
        at: Timestamp::try_from(found.at).unwrap_or(Timestamp::UNIX_EPOCH),
        copy: found.copy,
    }))
}

fn read_head(found: &FileEntry) -> io::Result<(Option<String>, Option<String>)> {
    if found.channel == Channel::Letter {
        return Ok((None, None));
    }
    let mut file = BufReader::new(File::open(&found.path)?.take(HEAD_BYTES));
    let mut to = None;
    let mut summary = None;
    // Unfolds headers: a line that begins with a space continues the one before.
    let mut header = String::new();
    loop {
        let line = read_line(&mut file)?;
        if let Some(continuation) = line.strip_prefix(' ') {
            header.push(' ');
            header.push_str(continuation);
            continue;
        }
        if let Some(value) = header.strip_prefix("To: ") {
            to = Some(value.to_owned());
        } else if let Some(value) = header.strip_prefix("Subject: ") {
            summary = Some(rfc2047::decode(value));
        }
        if line.is_empty() {
            break;
        }
        header = line;
    }
    if found.channel == Channel::Sms {
        summary = Some(summarise(&mut file)?);
    }
    Ok((to, summary))
}

/// Reads a line without its line break; empty at the end of the headers and of the file.
fn read_line(file: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn summarise(file: &mut impl BufRead) -> io::Result<String> {
    let mut head = Vec::new();
    file.take(4 * SUMMARY_CHARS as u64).read_to_end(&mut head)?;
    let text = String::from_utf8_lossy(&head);
    let words = rfc2047::one_line(&text);
    Ok(words.trim().chars().take(SUMMARY_CHARS).collect())
}

fn ignore_not_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
