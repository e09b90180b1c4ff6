//! Text that is turned into UTF-8 as it comes.

use super::text_files::decode_windows_1252;

/// Turns text that arrives in pieces into UTF-8: as it is if it is that already, from Windows-1252 if the first
/// character outside ASCII is none of UTF-8. Up to there both encodings are the same, so nothing has to be taken back.
///
/// Text that begins as UTF-8 and breaks it later is passed on as it is: whoever reads it says where.
#[derive(Debug, Default)]
pub struct Utf8Stream {
    state: State,
    /// The first bytes of a character whose others have not come yet.
    held: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    AsciiSoFar,
    Utf8,
    Windows1252,
}

impl Utf8Stream {
    /// What these bytes are in UTF-8, as far as it can be told yet.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        self.decode(text)
    }

    /// What was held back.
    pub fn finish(mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::AsciiSoFar => in_utf8(held),
            State::Utf8 | State::Windows1252 => held,
        }
    }

    fn decode(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        if self.state == State::Windows1252 {
            return in_utf8(text);
        }
        match std::str::from_utf8(&text) {
            Ok(valid) => {
                self.learn(valid.is_ascii());
                text
            }
            Err(error) => {
                let valid = error.valid_up_to();
                self.learn(text[..valid].is_ascii());
                if error.error_len().is_none() {
                    self.held = text.split_off(valid);
                } else if self.state == State::AsciiSoFar {
                    self.state = State::Windows1252;
                    return in_utf8(text);
                }
                text
            }
        }
    }

    fn learn(&mut self, is_ascii: bool) {
        if !is_ascii {
            self.state = State::Utf8;
        }
    }
}

/// Windows-1252 in UTF-8; bytes that mean nothing there stay, so that whoever reads them says where.
fn in_utf8(bytes: Vec<u8>) -> Vec<u8> {
    match decode_windows_1252(&bytes) {
        Some(text) => text.into_bytes(),
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], at_once: usize) -> Vec<u8> {
        let mut stream = Utf8Stream::default();
        let mut text: Vec<u8> = bytes
            .chunks(at_once)
            .flat_map(|piece| stream.push(piece))
            .collect();
        text.extend(stream.finish());
        text
    }

    #[test]
    fn utf_8_stays_as_it_is_wherever_it_is_cut() {
        let text = "name\nZoë, Łucja, 李\n🥴".as_bytes();
        for at_once in 1..=text.len() {
            assert_eq!(decoded(text, at_once), text, "{at_once}");
        }
    }

    #[test]
    fn windows_1252_becomes_utf_8_wherever_it_is_cut() {
        let text = b"name\nZo\xeb\n\x93Ren\xe9e\x94\n\x80 5";
        for at_once in 1..=text.len() {
            assert_eq!(
                decoded(text, at_once),
                "name\nZoë\n“Renée”\n€ 5".as_bytes(),
                "{at_once}"
            );
        }
    }

    #[test]
    fn text_that_breaks_utf_8_later_is_passed_on_for_its_reader_to_refuse() {
        let text = b"Zo\xc3\xab\nRen\xe9e";
        assert_eq!(decoded(text, 4), text);
    }
}
