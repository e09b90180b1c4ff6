//! Checks a file and creates its link. Nothing is written here, except that an external file service receives its
//! upload.

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

const MAX_NAME_CHARACTERS: usize = 100;
const WEEK: Duration = Duration::from_hours(7 * 24);
/// Accepts base64 with or without padding, because senders may leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file to send, as requested by an API call or by a template.
#[derive(Debug)]
pub(crate) struct FileRequest {
    pub(crate) bytes: Bytes,
    pub(crate) is_csv: bool,
    /// The normalised address that the recipient must confirm, if confirmation is required.
    pub(crate) confirm: Option<Private<String>>,
    pub(crate) weeks: u32,
    /// The retention period in the sender's own words, for an external file service.
    pub(crate) retention_period: Option<String>,
    pub(crate) file_name: Option<Private<String>>,
    /// A fixed id and key for a reproducible link; random ones are generated if absent.
    pub(crate) identity: Option<Identity>,
}

/// The id and the key in a link.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: DocumentId,
    pub(crate) key: LinkKey,
}

/// The content of a requested file.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// From an API request: not decoded, checked or scanned yet.
    Base64(Private<String>),
    /// From a template's file: checked and scanned when it was added.
    Known(Private<bytes::Bytes>),
}

/// A checked file with its link, ready to be stored.
pub(crate) struct PreparedFile {
    pub(crate) link: Private<String>,
    pub(super) stored: Option<StoredFile>,
}

/// The row and the content of a file for our own storage; absent when an external file service has the file.
pub(super) struct StoredFile {
    pub(super) row: Document,
    pub(super) bytes: bytes::Bytes,
    pub(super) keyring: Keyring,
}

impl StoredFile {
    pub(super) fn key(&self) -> Key {
        Key::document(self.row.service_id.as_uuid(), self.row.id.as_uuid())
    }
}

/// A reason that the sender can act on. The API owns the public wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRejected {
    /// The content is not base64.
    NotBase64,
    /// The content is empty.
    Empty,
    /// The file is too large.
    TooLarge {
        /// The largest accepted size.
        limit_bytes: u64,
    },
    /// The file name is too long.
    NameTooLong {
        /// The largest accepted number of characters.
        limit: usize,
    },
    /// The file type is not supported.
    Type {
        /// The extension of the file name, if there is one.
        extension: Option<String>,
    },
    /// The content does not match the type that the name or the sender gives.
    OtherType {
        /// The extension that was expected.
        extension: &'static str,
    },
    /// The virus scanner found a virus.
    Virus,
    /// The external file service rejected the file; the text is its own.
    ExternalService(String),
}

/// An internal error of handling a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The virus scan failed.
    #[error(transparent)]
    Scanner(#[from] providers::ScanError),
    /// The upload to the external file service failed.
    #[error(transparent)]
    ExternalService(UploadError),
    /// The file storage failed.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A template's file cannot be decrypted or read.
    #[error("a file of a template cannot be read")]
    Template(#[source] OpenError),
    /// A template's file is missing from the file storage.
    #[error("the file {0} of a template is not in the file storage")]
    Gone(domain::TemplateFileId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The reason why a file cannot be prepared.
#[derive(Debug)]
pub(crate) enum PrepareError {
    Rejected(FileRejected),
    Fault(FileError),
}

impl<E: Into<FileError>> From<E> for PrepareError {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<FileRejected> for PrepareError {
    fn from(rejected: FileRejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// The properties of a file that are sealed in its row.
#[derive(Serialize, Deserialize)]
pub(super) struct FileProperties {
    pub(super) name: String,
    /// The keyed hash of the address that must be confirmed, if confirmation is required.
    #[serde(rename = "mark")]
    pub(super) address_hash: Option<Vec<u8>>,
}

/// Returns the context that a file's properties are sealed for. The content frames use a longer context, so that the
/// two cannot be swapped.
pub(super) fn properties_context(id: DocumentId) -> [u8; 16] {
    *id.as_uuid().as_bytes()
}

/// Checks a file and creates its link. If an external file service is configured, uploads the file to it instead.
pub(crate) async fn prepare(
    app: &App,
    service: ServiceId,
    request: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    match &app.providers.file_service {
        Some(external) => upload(&**external, service, request).await,
        None => prepare_for_storage(app, service, request).await,
    }
}

async fn upload(
    external: &dyn FileService,
    service: ServiceId,
    request: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    let document = match request.bytes {
        Bytes::Base64(text) => text,
        Bytes::Known(bytes) => STANDARD.encode(bytes.reveal()).into(),
    };
    let upload = Upload {
        service_id: service.as_uuid(),
        document,
        is_csv: request.is_csv,
        confirmation_email: request.confirm,
        retention_period: request.retention_period,
        filename: request.file_name.filter(|name| !name.reveal().is_empty()),
    };
    match external.upload(&upload).await {
        Ok(link) => Ok(PreparedFile { link, stored: None }),
        // Only a rejection is the sender's to act on; everything else is a fault.
        Err(UploadError::Refused(why)) => Err(FileRejected::ExternalService(why).into()),
        Err(failed) => Err(PrepareError::Fault(FileError::ExternalService(failed))),
    }
}

async fn prepare_for_storage(
    app: &App,
    service: ServiceId,
    request: FileRequest,
) -> Result<PreparedFile, PrepareError> {
    let given_name = request
        .file_name
        .as_ref()
        .map(|name| name.reveal().as_str());
    let given_name = given_name.filter(|name| !name.is_empty());
    let (bytes, scan) = match request.bytes {
        Bytes::Base64(text) => {
            let bytes = decode(text.reveal(), app.settings.max_file_bytes)?;
            // Check the type first: a scan is slow, and a rejected file needs none.
            detect_type(&bytes, given_name, request.is_csv)?;
            let scan = scan(app, &bytes).await?;
            (bytes.into(), scan)
        }
        // Scanned when it was added to the template.
        Bytes::Known(bytes) => (bytes.into_inner(), "clean"),
    };
    let file_type = detect_type(&bytes, given_name, request.is_csv)?;
    let name = safe_name(given_name, file_type.extension);
    let now = app.clock.now();
    let Identity { id, key } = request.identity.unwrap_or_else(|| Identity {
        id: DocumentId::generate(now, app.random()),
        key: LinkKey::generate(app.random()),
    });
    let keyring = key.keyring(&app.random);
    let properties = FileProperties {
        name,
        address_hash: request
            .confirm
            .map(|address| key.hash_address(address.reveal())),
    };
    let properties = serde_json::to_vec(&properties).expect("strings are serialisable as JSON");
    let row = Document {
        id,
        service_id: service,
        sealed: keyring.seal(&properties_context(id), &properties),
        mime_type: file_type.mime_type.to_owned(),
        size_bytes: bytes.len() as u64,
        scan: scan.to_owned(),
        created_at: now,
        expires_at: now.plus(WEEK * request.weeks),
    };
    Ok(PreparedFile {
        link: format!("{}/d/{id}/{}", app.settings.files_root, key.encode()).into(),
        stored: Some(StoredFile {
            row,
            bytes,
            keyring,
        }),
    })
}

/// Decodes base64. White space is ignored, because senders wrap lines.
fn decode(text: &str, limit_bytes: u64) -> Result<Vec<u8>, FileRejected> {
    let text = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        Cow::Owned(text.split_ascii_whitespace().collect::<String>())
    } else {
        Cow::Borrowed(text)
    };
    // Reject far too large input before decoding it; four characters encode three bytes.
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

/// Determines the type of a file, or rejects its name, type or content.
pub(super) fn detect_type(
    bytes: &[u8],
    name: Option<&str>,
    is_csv: bool,
) -> Result<&'static file_types::FileType, FileRejected> {
    if name.is_some_and(|name| name.chars().count() > MAX_NAME_CHARACTERS) {
        return Err(FileRejected::NameTooLong {
            limit: MAX_NAME_CHARACTERS,
        });
    }
    file_types::find(bytes, name, is_csv).map_err(|unsupported| match unsupported {
        file_types::UnsupportedFile::Extension(extension) => FileRejected::Type {
            extension: Some(extension),
        },
        file_types::UnsupportedFile::Unknown => FileRejected::Type { extension: None },
        file_types::UnsupportedFile::Mismatch(extension) => FileRejected::OtherType { extension },
    })
}

/// Scans a file for viruses and returns the value for the `scan` column.
pub(super) async fn scan(app: &App, bytes: &[u8]) -> Result<&'static str, PrepareError> {
    match app.providers.scan(bytes).await? {
        None => Ok("not-scanned"),
        Some(ScanResult::Clean) => Ok("clean"),
        Some(ScanResult::Virus) => Err(FileRejected::Virus.into()),
    }
}

/// Returns a safe name for downloads: no folders, no invisible or bidirectional control characters, no leading dot.
/// It always ends with the extension of the detected type.
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
    // The extension is that of the detected type, never the one in the given name.
    let stem = visible.rsplit_once('.').map_or("", |(stem, _)| stem);
    let stem = stem.trim_matches(|character: char| character == '.' || character.is_whitespace());
    // Browsers open a file by its extension.
    format!(
        "{}.{extension}",
        if stem.is_empty() { "document" } else { stem }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_lack_padding_and_have_line_breaks() {
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
    fn a_name_is_made_safe_and_gets_the_extension_of_the_type() {
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
