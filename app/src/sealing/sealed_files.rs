//! Files sealed in frames, so that neither writing nor reading holds a whole file in memory.
//!
//! A file is a sequence of frames: a length (4 bytes, big-endian), then that many sealed bytes.

use bytes::{Bytes, BytesMut};
use files::{Files, Key, Upload};
use futures::{Stream, StreamExt as _};
use store::Keyring;
use uuid::Uuid;

use crate::RewriteLock;

const FRAME_BYTES: usize = 64 << 10;
const LENGTH_BYTES: usize = 4;
/// A longer frame means that the file is damaged.
const MAX_SEALED_BYTES: usize = FRAME_BYTES + 256;

fn frame_context(owner: Uuid, number: u64, is_last: bool) -> Vec<u8> {
    // With the number and the mark of the last one in the context, frames cannot be moved, dropped or cut off.
    [
        owner.as_bytes().as_slice(),
        &number.to_be_bytes(),
        &[u8::from(is_last)],
    ]
    .concat()
}

/// Stores a file that is in memory. It is durable when this returns.
pub(crate) async fn store(
    files: &Files,
    keyring: &Keyring,
    key: &Key,
    owner: Uuid,
    bytes: &[u8],
) -> Result<(), files::Error> {
    let mut sealer = Sealer::new(files.create(key).await?, keyring.clone(), owner);
    sealer.write(bytes).await?;
    sealer.finish().await
}

/// Reads a whole file into memory. Returns `None` if it does not exist.
pub(crate) async fn find(
    files: &Files,
    keyring: &Keyring,
    key: &Key,
    owner: Uuid,
) -> Result<Option<Bytes>, OpenError> {
    let source = match files.read(key).await {
        Ok(source) => source,
        Err(files::Error::Missing(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let mut opener = Opener::new(source, keyring.clone(), owner);
    let mut bytes = BytesMut::new();
    while let Some(piece) = opener.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes.freeze()))
}

/// The result of re-encrypting a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reencrypted {
    /// It was rewritten with the newest key.
    Yes,
    /// All frames had the newest key already.
    NotNecessary,
    /// The file does not exist.
    Missing,
    /// The lock was lost, and the file was left as it was.
    LockLost,
}

/// Rewrites a file with the newest key, unless all of its frames have it. It is read and written a frame at a time
/// and replaced at the end, so a concurrent reader reads the old file to its end.
pub(crate) async fn reencrypt(
    files: &Files,
    keyring: &Keyring,
    key: &Key,
    owner: Uuid,
    lock: &RewriteLock,
) -> Result<Reencrypted, OpenError> {
    let source = match files.read(key).await {
        Ok(source) => source,
        Err(files::Error::Missing(_)) => return Ok(Reencrypted::Missing),
        Err(fault) => return Err(fault.into()),
    };
    let mut frames = Opener::new(source, keyring.clone(), owner);
    let newest = Some(keyring.primary_key_id());
    loop {
        match frames.next_frame().await? {
            // Read to its end first: most files are up to date, and are then not written at all.
            None => return Ok(Reencrypted::NotNecessary),
            Some(frame) if Keyring::key_id_of(&frame) != newest => break,
            Some(_) => {}
        }
    }
    let mut opener = Opener::new(files.read(key).await?, keyring.clone(), owner);
    let mut sealer = Sealer::new(files.create_exclusive(key).await?, keyring.clone(), owner);
    loop {
        let piece = match opener.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                sealer.abort().await;
                return Err(error);
            }
        };
        sealer.write(&piece).await?;
    }
    Ok(if lock.finish(sealer).await? {
        Reencrypted::Yes
    } else {
        Reencrypted::LockLost
    })
}

/// Writes a sealed file.
#[derive(Debug)]
pub(crate) struct Sealer {
    upload: Upload,
    keyring: Keyring,
    owner: Uuid,
    number: u64,
    buffer: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(upload: Upload, keyring: Keyring, owner: Uuid) -> Self {
        Self {
            upload,
            keyring,
            owner,
            number: 0,
            buffer: Vec::with_capacity(FRAME_BYTES),
        }
    }

    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), files::Error> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            // The last frame is marked, so a full buffer waits until more bytes follow.
            if self.buffer.len() == FRAME_BYTES && !bytes.is_empty() {
                self.write_frame(false).await?;
            }
        }
        Ok(())
    }

    async fn write_frame(&mut self, is_last: bool) -> Result<(), files::Error> {
        let sealed = self.keyring.seal(
            &frame_context(self.owner, self.number, is_last),
            &self.buffer,
        );
        let length = u32::try_from(sealed.len()).expect("a frame is small");
        self.upload.write(&length.to_be_bytes()).await?;
        self.upload.write(&sealed).await?;
        self.number += 1;
        self.buffer.clear();
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<(), files::Error> {
        self.write_frame(true).await?;
        self.upload.finish().await
    }

    pub(crate) async fn abort(self) {
        self.upload.abort().await;
    }
}

/// Why a sealed file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file storage failed, or the file does not exist.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The file was changed, or is incomplete.
    #[error("the file was changed or cut off since it was uploaded")]
    Damaged,
    /// The keyring does not have its key.
    #[error(transparent)]
    Keyring(#[from] store::KeyringError),
}

/// Reads a sealed file frame by frame.
pub(crate) struct Opener<S> {
    source: S,
    keyring: Keyring,
    owner: Uuid,
    number: u64,
    buffer: BytesMut,
    ended: bool,
}

impl<S: Stream<Item = Result<Bytes, files::Error>> + Unpin> Opener<S> {
    pub(crate) fn new(source: S, keyring: Keyring, owner: Uuid) -> Self {
        Self {
            source,
            keyring,
            owner,
            number: 0,
            buffer: BytesMut::new(),
            ended: false,
        }
    }

    /// Returns the content of the next frame, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(frame) = self.next_frame().await? else {
            return if self.ended {
                Ok(None)
            } else {
                Err(OpenError::Damaged)
            };
        };
        if self.ended {
            return Err(OpenError::Damaged);
        }
        let number = self.number;
        self.number += 1;
        match self
            .keyring
            .open(&frame_context(self.owner, number, false), &frame)
        {
            Ok(piece) => Ok(Some(piece)),
            // A frame does not say whether it is the last: it then opens with the other context.
            Err(store::KeyringError::Tampered) => {
                self.ended = true;
                let last = self
                    .keyring
                    .open(&frame_context(self.owner, number, true), &frame);
                last.map(Some).map_err(|_| OpenError::Damaged)
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn next_frame(&mut self) -> Result<Option<Bytes>, OpenError> {
        if !self.fill(LENGTH_BYTES).await? {
            return if self.buffer.is_empty() {
                Ok(None)
            } else {
                Err(OpenError::Damaged)
            };
        }
        let length = self.buffer.split_to(LENGTH_BYTES);
        let length = u32::from_be_bytes(length[..].try_into().expect("four bytes")) as usize;
        if length > MAX_SEALED_BYTES || !self.fill(length).await? {
            return Err(OpenError::Damaged);
        }
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Reads until the buffer has this many bytes. Returns false if the file ends before.
    async fn fill(&mut self, bytes: usize) -> Result<bool, OpenError> {
        while self.buffer.len() < bytes {
            match self.source.next().await.transpose()? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}
