//! Detects the type of a file from its first bytes and its name. Only the types in the table are accepted, and a file
//! is never served as anything else.

use memchr::memmem;

/// A supported file type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileType {
    /// The file name extension in lower case.
    pub(crate) extension: &'static str,
    /// The media type that the file is served as.
    pub(crate) mime_type: &'static str,
    family: Family,
}

/// The binary format that the content must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Pdf,
    Png,
    Jpeg,
    Rtf,
    /// Microsoft Office before 2007; contains a stream with this name in UTF-16.
    CompoundFile(&'static str),
    /// Microsoft Office since 2007; a ZIP archive that contains a folder with this name.
    OpenXml(&'static str),
    /// A ZIP archive whose first entry contains the media type.
    OpenDocument,
    Text,
}

const fn file_type(extension: &'static str, mime_type: &'static str, family: Family) -> FileType {
    FileType {
        extension,
        mime_type,
        family,
    }
}

/// All supported types. Without a name, the first type that fits the content is used.
const FILE_TYPES: &[FileType] = &[
    file_type("pdf", "application/pdf", Family::Pdf),
    file_type("png", "image/png", Family::Png),
    file_type("jpg", "image/jpeg", Family::Jpeg),
    file_type("jpeg", "image/jpeg", Family::Jpeg),
    file_type("rtf", "application/rtf", Family::Rtf),
    file_type(
        "doc",
        "application/msword",
        Family::CompoundFile("WordDocument"),
    ),
    file_type(
        "xls",
        "application/vnd.ms-excel",
        Family::CompoundFile("Workbook"),
    ),
    file_type(
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Family::OpenXml("word/"),
    ),
    file_type(
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Family::OpenXml("xl/"),
    ),
    file_type(
        "odt",
        "application/vnd.oasis.opendocument.text",
        Family::OpenDocument,
    ),
    file_type(
        "ods",
        "application/vnd.oasis.opendocument.spreadsheet",
        Family::OpenDocument,
    ),
    file_type("txt", "text/plain", Family::Text),
    file_type("csv", "text/csv", Family::Text),
    file_type("json", "application/json", Family::Text),
];

/// The supported extensions as shown in error messages.
pub const SUPPORTED: &str =
    "csv, doc, docx, jpeg, jpg, json, ods, odt, pdf, png, rtf, txt, xls, xlsx";

/// The reason why a file has no supported type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnsupportedFile {
    /// The extension of the file name is not supported.
    Extension(String),
    /// The content does not match the type with this extension.
    Mismatch(&'static str),
    /// There is no file name, and the content is not recognised.
    Unknown,
}

/// Determines the type of a file from its content and, if given, its name.
pub(crate) fn find(
    bytes: &[u8],
    name: Option<&str>,
    is_csv: bool,
) -> Result<&'static FileType, UnsupportedFile> {
    let wanted = match name {
        Some(name) => Some(by_name(name)?),
        None if is_csv => FILE_TYPES
            .iter()
            .find(|file_type| file_type.extension == "csv"),
        None => None,
    };
    match wanted {
        Some(file_type) if file_type.matches_content(bytes) => Ok(file_type),
        Some(file_type) => Err(UnsupportedFile::Mismatch(file_type.extension)),
        None => by_bytes(bytes).ok_or(UnsupportedFile::Unknown),
    }
}

/// Finds a type by its media type.
pub(crate) fn find_by_mime_type(mime_type: &str) -> Option<&'static FileType> {
    FILE_TYPES
        .iter()
        .find(|file_type| file_type.mime_type == mime_type)
}

fn by_name(name: &str) -> Result<&'static FileType, UnsupportedFile> {
    let extension = name
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
        .trim()
        .to_ascii_lowercase();
    FILE_TYPES
        .iter()
        .find(|file_type| file_type.extension == extension)
        .ok_or(UnsupportedFile::Extension(extension))
}

fn by_bytes(bytes: &[u8]) -> Option<&'static FileType> {
    let found = FILE_TYPES
        .iter()
        .find(|file_type| file_type.matches_content(bytes))?;
    if found.family != Family::Text {
        return Some(found);
    }
    if looks_like_markup(bytes) {
        // HTML and SVG are text too, but may contain scripts that would run on our domain.
        return None;
    }
    let extension = if is_json(bytes) { "json" } else { "txt" };
    FILE_TYPES
        .iter()
        .find(|file_type| file_type.extension == extension)
}

impl FileType {
    fn matches_content(&self, bytes: &[u8]) -> bool {
        let contains = |needle: &[u8]| memmem::find(bytes, needle).is_some();
        match self.family {
            // Some programs write a few bytes before the header, and readers search the first kilobyte for it.
            Family::Pdf => memmem::find(&bytes[..bytes.len().min(1024)], b"%PDF-").is_some(),
            Family::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Family::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
            Family::Rtf => bytes.starts_with(b"{\\rtf"),
            Family::CompoundFile(name) => {
                let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
                bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") && contains(&name)
            }
            Family::OpenXml(folder) => {
                bytes.starts_with(b"PK\x03\x04")
                    && contains(b"[Content_Types].xml")
                    && contains(folder.as_bytes())
            }
            // The first entry is named `mimetype` and is stored uncompressed.
            Family::OpenDocument => {
                bytes.starts_with(b"PK\x03\x04")
                    && bytes.get(30..).is_some_and(|entry| {
                        entry.starts_with(
                            [b"mimetype", self.mime_type.as_bytes()].concat().as_slice(),
                        )
                    })
            }
            Family::Text => is_text(bytes),
        }
    }
}

/// Returns whether the bytes are text in an encoding that spreadsheet programs write: no control characters except
/// white space and end-of-file, or UTF-16 with a byte order mark.
fn is_text(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return bytes.len().is_multiple_of(2);
    }
    !bytes.iter().any(|byte| {
        byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c' | b'\x1a')
    })
}

fn looks_like_markup(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = &bytes.trim_ascii_start();
    let start = start[..start.len().min(64)].to_ascii_lowercase();
    let openings: [&[u8]; 8] = [
        b"<!doctype",
        b"<html",
        b"<head",
        b"<body",
        b"<script",
        b"<svg",
        b"<?xml",
        b"<!--",
    ];
    openings.iter().any(|opening| start.starts_with(opening))
}

fn is_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docx() -> Vec<u8> {
        [
            b"PK\x03\x04".as_slice(),
            b"....[Content_Types].xml....word/document.xml",
        ]
        .concat()
    }

    fn ods() -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(30, 0);
        bytes.extend(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK");
        bytes
    }

    #[test]
    fn without_a_name_the_content_decides_the_type() {
        let cases: [(&[u8], bool, &str); 10] = [
            (b"%PDF-1.7 ...", false, "pdf"),
            (b"\x89PNG\r\n\x1a\n...", false, "png"),
            (b"\xff\xd8\xff\xe0...", false, "jpg"),
            (b"{\\rtf1 hello}", false, "rtf"),
            (&docx(), false, "docx"),
            (&ods(), false, "ods"),
            (b"abc", false, "txt"),
            (b"a,b\n1,2\n", true, "csv"),
            (b"{\"a\": [1]}", false, "json"),
            ("Zoë".as_bytes(), false, "txt"),
        ];
        for (bytes, is_csv, extension) in cases {
            let found = find(bytes, None, is_csv).unwrap();
            assert_eq!(found.extension, extension);
        }
    }

    #[test]
    fn the_extension_must_be_supported_and_match_the_content() {
        assert_eq!(
            find(b"%PDF-1.7", Some("A report.v2.PDF"), false)
                .unwrap()
                .mime_type,
            "application/pdf"
        );
        assert_eq!(
            find(b"abc", Some("a.exe"), false),
            Err(UnsupportedFile::Extension("exe".to_owned()))
        );
        assert_eq!(
            find(b"abc", Some("a."), false),
            Err(UnsupportedFile::Extension(String::new()))
        );
        assert_eq!(
            find(b"MZ\x90\x00", Some("a.pdf"), false),
            Err(UnsupportedFile::Mismatch("pdf"))
        );
        assert_eq!(
            find(&docx(), Some("a.xlsx"), false),
            Err(UnsupportedFile::Mismatch("xlsx"))
        );
        assert_eq!(
            find(b"MZ\x90\x00", None, true),
            Err(UnsupportedFile::Mismatch("csv"))
        );
    }

    #[test]
    fn programs_and_pages_with_scripts_are_rejected() {
        for bytes in [
            b"MZ\x90\x00\x03".as_slice(),
            b"\x7fELF\x02\x01\x01\x00",
            b"<!DOCTYPE html><script>alert(1)</script>",
            b"\xef\xbb\xbf  <svg onload=alert(1)>",
            b"PK\x03\x04 a plain archive",
        ] {
            assert_eq!(find(bytes, None, false), Err(UnsupportedFile::Unknown));
        }
    }

    #[test]
    fn the_error_text_lists_every_supported_extension() {
        let mut extensions: Vec<_> = FILE_TYPES
            .iter()
            .map(|file_type| file_type.extension)
            .collect();
        extensions.sort_unstable();
        assert_eq!(extensions.join(", "), SUPPORTED);
    }
}
