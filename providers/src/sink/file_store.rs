//! Writes many small files quickly and atomically.
//!
//! Files wait in a queue, which at most [`MAX_WRITERS`] closures in the blocking pool drain: waiting files share a trip to the
//! pool, and a single file does not wait for others.

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

use super::{day_of, file_extension};

/// Writers at the same time. Measured with e-mails of 15 KB: two are twice as fast as one, and four no faster.
const MAX_WRITERS: usize = 2;

/// A message to write.
pub(super) struct SinkFile {
    pub(super) channel: Channel,
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    pub(super) bytes: Bytes,
}

pub(super) struct FileStore {
    directory: PathBuf,
    queue: Mutex<Queue>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<WriteJob>,
    writers: usize,
}

struct WriteJob {
    file: SinkFile,
    done: oneshot::Sender<io::Result<()>>,
}

impl FileStore {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            queue: Mutex::default(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file; returns when it is in place.
    pub(super) async fn write(self: &Arc<Self>, file: SinkFile) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        let writer = {
            let mut queue = self.queue();
            queue.jobs.push_back(WriteJob { file, done });
            (queue.writers < MAX_WRITERS).then(|| {
                queue.writers += 1;
                Writer {
                    file_store: Arc::clone(self),
                    released: false,
                }
            })
        };
        if let Some(writer) = writer {
            task::spawn_blocking(move || writer.drain_queue());
        }
        written
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the runtime stopped the writer")))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code can panic while it holds the lock, so a poisoned queue is still consistent.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_now(&self, file: &SinkFile) -> io::Result<()> {
        let day = self
            .directory
            .join(file.channel.as_str())
            .join(day_of(file.at).to_string());
        let (mut output, temp_file) = create_temp_file(&day)?;
        let published = output
            .write_all(&file.bytes)
            // The list is ordered by modification time, which must be the attempt's.
            .and_then(|()| output.set_modified(modification_time(file)))
            .and_then(|()| publish(&temp_file, &day, file));
        drop(output);
        // Either it has its final name by now, or it must not remain.
        let removed = fs::remove_file(&temp_file);
        published.and(removed)
    }
}

/// A slot among the writers. Released when there is nothing left to write, or on drop: a stopping runtime drops closures
/// without running them.
struct Writer {
    file_store: Arc<FileStore>,
    released: bool,
}

impl Writer {
    fn drain_queue(mut self) {
        while let Some(job) = self.next() {
            // The caller may have gone away; the file stays.
            let _ = job.done.send(self.file_store.write_now(&job.file));
        }
    }

    /// Takes the next job; with none, releases the slot. Both under one lock, so that a caller who queues a job either is
    /// served by this writer or sees that a new one is needed.
    fn next(&mut self) -> Option<WriteJob> {
        let mut queue = self.file_store.queue();
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.writers -= 1;
            self.released = true;
        }
        job
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.released {
            self.file_store.queue().writers -= 1;
        }
    }
}

/// Creates a file with a unique hidden name, and the day's directory if needed.
fn create_temp_file(day: &Path) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temp_file = day.join(format!(".{}-{number}.tmp", process::id()));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temp_file)
        {
            Ok(file) => return Ok((file, temp_file)),
            // Left by a killed process with our process id, or created by a process with that id in another container.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(day)?,
            Err(error) => return Err(error),
        }
    }
}

/// Links a complete file to the first free name of its message. Unlike a rename, a link never replaces an existing file.
fn publish(temp_file: &Path, day: &Path, file: &SinkFile) -> io::Result<()> {
    let mut copy = 1;
    loop {
        match fs::hard_link(temp_file, day.join(file_name(file, copy))) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => copy += 1,
            result => return result,
        }
    }
}

fn modification_time(file: &SinkFile) -> SystemTime {
    // A timestamp can be earlier than any time that the file system represents.
    SystemTime::try_from(file.at).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn file_name(file: &SinkFile, copy: u32) -> String {
    let (id, extension) = (file.id, file_extension(file.channel));
    if copy == 1 {
        format!("{id}.{extension}")
    } else {
        format!("{id}.{copy}.{extension}")
    }
}
