use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// How much of a file shows whether it is text.
const BEGINNING: usize = 4096;

/// The encoding of a text, as a sender names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextEncoding(pub(super) &'static Encoding);

impl TextEncoding {
    /// Returns the encoding with this name: a label of the WHATWG's list, or one of `mac-roman`, `1250` and the like,
    /// however it is spelt.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(encoding) = Encoding::for_label(name.as_bytes()) {
            return Some(Self(encoding));
        }
        let key: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect();
        let label = match key.as_str() {
            "macroman" | "mac" | "xmacroman" | "applemacintosh" => "macintosh".to_owned(),
            "shiftjis" | "sjis" | "cp932" | "932" => "shift_jis".to_owned(),
            "utf8" | "utf16" | "utf16le" | "utf16be" => key.replace("utf", "utf-"),
            "latin1" | "ansi" => "windows-1252".to_owned(),
            key => {
                let number = key.strip_prefix("cp").or(key.strip_prefix("windows"));
                format!("windows-{}", number.unwrap_or(key))
            }
        };
        Encoding::for_label(label.as_bytes()).map(Self)
    }

    /// Returns the name of the encoding as people know it.
    pub fn name(self) -> String {
        name_of(self.0)
    }
}

pub(super) fn name_of(encoding: &'static Encoding) -> String {
    match encoding.name() {
        "macintosh" => "Mac Roman".to_owned(),
        name => name
            .replace("windows-", "Windows-")
            .replace("Shift_JIS", "Shift-JIS"),
    }
}

/// Returns which kind of UTF-16 a file is, by its byte order mark or by its NUL bytes.
pub(super) fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0xFF, 0xFE, ..] => return Some(UTF_16LE),
        [0xFE, 0xFF, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let (pairs, _) = bytes[..bytes.len().min(64)].as_chunks::<2>();
    let count = |is_meant: fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| is_meant(pair)).count();
    // A header is mostly ASCII, so nearly every other byte is NUL and no byte beside one is.
    let is_most = |count: usize| pairs.len() >= 4 && count * 4 > pairs.len() * 3;
    if is_most(count(|pair| pair[0] != 0 && pair[1] == 0)) {
        Some(UTF_16LE)
    } else if is_most(count(|pair| pair[0] == 0 && pair[1] != 0)) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Returns whether a file that begins like this is text in some encoding.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    if utf_16(bytes).is_some() {
        return true;
    }
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    let front = &beginning[..beginning.len().min(64)];
    // A NUL or the like may stray into text, but nothing else begins with them.
    if count_controls(front) * 4 > front.len() {
        return false;
    }
    let is_utf8 = match std::str::from_utf8(beginning) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    // A tenth of random bytes are control characters.
    is_utf8 || count_controls(beginning) * 16 <= beginning.len()
}

fn count_controls(bytes: &[u8]) -> usize {
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 0x0E..=0x1B | 0x7F);
    bytes.iter().filter(is_control).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_have_many_names() {
        for (name, found) in [
            ("Mac Roman", "Mac Roman"),
            ("macintosh", "Mac Roman"),
            ("1250", "Windows-1250"),
            ("CP1251", "Windows-1251"),
            ("Windows 1252", "Windows-1252"),
            ("latin1", "Windows-1252"),
            ("Shift-JIS", "Shift-JIS"),
            ("shift_jis", "Shift-JIS"),
            ("UTF 16 LE", "UTF-16LE"),
            ("utf8", "UTF-8"),
        ] {
            let encoding = TextEncoding::named(name).map(TextEncoding::name);
            assert_eq!(encoding.as_deref(), Some(found), "{name}");
        }
        assert_eq!(TextEncoding::named("klingon"), None);
        assert_eq!(TextEncoding::named(""), None);
    }

    #[test]
    fn binary_files_are_no_text() {
        assert!(is_text(b"") && is_text(b"a,\0b") && is_text(b"Ren\xE9e"));
        assert!(!is_text(b"\x00\x01\x02"));
        assert!(!is_text(&[0, 159, 146, 150, 0, 1, 2, 3]));
        let noise: Vec<u8> = (0..4096_u32)
            .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2])
            .collect();
        assert!(!is_text(&noise));
    }
}
