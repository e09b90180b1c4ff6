use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::text_reader::beginning_of_text;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text with commas between its cells, or any other text.
    Csv,
    /// Text with tabs between its cells.
    Tsv,
    /// A workbook of Excel since 2007, and of most other programs.
    Xlsx,
    /// An open document, as free programs save their workbooks.
    Ods,
    /// A workbook of Excel before 2007.
    Xls,
    /// Something else; in words, with its article.
    Other(&'static str),
}

/// What other files begin with.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xFF\xD8\xFF", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "a text document"),
    (b"\x1F\x8B", "a compressed file"),
    (b"7z\xBC\xAF", "a compressed file"),
    (b"Rar!", "a compressed file"),
];
/// What web pages begin with, some of which call themselves `.xls`.
const MARKUP: &[&str] = &["<!doctype", "<html", "<?xml", "<table"];
/// An entry of each kind of file that is a ZIP archive.
const ENTRIES: &[(&str, Kind)] = &[
    ("xl/workbook.xml", Kind::Xlsx),
    ("xl/workbook.bin", Kind::Other("a binary workbook (XLSB)")),
    ("word/document.xml", Kind::Other("a text document")),
    ("ppt/presentation.xml", Kind::Other("a presentation")),
    (
        "index/document.iwa",
        Kind::Other("a document of Apple's (Numbers or Pages)"),
    ),
];
/// Parts of the content types of the part that lists the sheets: of workbooks and templates, with macros and without.
const MAIN_PARTS: &[&[u8]] = &[
    b"spreadsheetml.sheet.main",
    b"spreadsheetml.template.main",
    b"ms-excel.sheet.macroEnabled.main",
    b"ms-excel.template.macroEnabled.main",
];
const ODS_MEDIA_TYPE: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";
const COMPOUND_FILE_SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
/// How much of a part of an archive is searched.
const CONTENT_BYTES: u64 = 1 << 20;
/// How much of a text is looked at.
const BEGINNING: usize = 4096;

impl Kind {
    /// Returns whether a file that begins like this has a structure that must be parsed to know what is in it.
    pub fn is_container(beginning: &[u8]) -> bool {
        beginning.starts_with(ZIP_SIGNATURE) || beginning.starts_with(COMPOUND_FILE_SIGNATURE)
    }

    /// Returns the kind of a file by its contents; the name decides only between kinds of text.
    pub fn of(bytes: &[u8], file_name: &str) -> Self {
        if bytes.starts_with(ZIP_SIGNATURE) {
            return Self::of_archive(bytes);
        }
        if bytes.starts_with(COMPOUND_FILE_SIGNATURE) {
            return Self::Xls;
        }
        if let Some((_, what)) = SIGNATURES
            .iter()
            .find(|(signature, _)| bytes.starts_with(signature))
        {
            return Self::Other(what);
        }
        match beginning_of_text(bytes) {
            None => Self::Other("neither text nor a workbook"),
            Some(text) => Self::of_text(&text, file_name),
        }
    }

    fn of_archive(bytes: &[u8]) -> Self {
        // The media type is the first entry of an open document and not compressed, so that it can be seen.
        if bytes[..bytes.len().min(BEGINNING)]
            .windows(ODS_MEDIA_TYPE.len())
            .any(|part| part == ODS_MEDIA_TYPE)
        {
            return Self::Ods;
        }
        let Ok(archive) = ZipArchive::new(Cursor::new(bytes)) else {
            return Self::Other("a damaged archive");
        };
        let has_entry = |wanted: &str| {
            archive
                .file_names()
                .flatten()
                .any(|name| name.replace('\\', "/").eq_ignore_ascii_case(wanted))
        };
        let known = ENTRIES.iter().find(|(entry, _)| has_entry(entry));
        if let Some((_, kind)) = known {
            return *kind;
        }
        Self::by_content(archive)
    }

    /// Returns what an archive is whose entries have other names than usual, by the parts that say what is in it.
    fn by_content(mut archive: ZipArchive<Cursor<&[u8]>>) -> Self {
        let mut says = |entry: &str, words: &[u8]| {
            let Ok(entry) = archive.by_name(entry) else {
                return false;
            };
            let mut beginning = Vec::new();
            // A part that cannot be read says nothing.
            let read = entry.take(CONTENT_BYTES).read_to_end(&mut beginning);
            read.is_ok() && memchr::memmem::find(&beginning, words).is_some()
        };
        if says("content.xml", b"<office:spreadsheet")
            || says("META-INF/manifest.xml", ODS_MEDIA_TYPE)
        {
            Self::Ods
        } else if MAIN_PARTS
            .iter()
            .any(|kind| says("[Content_Types].xml", kind))
        {
            Self::Xlsx
        } else {
            Self::Other("a compressed file")
        }
    }

    fn of_text(text: &str, file_name: &str) -> Self {
        let beginning: String = text.trim_start().chars().take(MARKUP[0].len()).collect();
        let start: String = text.chars().take(BEGINNING).collect();
        if start.contains("urn:schemas-microsoft-com:office:spreadsheet") {
            return Self::Other("an XML spreadsheet (SpreadsheetML 2003)");
        }
        if MARKUP
            .iter()
            .any(|markup| beginning.to_ascii_lowercase().starts_with(markup))
        {
            return Self::Other("a web page");
        }
        let header = text
            .trim_start_matches(['\u{FEFF}', '\n', '\r'])
            .lines()
            .next()
            .unwrap_or_default();
        let has_tabs_only = header.contains('\t') && !header.contains(',');
        let extension = file_name
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("tsv" | "tab") => Self::Tsv,
            // Cells with tabs between them under the name of a CSV were one column at all times.
            Some("csv") => Self::Csv,
            _ if has_tabs_only => Self::Tsv,
            _ => Self::Csv,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_file_counts_before_its_name() {
        for (bytes, name, kind) in [
            (&b"a,b\n1,2"[..], "people.xlsx", Kind::Csv),
            (b"a\tb\n1\t2", "people.csv", Kind::Csv),
            (b"a\tb\n1\t2", "people.txt", Kind::Tsv),
            (b"a,b\tc", "people.txt", Kind::Csv),
            (b"a,b\tc", "people.TSV", Kind::Tsv),
            (b"", "people", Kind::Csv),
            (b"%PDF-1.7 people", "people.csv", Kind::Other("a PDF")),
            (
                b"  <!DOCTYPE html>",
                "people.xls",
                Kind::Other("a web page"),
            ),
            (
                b"\x00\x01\x02",
                "people.csv",
                Kind::Other("neither text nor a workbook"),
            ),
            (
                b"PK\x03\x04rest",
                "people.xlsx",
                Kind::Other("a damaged archive"),
            ),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "people.csv", Kind::Xls),
        ] {
            assert_eq!(Kind::of(bytes, name), kind, "{name}");
        }
    }
}
