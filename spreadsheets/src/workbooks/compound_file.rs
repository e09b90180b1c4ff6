//! The container of Microsoft's older documents: a small file system of sectors and chains of them.
//!
//! Only as much as it takes to get one stream out and to put one in. A chain cannot be longer than the file.

use super::xls::{u16_at, u32_at};

const HEADER: usize = 512;
const DIRECTORY_ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// Streams shorter than this lie in mini sectors.
const MINI_STREAM_CUTOFF: usize = 4096;
/// From here on sector numbers have other meanings; the end of a chain is among them.
const FIRST_RESERVED: u32 = 0xFFFF_FFFA;
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const FREE: u32 = 0xFFFF_FFFF;
const OF_SECTOR_TABLE: u32 = 0xFFFF_FFFD;

/// Gets streams out of a file.
pub(super) struct Reader<'file> {
    file: &'file [u8],
    sector: usize,
    next: Vec<u32>,
    mini_next: Vec<u32>,
    mini_stream: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    start: u32,
    length: usize,
}

impl<'file> Reader<'file> {
    /// Reads the tables of a file. Nothing if it makes no sense.
    pub(super) fn new(file: &'file [u8]) -> Option<Self> {
        let sector = match u16_at(file, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut reader = Self {
            file,
            sector,
            next: Vec::new(),
            mini_next: Vec::new(),
            mini_stream: Vec::new(),
            entries: Vec::new(),
        };
        reader.next = reader.sector_table()?;
        let directory = reader.chain(u32_at(file, 48)?, usize::MAX)?;
        reader.entries = directory
            .chunks_exact(DIRECTORY_ENTRY)
            .filter_map(Entry::read)
            .collect();
        let mini_table = reader.chain(u32_at(file, 60)?, usize::MAX)?;
        reader.mini_next = numbers(&mini_table);
        let root = reader.entries.first()?;
        reader.mini_stream = reader.chain(root.start, root.length)?;
        Some(reader)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Returns the stream with this name.
    pub(super) fn stream(&self, name: &str) -> Option<Vec<u8>> {
        let entry = self.entry(name)?;
        if entry.length >= MINI_STREAM_CUTOFF {
            return self.chain(entry.start, entry.length);
        }
        let mini_sector = |number: u32| {
            let start = (number as usize).checked_mul(MINI_SECTOR)?;
            self.mini_stream.get(start..start + MINI_SECTOR)
        };
        follow(entry.start, entry.length, &self.mini_next, mini_sector)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// Returns for each sector the one after it. The sectors of this table are listed in the header and, in large
    /// files, in a
    /// chain of their own.
    fn sector_table(&self) -> Option<Vec<u32>> {
        let mut listed = numbers(self.file.get(76..HEADER)?);
        let mut list = u32_at(self.file, 68)?;
        let mut sectors_left = self.file.len() / self.sector;
        while list < FIRST_RESERVED {
            // A list with more sectors than the file goes in circles.
            sectors_left = sectors_left.checked_sub(1)?;
            let mut more = numbers(self.sector(list)?);
            // The last number of such a sector names the next one of the list.
            list = more.pop()?;
            listed.extend(more);
        }
        let mut table = Vec::new();
        for number in listed.into_iter().filter(|number| *number < FIRST_RESERVED) {
            if table.len() > self.file.len() {
                return None;
            }
            table.extend(numbers(self.sector(number)?));
        }
        Some(table)
    }

    fn chain(&self, start: u32, length: usize) -> Option<Vec<u8>> {
        follow(start, length, &self.next, |number| self.sector(number))
    }

    /// Returns a sector; the last of a file may be cut off.
    fn sector(&self, number: u32) -> Option<&'file [u8]> {
        // Sector 0 comes after the header, which takes as much room as a sector.
        let start = (number as usize + 1).checked_mul(self.sector)?;
        let rest = self.file.get(start..)?;
        Some(&rest[..rest.len().min(self.sector)])
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Self> {
        let units = bytes[..64]
            .as_chunks::<2>()
            .0
            .iter()
            .map(|unit| u16::from_le_bytes(*unit));
        let name =
            String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>());
        Some(Self {
            name,
            start: u32_at(bytes, 116)?,
            length: u32_at(bytes, 120)? as usize,
        })
    }
}

/// Returns the content of a chain up to this length. `None` if the chain is broken or goes in circles.
fn follow<'sector>(
    start: u32,
    length: usize,
    next: &[u32],
    sector: impl Fn(u32) -> Option<&'sector [u8]>,
) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let (mut number, mut sectors_left) = (start, next.len());
    while number < FIRST_RESERVED && content.len() < length {
        sectors_left = sectors_left.checked_sub(1)?;
        content.extend_from_slice(sector(number)?);
        number = *next.get(number as usize)?;
    }
    content.truncate(length);
    Some(content)
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|number| u32::from_le_bytes(*number))
        .collect()
}

/// Returns a file with this workbook and nothing else.
pub(super) fn of_workbook(stream: &[u8]) -> Vec<u8> {
    // Long enough for ordinary sectors, so that there are no mini sectors to write.
    let padded = stream.len().max(MINI_STREAM_CUTOFF);
    let data_sectors = padded.div_ceil(HEADER);
    // The table has a number for each sector: those of data, one of the directory, and its own; the header lists 109 of
    // these, and more in sectors that list the rest.
    let (mut table_sectors, mut list_sectors) = (1, 0);
    while (table_sectors * 128) < data_sectors + 1 + table_sectors + list_sectors {
        table_sectors += 1;
        list_sectors = usize::saturating_sub(table_sectors, 109).div_ceil(127);
    }
    let directory = data_sectors;
    let first_table = directory + 1;
    let first_list = first_table + table_sectors;

    let mut next: Vec<u32> = (1..data_sectors).map(number).collect();
    next.extend([END_OF_CHAIN, END_OF_CHAIN]);
    next.extend(std::iter::repeat_n(OF_SECTOR_TABLE, table_sectors));
    next.resize(table_sectors * 128, FREE);
    let mut listed: Vec<u32> = (first_table..first_list).map(number).collect();
    let others = listed.split_off(listed.len().min(109));
    listed.resize(109, FREE);

    let first_list_or_none = if list_sectors == 0 {
        END_OF_CHAIN
    } else {
        number(first_list)
    };
    let mut file = header(
        number(directory),
        number(table_sectors),
        first_list_or_none,
        number(list_sectors),
    );
    file.extend(listed.iter().flat_map(|number| number.to_le_bytes()));
    file.extend_from_slice(stream);
    file.resize(HEADER + data_sectors * HEADER, 0);
    file.extend(directory_entry("Root Entry", 5, END_OF_CHAIN, 0));
    file.extend(directory_entry("Workbook", 2, 0, number(padded)));
    file.resize(HEADER * (first_table + 1), 0);
    file.extend(next.iter().flat_map(|number| number.to_le_bytes()));
    for (index, part) in others.chunks(127).enumerate() {
        let following = if index + 1 == list_sectors {
            END_OF_CHAIN
        } else {
            number(first_list + index + 1)
        };
        let padding = std::iter::repeat_n(FREE, 127 - part.len());
        let list = part.iter().copied().chain(padding).chain([following]);
        file.extend(list.flat_map(u32::to_le_bytes));
    }
    file
}

/// Returns the header without the list of the table's sectors, with which it ends.
fn header(directory: u32, table_sectors: u32, first_list: u32, list_sectors: u32) -> Vec<u8> {
    let mut header = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    header.resize(24, 0);
    // Versions, byte order, and the sizes of sectors and mini sectors as powers of two.
    for number in [0x3E_u16, 3, 0xFFFE, 9, 6] {
        header.extend(number.to_le_bytes());
    }
    header.resize(44, 0);
    let cutoff = number(MINI_STREAM_CUTOFF);
    // The rest in the order of the format; 0 and the end of a chain stand for what this file has none of.
    for number in [
        table_sectors,
        directory,
        0,
        cutoff,
        END_OF_CHAIN,
        0,
        first_list,
        list_sectors,
    ] {
        header.extend(number.to_le_bytes());
    }
    header
}

fn directory_entry(name: &str, kind: u8, start: u32, length: u32) -> Vec<u8> {
    let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_bytes = entry.len() + 2;
    entry.resize(64, 0);
    // The length of the name with its final NUL, the kind, and the colour of the node: black.
    entry.extend([u8::try_from(name_bytes).expect("short names"), 0, kind, 1]);
    entry.extend(
        // Siblings and child: the root (kind 5) has one child, the workbook, and neither has a sibling.
        [FREE, FREE, if kind == 5 { 1 } else { FREE }]
            .iter()
            .flat_map(|number| number.to_le_bytes()),
    );
    entry.resize(116, 0);
    entry.extend(start.to_le_bytes());
    entry.extend(length.to_le_bytes());
    entry.resize(DIRECTORY_ENTRY, 0);
    entry
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("files are smaller than that")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        // Sizes at which the table needs another sector, and the header another list of them.
        for length in [
            0,
            1,
            4096,
            127 * 512,
            126 * 512 + 1,
            109 * 128 * 512,
            8_000_000,
        ] {
            let stream: Vec<u8> = (0..length)
                .map(|at| u8::try_from(at * 7 % 251).expect("a byte"))
                .collect();
            let file = of_workbook(&stream);
            let reader = Reader::new(&file).expect("a sound file");
            assert!(
                reader
                    .stream("workbook")
                    .expect("a stream")
                    .starts_with(&stream),
                "{length}"
            );
            assert!(!reader.has("Book"));
        }
    }

    #[test]
    fn chains_that_go_in_circles_are_refused() {
        let mut file = of_workbook(&[1; 5000]);
        // The directory is followed by itself.
        let (directory, table) = (10_u32, 11);
        let place = HEADER * (table + 1) + 4 * directory as usize;
        file[place..place + 4].copy_from_slice(&directory.to_le_bytes());
        assert!(Reader::new(&file).is_none());
    }
}
