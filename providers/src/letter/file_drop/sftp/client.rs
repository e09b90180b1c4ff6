//! A client of one SFTP session, over any stream.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time,
};

use super::wire::{Malformed, Reader, Request, kind, status};
use crate::letter::file_drop::target::{DropError, DroppedFile};

/// Version 3 is what OpenSSH and nearly everything else speaks.
const VERSION: u32 = 3;

/// Every server takes and gives this much in one packet.
const CHUNK_BYTES: u32 = 32 << 10;

/// Chunks that are on their way at a time, so that a distant server is not waited for after each.
const MAX_UNANSWERED: usize = 32;

/// Longest packet that is read.
const MAX_PACKET_BYTES: u32 = 256 << 10;

/// The owner and the group may read it: it is a letter.
const FILE_MODE: u32 = 0o640;

const OPEN_TO_READ: u32 = 1;
/// Write, create, and fail if it exists.
const OPEN_NEW: u32 = 2 | 8 | 32;

const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";
const FSYNC: &[u8] = b"fsync@openssh.com";

/// Why a request failed.
#[derive(Debug)]
pub(super) enum SftpError {
    /// The server says no.
    Status(u32),
    /// The connection broke or took too long.
    Stream(io::Error),
    /// The reply is none.
    Malformed,
}

impl From<Malformed> for SftpError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for SftpError {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

impl From<SftpError> for DropError {
    fn from(error: SftpError) -> Self {
        Self::new(match error {
            SftpError::Status(status::NO_SUCH_FILE) => "its directory does not exist on the server",
            SftpError::Status(status::PERMISSION_DENIED) => "the server denies permission",
            SftpError::Status(status::FAILURE) => {
                "the server could not do it; its disk may be full"
            }
            SftpError::Status(_) => "the server refuses",
            SftpError::Stream(error) if error.kind() == io::ErrorKind::TimedOut => {
                "the server did not answer in time"
            }
            SftpError::Stream(_) => "the connection to the server broke",
            SftpError::Malformed => "the server does not speak SFTP version 3",
        })
    }
}

impl SftpError {
    /// Returns whether there is no such file.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Status(status::NO_SUCH_FILE))
    }

    /// Returns whether the server failed for a reason that version 3 has no code for, such as a name that is in use.
    pub(super) const fn is_failure(&self) -> bool {
        matches!(self, Self::Status(status::FAILURE))
    }
}

/// An open file or directory on the server.
pub(super) struct Handle(Vec<u8>);

/// A session.
pub(super) struct Client<S> {
    stream: S,
    /// For each packet in either direction.
    timeout: Duration,
    last_id: u32,
    renames_over: bool,
    syncs: bool,
}

/// A reply: its kind, and its fields after the id.
struct Reply {
    kind: u8,
    id: u32,
    packet: Vec<u8>,
}

impl Reply {
    const FIELDS: usize = 5;

    fn fields(&self) -> Reader<'_> {
        Reader(&self.packet[Self::FIELDS..])
    }

    fn expect(self, kind: u8) -> Result<Self, SftpError> {
        match self.kind {
            found if found == kind => Ok(self),
            kind::STATUS => Err(SftpError::Status(self.fields().u32()?)),
            _ => Err(SftpError::Malformed),
        }
    }

    fn expect_ok(self) -> Result<(), SftpError> {
        match self.expect(kind::STATUS)?.fields().u32()? {
            status::OK => Ok(()),
            code => Err(SftpError::Status(code)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Client<S> {
    /// Begins a session.
    pub(super) async fn start(stream: S, timeout: Duration) -> Result<Self, SftpError> {
        let mut client = Self {
            stream,
            timeout,
            last_id: 0,
            renames_over: false,
            syncs: false,
        };
        client.send(Request::new(kind::INIT, VERSION)).await?;
        // In place of an id it has the version.
        let reply = client.receive().await?;
        if reply.kind != kind::VERSION || reply.id < VERSION {
            return Err(SftpError::Malformed);
        }
        let mut fields = reply.fields();
        while !fields.0.is_empty() {
            let name = fields.bytes()?;
            fields.bytes()?;
            client.renames_over |= name == POSIX_RENAME;
            client.syncs |= name == FSYNC;
        }
        Ok(client)
    }

    /// Creates a file that does not exist.
    pub(super) async fn create(&mut self, path: &str) -> Result<Handle, SftpError> {
        let open = |request: Request| {
            let request = request.bytes(path.as_bytes()).u32(OPEN_NEW);
            request.permissions(FILE_MODE)
        };
        self.open_with(kind::OPEN, open).await
    }

    /// Opens a file to read.
    pub(super) async fn open(&mut self, path: &str) -> Result<Handle, SftpError> {
        let open = |request: Request| {
            let request = request.bytes(path.as_bytes()).u32(OPEN_TO_READ);
            request.no_attributes()
        };
        self.open_with(kind::OPEN, open).await
    }

    async fn open_with(
        &mut self,
        kind: u8,
        fields: impl FnOnce(Request) -> Request,
    ) -> Result<Handle, SftpError> {
        let reply = self.ask(kind, fields).await?.expect(kind::HANDLE)?;
        Ok(Handle(reply.fields().bytes()?.to_vec()))
    }

    /// Writes a file from its start.
    pub(super) async fn write(&mut self, file: &Handle, contents: &[u8]) -> Result<(), SftpError> {
        let mut unanswered = 0;
        let mut offset = 0;
        for chunk in contents.chunks(CHUNK_BYTES as usize) {
            if unanswered == MAX_UNANSWERED {
                self.receive().await?.expect_ok()?;
                unanswered -= 1;
            }
            let id = self.next_id();
            let request = Request::new(kind::WRITE, id).bytes(&file.0).u64(offset);
            self.send(request.bytes(chunk)).await?;
            unanswered += 1;
            offset += chunk.len() as u64;
        }
        // In whatever order: each must be good.
        for _ in 0..unanswered {
            self.receive().await?.expect_ok()?;
        }
        Ok(())
    }

    /// Reads a file; fails if it is longer than `max_bytes`.
    pub(super) async fn read(
        &mut self,
        file: &Handle,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, SftpError> {
        let mut contents = Vec::new();
        loop {
            let offset = contents.len() as u64;
            let asked = self
                .ask(kind::READ, |request| {
                    request.bytes(&file.0).u64(offset).u32(CHUNK_BYTES)
                })
                .await?;
            match asked.expect(kind::DATA) {
                Ok(reply) => contents.extend_from_slice(reply.fields().bytes()?),
                Err(SftpError::Status(status::EOF)) => return Ok(Some(contents)),
                Err(error) => return Err(error),
            }
            if contents.len() as u64 > max_bytes {
                return Ok(None);
            }
        }
    }

    /// Waits until the server has a file on its disk, if it can do that.
    pub(super) async fn sync(&mut self, file: &Handle) -> Result<(), SftpError> {
        if !self.syncs {
            return Ok(());
        }
        self.ask(kind::EXTENDED, |request| {
            request.bytes(FSYNC).bytes(&file.0)
        })
        .await?
        .expect_ok()
    }

    pub(super) async fn close(&mut self, handle: Handle) -> Result<(), SftpError> {
        let reply = self.ask(kind::CLOSE, |request| request.bytes(&handle.0));
        reply.await?.expect_ok()
    }

    /// Returns the length of a file, or `None` if there is none.
    pub(super) async fn size(&mut self, path: &str) -> Result<Option<u64>, SftpError> {
        let asked = self
            .ask(kind::STAT, |request| request.bytes(path.as_bytes()))
            .await?;
        match asked.expect(kind::ATTRS) {
            Ok(reply) => Ok(Some(reply.fields().attributes()?.size)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the ordinary files of a directory.
    pub(super) async fn list(&mut self, path: &str) -> Result<Vec<DroppedFile>, SftpError> {
        let open = |request: Request| request.bytes(path.as_bytes());
        let directory = self.open_with(kind::OPENDIR, open).await?;
        let mut files = Vec::new();
        loop {
            let asked = self
                .ask(kind::READDIR, |request| request.bytes(&directory.0))
                .await?;
            match asked.expect(kind::NAME) {
                Ok(reply) => add_files(&mut files, reply.fields())?,
                Err(SftpError::Status(status::EOF)) => break,
                Err(error) => return Err(error),
            }
        }
        self.close(directory).await?;
        Ok(files)
    }

    /// Renames a file, replacing one that has the new name.
    pub(super) async fn rename(&mut self, from: &str, to: &str) -> Result<(), SftpError> {
        if self.renames_over {
            let renamed = self.ask(kind::EXTENDED, |request| {
                let request = request.bytes(POSIX_RENAME).bytes(from.as_bytes());
                request.bytes(to.as_bytes())
            });
            return renamed.await?.expect_ok();
        }
        match self.rename_once(from, to).await {
            // Version 3 itself does not replace.
            Err(error) if error.is_failure() => {
                self.remove(to).await?;
                self.rename_once(from, to).await
            }
            renamed => renamed,
        }
    }

    async fn rename_once(&mut self, from: &str, to: &str) -> Result<(), SftpError> {
        let renamed = self.ask(kind::RENAME, |request| {
            request.bytes(from.as_bytes()).bytes(to.as_bytes())
        });
        renamed.await?.expect_ok()
    }

    pub(super) async fn remove(&mut self, path: &str) -> Result<(), SftpError> {
        let removed = self.ask(kind::REMOVE, |request| request.bytes(path.as_bytes()));
        removed.await?.expect_ok()
    }

    pub(super) async fn make_directory(&mut self, path: &str) -> Result<(), SftpError> {
        let made = self.ask(kind::MKDIR, |request| {
            request.bytes(path.as_bytes()).no_attributes()
        });
        made.await?.expect_ok()
    }

    /// Sends a request and returns its reply.
    async fn ask(
        &mut self,
        kind: u8,
        fields: impl FnOnce(Request) -> Request,
    ) -> Result<Reply, SftpError> {
        let id = self.next_id();
        self.send(fields(Request::new(kind, id))).await?;
        let reply = self.receive().await?;
        if reply.id == id {
            Ok(reply)
        } else {
            Err(SftpError::Malformed)
        }
    }

    fn next_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    async fn send(&mut self, request: Request) -> Result<(), SftpError> {
        let packet = request.finish();
        let sent = async {
            self.stream.write_all(&packet).await?;
            self.stream.flush().await
        };
        in_time(self.timeout, sent).await
    }

    async fn receive(&mut self) -> Result<Reply, SftpError> {
        let stream = &mut self.stream;
        let read = async {
            let length = stream.read_u32().await?;
            if (length as usize) < Reply::FIELDS || length > MAX_PACKET_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut packet = vec![0; length as usize];
            stream.read_exact(&mut packet).await?;
            Ok(packet)
        };
        let packet = in_time(self.timeout, read).await.map_err(|error| {
            match error {
                // What was read are no packets, such as a greeting of the login shell.
                SftpError::Stream(error) if error.kind() == io::ErrorKind::InvalidData => {
                    SftpError::Malformed
                }
                error => error,
            }
        })?;
        let mut head = Reader(&packet);
        Ok(Reply {
            kind: head.u8()?,
            id: head.u32()?,
            packet,
        })
    }
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, SftpError> {
    match time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(SftpError::Stream(io::ErrorKind::TimedOut.into())),
    }
}

fn add_files(files: &mut Vec<DroppedFile>, mut fields: Reader<'_>) -> Result<(), Malformed> {
    for _ in 0..fields.u32()? {
        let name = fields.bytes()?;
        // The same as a line of `ls -l`.
        fields.bytes()?;
        let attributes = fields.attributes()?;
        // A name that is not text is none that the print shop's format knows.
        if let (true, Ok(name)) = (attributes.is_file, str::from_utf8(name)) {
            files.push(DroppedFile {
                name: name.to_owned(),
                bytes: attributes.size,
                modified: attributes.modified,
            });
        }
    }
    Ok(())
}
