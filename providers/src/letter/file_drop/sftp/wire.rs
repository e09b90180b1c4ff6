//! The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as far as a file drop needs them.

/// Kinds of packets.
pub(super) mod kind {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const VERSION: u8 = 2;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const MKDIR: u8 = 14;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const STATUS: u8 = 101;
    pub(in super::super) const HANDLE: u8 = 102;
    pub(in super::super) const DATA: u8 = 103;
    pub(in super::super) const NAME: u8 = 104;
    pub(in super::super) const ATTRS: u8 = 105;
    pub(in super::super) const EXTENDED: u8 = 200;
}

/// Codes of a status.
pub(super) mod status {
    pub(in super::super) const OK: u32 = 0;
    pub(in super::super) const EOF: u32 = 1;
    pub(in super::super) const NO_SUCH_FILE: u32 = 2;
    pub(in super::super) const PERMISSION_DENIED: u32 = 3;
    /// Anything else, such as a full disk or a name that is in use.
    pub(in super::super) const FAILURE: u32 = 4;
}

const HAS_SIZE: u32 = 1;
const HAS_OWNER: u32 = 2;
const HAS_PERMISSIONS: u32 = 4;
const HAS_TIMES: u32 = 8;
const HAS_EXTENSIONS: u32 = 0x8000_0000;

/// The part of permissions that says what kind of file it is.
const KIND_MASK: u32 = 0o170_000;
const REGULAR_FILE: u32 = 0o100_000;

/// A request, field by field.
pub(super) struct Request(Vec<u8>);

impl Request {
    /// Begins a request with an id, or with the version in its place.
    pub(super) fn new(kind: u8, id: u32) -> Self {
        // The length is filled in at the end.
        let mut packet = vec![0, 0, 0, 0, kind];
        packet.extend(id.to_be_bytes());
        Self(packet)
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(super) fn bytes(mut self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).expect("a name or a chunk is short");
        self.0.extend(length.to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// Attributes that set no more than permissions.
    pub(super) fn permissions(self, mode: u32) -> Self {
        self.u32(HAS_PERMISSIONS).u32(mode)
    }

    pub(super) fn no_attributes(self) -> Self {
        self.u32(0)
    }

    /// Returns the packet with its length in front.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).expect("a packet is short");
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// A reply that is not what the protocol says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What is left to read of a packet.
pub(super) struct Reader<'p>(pub(super) &'p [u8]);

impl<'p> Reader<'p> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.take()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    pub(super) fn bytes(&mut self) -> Result<&'p [u8], Malformed> {
        let length = self.u32()? as usize;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn attributes(&mut self) -> Result<Attributes, Malformed> {
        let flags = self.u32()?;
        let has = |flag| flags & flag != 0;
        let size = has(HAS_SIZE).then(|| self.u64()).transpose()?;
        if has(HAS_OWNER) {
            self.u64()?;
        }
        let mode = has(HAS_PERMISSIONS).then(|| self.u32()).transpose()?;
        let mut modified = 0;
        if has(HAS_TIMES) {
            // The time of the last access is of no use to anybody.
            self.u32()?;
            modified = self.u32()?;
        }
        if has(HAS_EXTENSIONS) {
            for _ in 0..self.u32()? {
                self.bytes()?;
                self.bytes()?;
            }
        }
        Ok(Attributes {
            size: size.unwrap_or_default(),
            modified: modified.into(),
            is_file: mode.is_none_or(|mode| mode & KIND_MASK == REGULAR_FILE),
        })
    }
}

/// What a server says about a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: u64,
    /// In seconds since 1970.
    pub(super) modified: u64,
    /// Whether it is an ordinary file, or the server does not say.
    pub(super) is_file: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_length_kind_id_and_fields() {
        let packet = Request::new(kind::REMOVE, 7).bytes(b"/in/x").finish();
        assert_eq!(packet, b"\0\0\0\x0e\x0d\0\0\0\x07\0\0\0\x05/in/x");
    }

    #[test]
    fn attributes_are_read_whatever_they_have() {
        let mut all = Vec::new();
        all.extend(
            (HAS_SIZE | HAS_OWNER | HAS_PERMISSIONS | HAS_TIMES | HAS_EXTENSIONS).to_be_bytes(),
        );
        all.extend(5u64.to_be_bytes());
        all.extend([0; 8]);
        all.extend(0o040_755u32.to_be_bytes());
        all.extend([0, 0, 0, 1, 0, 0, 0, 2]);
        all.extend(1u32.to_be_bytes());
        all.extend(b"\0\0\0\x01a\0\0\0\x01b");
        all.push(9);
        let mut reader = Reader(&all);
        let directory = Attributes {
            size: 5,
            modified: 2,
            is_file: false,
        };
        assert_eq!(reader.attributes(), Ok(directory));
        assert_eq!(reader.u8(), Ok(9));
    }

    #[test]
    fn a_packet_that_is_cut_off_is_malformed() {
        assert_eq!(Reader(b"\0\0\0\x05abcd").bytes(), Err(Malformed));
        assert_eq!(Reader(b"\0\0").u32(), Err(Malformed));
        assert_eq!(Reader(b"\x80\0\0\0\0\0\0\x09").attributes(), Err(Malformed));
    }
}
