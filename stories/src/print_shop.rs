use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Cursor, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use zip::ZipArchive;

/// A print shop that collects zips from a file drop, prints, and reports in response files. It also takes letters one by one,
/// as print providers with an API do. It misbehaves as it is told.
#[derive(Debug)]
pub struct PrintShop {
    zips: PathBuf,
    responses: PathBuf,
    collected: BTreeMap<String, Bytes>,
    printed: Vec<PrintedLetter>,
    references: BTreeSet<String>,
    copies: usize,
}

/// A letter that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLetter {
    /// Its reference.
    pub reference: String,
    /// The name of its file, if it came in a zip.
    pub file_name: Option<String>,
    /// The name of the zip that it came in.
    pub zip: Option<String>,
    /// Its pages.
    pub pdf: Bytes,
}

/// What becomes of a printed letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Despatched as sorted mail.
    Sorted,
    /// Despatched as unsorted mail.
    Unsorted,
    /// Spoilt: the response says so.
    Spoilt,
    /// Lost: no response has it.
    Lost,
    /// Despatched, and reported on two lines.
    ReportedTwice,
}

impl PrintShop {
    /// Opens a shop that collects zips in one directory and leaves responses in another.
    pub fn new(zips: impl Into<PathBuf>, responses: impl Into<PathBuf>) -> Self {
        Self {
            zips: zips.into(),
            responses: responses.into(),
            collected: BTreeMap::new(),
            printed: Vec::new(),
            references: BTreeSet::new(),
            copies: 0,
        }
    }

    /// Collects the zips that are in the drop, removes them there, and prints their letters in order. Returns how many zips
    /// were new. A zip of a name that it had before is compared and not printed again.
    pub fn collect(&mut self) -> usize {
        let mut names = list(&self.zips, ".ZIP");
        names.sort();
        let before = self.collected.len();
        for name in names {
            let path = self.zips.join(&name);
            let contents = Bytes::from(fs::read(&path).expect("a zip in the drop is whole"));
            fs::remove_file(&path).expect("a zip can be collected");
            if let Some(earlier) = self.collected.get(&name) {
                assert!(
                    *earlier == contents,
                    "{name} came again with other contents"
                );
                continue;
            }
            self.print_zip(&name, contents.clone());
            self.collected.insert(name, contents);
        }
        self.collected.len() - before
    }

    fn print_zip(&mut self, zip: &str, contents: Bytes) {
        let mut archive = ZipArchive::new(Cursor::new(contents)).expect("it is a zip");
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).expect("it has this file");
            let name = file.name().expect("the name is text").into_owned();
            let mut pdf = Vec::new();
            file.read_to_end(&mut pdf).expect("the file can be read");
            let reference = name.split('.').nth(1).expect("the name has a reference");
            self.print(PrintedLetter {
                reference: reference.to_owned(),
                file_name: Some(name.clone()),
                zip: Some(zip.to_owned()),
                pdf: pdf.into(),
            });
        }
    }

    /// Prints a letter that was handed over by itself.
    pub fn print_one(&mut self, reference: &str, pdf: Bytes) {
        self.print(PrintedLetter {
            reference: reference.to_owned(),
            file_name: None,
            zip: None,
            pdf,
        });
    }

    fn print(&mut self, letter: PrintedLetter) {
        if !self.references.insert(letter.reference.clone()) {
            self.copies += 1;
        }
        self.printed.push(letter);
    }

    /// Returns the names of all zips that it has collected, in order.
    pub fn collected(&self) -> Vec<&str> {
        self.collected.keys().map(String::as_str).collect()
    }

    /// Returns everything that it has printed, in order.
    pub fn printed(&self) -> &[PrintedLetter] {
        &self.printed
    }

    /// Returns how many letters were printed a second time.
    pub const fn copies(&self) -> usize {
        self.copies
    }

    /// Acknowledges a zip.
    pub fn acknowledge(&self, zip: &str) {
        let name = zip.strip_suffix(".ZIP").unwrap_or(zip);
        let path = self.responses.join(format!("{name}.ACK.txt"));
        fs::write(path, "").expect("an acknowledgement can be written");
    }

    /// Writes a response file about letters in this order, and returns its name. `at` is the time in its name:
    /// `20180113180000`.
    pub fn respond<'r>(
        &self,
        at: &str,
        letters: impl IntoIterator<Item = (&'r str, u32, Fate)>,
    ) -> String {
        let mut text = String::new();
        for (reference, sheets, fate) in letters {
            let line = match fate {
                Fate::Sorted | Fate::ReportedTwice => format!("{reference}|Sent|{sheets}|Sorted\n"),
                Fate::Unsorted => format!("{reference}|Sent|{sheets}|Unsorted\n"),
                Fate::Spoilt => format!("{reference}|Failed|{sheets}|Unsorted\n"),
                Fate::Lost => String::new(),
            };
            text.push_str(&line);
            if fate == Fate::ReportedTwice {
                text.push_str(&line);
            }
        }
        let name = format!("NOTIFY-{at}-RSP.TXT");
        // As a careful shop does: whoever watches the directory sees it whole.
        let hidden = self.responses.join(format!(".{name}"));
        fs::write(&hidden, text).expect("a response can be written");
        // It was complete a minute ago, so that it is not taken for one that still grows.
        let file = File::options().write(true).open(&hidden);
        let file = file.expect("a response can be opened");
        let written = file.metadata().and_then(|found| found.modified());
        let earlier = written.expect("the time is known") - Duration::from_mins(1);
        file.set_modified(earlier).expect("the time can be set");
        fs::rename(hidden, self.responses.join(&name)).expect("a response can be renamed");
        name
    }
}

/// Returns the names of files that end so, without hidden ones.
fn list(directory: &Path, end: &str) -> Vec<String> {
    fs::read_dir(directory)
        .expect("the directory of the drop exists")
        .map(|entry| entry.expect("it can be listed").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(end) && !name.starts_with('.'))
        .collect()
}
