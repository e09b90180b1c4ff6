//! Checking a file, and making its link. Nothing is written here.

use std::{borrow::Cow, time::Duration};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use domain::{DocumentId, Private, ServiceId};
use files::Key;
use providers::{FileService, ScanResult, Upload, UploadError};
use serde::{Deserialize, Serialize};
use store::{Keyring, documents::Document};

use super::{file_types, key::LinkKey};
use crate::{App, OpenError};

/// The most characters of a file's name.
const MAX_NAME_CHARACTERS: usize = 100;
const WEEK: Duration = Duration::from_hours(7 * 24);
/// Senders may leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file as a sender wants it kept.
#[derive(Debug)]
pub(crate) struct FileRequest {
    pub(crate) bytes: Bytes,
    pub(crate) is_csv: bool,
    /// The address, normalised, that the recipient must confirm, if one must be.
    pub(crate) confirm: Option<Private<String>>,
    pub(crate) weeks: u32,
    /// The same in the sender's words.
    pub(crate) retention_period: Option<String>,
    pub(crate) file_name: Option<Private<String>>,
    /// What its link is made of; without it, of chance.
    pub(crate) identity: Option<Identity>,
}

/// What a link is made of.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: DocumentId,
    pub(crate) key: LinkKey,
}

/// The bytes of a file.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// As a message brings them; not looked at yet.
    Base64(Private<String>),
    /// Of a template's file: looked at when it was added.
    Known(Private<bytes::Bytes>),
}

/// A file that may be kept: its link is known, nothing is written yet.
pub(crate) struct PreparedFile {
    pub(crate) link: Private<String>,
    pub(super) ours: Option<Ours>,
}

/// What is to be written into our own store.
pub(super) struct Ours {
    pub(super) row: Document,
    pub(super) bytes: bytes::Bytes,
    pub(super) vault: Keyring,
}

impl Ours {
    pub(super) fn key(&self) -> Key {
        Key::document(self.row.service_id.as_uuid(), self.row.id.as_uuid())
    }
}

/// Why a file is not taken: the sender's to mend. The public wording is the API's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRejected {
    /// It is not base64.
    NotBase64,
    /// There is nothing in it.
    Empty,
    /// It is too large.
    TooLarge {
        /// The most it may have.
        limit_bytes: u64,
    },
    /// Its name has too many characters.
    NameTooLong {
        /// The most it may have.
        limit: usize,
    },
    /// It is of a type that is not taken.
    Type {
        /// How its name ends, if it has one.
        extension: Option<String>,
    },
    /// Its bytes are something else than its name, or its sender, says.
    OtherType {
        /// What it should be.
        extension: &'static str,
    },
    /// It holds a virus.
    Virus,
    /// The external file service refuses it, in its own words.
    Elsewhere(String),
}

/// Why a file could not be dealt with: ours to mend.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The virus scanner could not say.
    #[error(transparent)]
    Scanner(#[from] providers::ScanError),
    /// The external file service failed.
    #[error(transparent)]
    Elsewhere(UploadError),
    /// The file storage failed.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A file of a template cannot be read.
    #[error("a file of a template cannot be read")]
    Template(#[source] OpenError),
    /// A file of a template is not where it should be.
    #[error("the file {0} of a template is not in the file storage")]
    Gone(domain::TemplateFileId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why there is no draft.
#[derive(Debug)]
pub(crate) enum PrepareError {
    Refused(FileRejected),
    Fault(FileError),
}

impl<E: Into<FileError>> From<E> for PrepareError {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<FileRejected> for PrepareError {
    fn from(refused: FileRejected) -> Self {
        Self::Refused(refused)
    }
}

/// What is sealed in a file's row.
#[derive(Serialize, Deserialize)]
pub(super) struct FileProperties {
    pub(super) name: String,
    /// The mark of the address that must be confirmed.
    pub(super) mark: Option<Vec<u8>>,
}

/// What a file's facts are sealed for; its frames are sealed for more than its id.
pub(super) fn file_properties(id: DocumentId) -> [u8; 16] {
    *id.as_uuid().as_bytes()
}

/// Checks a file and makes its link; where files go to somebody else's service, puts it there.
pub(crate) async fn prepare(
    app: &App,
    service: ServiceId,
    order: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    match &app.providers.file_service {
        Some(elsewhere) => upload(&**elsewhere, service, order).await,
        None => draft(app, service, order).await,
    }
}

async fn upload(
    elsewhere: &dyn FileService,
    service: ServiceId,
    order: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    let document = match order.bytes {
        Bytes::Base64(text) => text,
        Bytes::Known(bytes) => STANDARD.encode(bytes.reveal()).into(),
    };
    let upload = Upload {
        service_id: service.as_uuid(),
        document,
        is_csv: order.is_csv,
        confirmation_email: order.confirm,
        retention_period: order.retention_period,
        filename: order.file_name.filter(|name| !name.reveal().is_empty()),
    };
    match elsewhere.upload(&upload).await {
        Ok(link) => Ok(PreparedFile { link, ours: None }),
        Err(UploadError::Refused(why)) => Err(FileRejected::Elsewhere(why).into()),
        Err(failed) => Err(PrepareError::Fault(FileError::Elsewhere(failed))),
    }
}

async fn draft(
    app: &App,
    service: ServiceId,
    order: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    let given_name = order.file_name.as_ref().map(|name| name.reveal().as_str());
    let given_name = given_name.filter(|name| !name.is_empty());
    let (bytes, scan) = match order.bytes {
        Bytes::Base64(text) => {
            let bytes = decode(text.reveal(), app.settings.max_file_bytes)?;
            kind_of(&bytes, given_name, order.is_csv)?;
            let scan = scan(app, &bytes).await?;
            (bytes.into(), scan)
        }
        Bytes::Known(bytes) => (bytes.into_inner(), "clean"),
    };
    let kind = kind_of(&bytes, given_name, order.is_csv)?;
    let name = safe_name(given_name, kind.extension);
    let now = app.clock.now();
    let Identity { id, key } = order.identity.unwrap_or_else(|| Identity {
        id: DocumentId::generate(now, app.random()),
        key: LinkKey::generate(app.random()),
    });
    let vault = key.vault(&app.random);
    let facts = FileProperties {
        name,
        mark: order.confirm.map(|address| key.mark(address.reveal())),
    };
    let facts = serde_json::to_vec(&facts).expect("texts are writable as JSON");
    let row = Document {
        id,
        service_id: service,
        sealed: vault.seal(&file_properties(id), &facts),
        mime_type: kind.mime_type.to_owned(),
        size_bytes: bytes.len() as u64,
        scan: scan.to_owned(),
        created_at: now,
        expires_at: now.plus(WEEK * order.weeks),
    };
    Ok(PreparedFile {
        link: format!("{}/d/{id}/{}", app.settings.files_root, key.text()).into(),
        ours: Some(Ours { row, bytes, vault }),
    })
}

/// White space between the characters does not count: senders wrap lines.
fn decode(text: &str, limit_bytes: u64) -> Result<Vec<u8>, FileRejected> {
    let text = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        Cow::Owned(text.split_ascii_whitespace().collect::<String>())
    } else {
        Cow::Borrowed(text)
    };
    // What is far too large is not decoded to be told so: four characters are three bytes.
    if text.len() as u64 / 4 > limit_bytes / 3 + 1 {
        return Err(FileRejected::TooLarge { limit_bytes });
    }
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|_| FileRejected::NotBase64)?;
    if bytes.is_empty() {
        Err(FileRejected::Empty)
    } else if bytes.len() as u64 > limit_bytes {
        Err(FileRejected::TooLarge { limit_bytes })
    } else {
        Ok(bytes)
    }
}

/// What a file is, if it is anything that we take.
pub(super) fn kind_of(
    bytes: &[u8],
    name: Option<&str>,
    is_csv: bool,
) -> Result<&'static file_types::FileType, FileRejected> {
    if name.is_some_and(|name| name.chars().count() > MAX_NAME_CHARACTERS) {
        return Err(FileRejected::NameTooLong {
            limit: MAX_NAME_CHARACTERS,
        });
    }
    file_types::find(bytes, name, is_csv).map_err(|not_taken| match not_taken {
        file_types::UnsupportedFile::Extension(extension) => FileRejected::Type {
            extension: Some(extension),
        },
        file_types::UnsupportedFile::Unknown => FileRejected::Type { extension: None },
        file_types::UnsupportedFile::Other(extension) => FileRejected::OtherType { extension },
    })
}

/// Looks for a virus; what the row says about it.
pub(super) async fn scan(app: &App, bytes: &[u8]) -> Result<&'static str, PrepareError> {
    let Some(scanner) = &app.providers.scanner else {
        return Ok("not-scanned");
    };
    match scanner.scan(bytes).await? {
        ScanResult::Clean => Ok("clean"),
        ScanResult::Virus => Err(FileRejected::Virus.into()),
    }
}

/// The name under which a file is saved: no folders, nothing invisible or that turns the direction of writing, and not
/// hidden. Whatever is left ends as the file's kind does.
fn safe_name(given: Option<&str>, extension: &str) -> String {
    let visible: String = given
        .unwrap_or_default()
        .chars()
        .filter(|character| {
            !character.is_control()
                && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        })
        .map(|character| if "/\\<>:\"|?*".contains(character) { '_' } else { character })
        .collect();
    let stem = visible.rsplit_once('.').map_or("", |(stem, _)| stem);
    let stem = stem.trim_matches(|character: char| character == '.' || character.is_whitespace());
    format!(
        "{}.{extension}",
        if stem.is_empty() { "document" } else { stem }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding_and_over_lines() {
        for text in ["YWI=", "YWI", "Y W\r\nI=\n"] {
            assert_eq!(decode(text, 10).unwrap(), b"ab", "{text}");
        }
        for text in ["*", "Y", "Zoë", "YWJj!"] {
            assert_eq!(decode(text, 10), Err(FileRejected::NotBase64), "{text}");
        }
        assert_eq!(decode(" ", 10), Err(FileRejected::Empty));
    }

    #[test]
    fn a_file_may_have_exactly_as_many_bytes_as_the_limit() {
        let encoded = |bytes: usize| STANDARD.encode(vec![b'a'; bytes]);
        assert_eq!(decode(&encoded(100), 100).unwrap().len(), 100);
        for bytes in [101, 102, 110, 1000] {
            let limit_bytes = 100;
            assert_eq!(
                decode(&encoded(bytes), limit_bytes),
                Err(FileRejected::TooLarge { limit_bytes })
            );
        }
    }

    #[test]
    fn a_name_is_made_safe_and_ends_as_the_file_does() {
        for (given, safe) in [
            (Some("Report.PDF"), "Report.pdf"),
            (Some("../../etc/passwd.pdf"), "_.._etc_passwd.pdf"),
            (Some("C:\\a b.v2.pdf"), "C__a b.v2.pdf"),
            (Some("Report 2/3/2026.pdf"), "Report 2_3_2026.pdf"),
            (Some("invoice\u{202e}fdp.exe.pdf"), "invoicefdp.exe.pdf"),
            (Some(".pdf"), "document.pdf"),
            (Some("a\"b\r\n<c>.pdf"), "a_b_c_.pdf"),
            (Some("Übersicht 2026.pdf"), "Übersicht 2026.pdf"),
            (None, "document.pdf"),
        ] {
            assert_eq!(safe_name(given, "pdf"), safe);
        }
    }
}
