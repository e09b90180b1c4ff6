//! Where the sink puts things: many files, written quickly, each of them whole.
//!
//! Whoever brings an item leaves it in a queue; at most [`WRITERS`] closures in the blocking pool empty that queue. So a
//! trip to the pool is shared by all that waits, and a lone item waits for nobody.

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use domain::Channel;
use jiff::Timestamp;
use tokio::{sync::oneshot, task};
use uuid::Uuid;

use super::{day_of, extension};

/// Closures that write at the same time. Two cores write e-mails of 15 KB twice as fast as one, and four no faster.
const WRITERS: usize = 2;

/// What a file holds; shared, not copied.
pub(super) type Content = Bytes;

/// One message to keep.
pub(super) struct Item {
    pub(super) channel: Channel,
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    pub(super) bytes: Content,
}

pub(super) struct Shelf {
    directory: PathBuf,
    queue: Mutex<Queue>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Parcel>,
    writers: usize,
}

struct Parcel {
    item: Item,
    kept: oneshot::Sender<io::Result<()>>,
}

impl Shelf {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            queue: Mutex::default(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps an item; returns when its file is there.
    pub(super) async fn put(self: &Arc<Self>, item: Item) -> io::Result<()> {
        let (kept, answer) = oneshot::channel();
        let writer = {
            let mut queue = self.queue();
            queue.waiting.push_back(Parcel { item, kept });
            (queue.writers < WRITERS).then(|| {
                queue.writers += 1;
                Writer {
                    shelf: Arc::clone(self),
                    retired: false,
                }
            })
        };
        if let Some(writer) = writer {
            task::spawn_blocking(move || writer.write_all_that_waits());
        }
        answer
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the writer was stopped")))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing can panic while it is held, and a queue is a queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, item: &Item) -> io::Result<()> {
        let day = self
            .directory
            .join(item.channel.as_str())
            .join(day_of(item.at).to_string());
        let (mut file, draft) = open_draft(&day)?;
        let published = file
            .write_all(&item.bytes)
            // The file's own time is the hand-over's, by which the list is ordered.
            .and_then(|()| file.set_modified(modification_time(item)))
            .and_then(|()| publish(&draft, &day, item));
        drop(file);
        // Either it has its name by now, or it must not stay.
        let removed = fs::remove_file(&draft);
        published.and(removed)
    }
}

/// A place among the writers. It is given back when there is nothing left to write, or when it is dropped, as happens
/// to a closure that a stopping runtime never ran.
struct Writer {
    shelf: Arc<Shelf>,
    retired: bool,
}

impl Writer {
    fn write_all_that_waits(mut self) {
        while let Some(parcel) = self.next() {
            // Nobody may be waiting for it any more; it is kept all the same.
            let _ = parcel.kept.send(self.shelf.write(&parcel.item));
        }
    }

    /// The next parcel; `None` once, when there is none. The place is given back under the same lock, so that whoever
    /// comes next knows that a new writer is needed.
    fn next(&mut self) -> Option<Parcel> {
        let mut queue = self.shelf.queue();
        let parcel = queue.waiting.pop_front();
        if parcel.is_none() {
            queue.writers -= 1;
            self.retired = true;
        }
        parcel
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.retired {
            self.shelf.queue().writers -= 1;
        }
    }
}

/// Opens a file under a name that no list shows and nobody else uses, making the day's directory if need be.
fn open_draft(day: &Path) -> io::Result<(File, PathBuf)> {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = day.join(format!(".{}-{number}.tmp", process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&draft) {
            Ok(file) => return Ok((file, draft)),
            // Left by a killed process whose number we have, or made by a neighbour in another container.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(day)?,
            Err(error) => return Err(error),
        }
    }
}

/// Gives a finished draft the first free name of its message. A link never replaces a file that is there.
fn publish(draft: &Path, day: &Path, item: &Item) -> io::Result<()> {
    let mut copy = 1;
    loop {
        match fs::hard_link(draft, day.join(file_name(item, copy))) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => copy += 1,
            result => return result,
        }
    }
}

/// No file system reaches as far back as a timestamp can.
fn modification_time(item: &Item) -> SystemTime {
    SystemTime::try_from(item.at).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn file_name(item: &Item, copy: u32) -> String {
    let (id, extension) = (item.id, extension(item.channel));
    if copy == 1 {
        format!("{id}.{extension}")
    } else {
        format!("{id}.{copy}.{extension}")
    }
}
