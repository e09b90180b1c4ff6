use encoding_rs::{DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::{
    encodings::{TextEncoding, name_of, utf_16},
    legacy::{Legacy, describe_samples},
};
use crate::ReadError;

/// Turns text that arrives in pieces into UTF-8, and leaves out its NUL characters.
///
/// Text that is valid UTF-8 stays as it is. If the first character outside ASCII is none of UTF-8, the text is in a
/// *legacy* encoding: it is decoded as Windows-1252, and whether it is plausible in that shows at the end.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// The first bytes of a character or line whose others have not come yet.
    held: Vec<u8>,
    /// The line that is being read, counted from 1.
    line: usize,
    nuls: usize,
}

enum State {
    AsciiSoFar,
    Utf8,
    Legacy(Box<Legacy>),
    Known {
        decoder: encoding_rs::Decoder,
        /// What to show of the text, in an encoding that was given.
        sample: Option<Sample>,
    },
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::AsciiSoFar => "AsciiSoFar",
            Self::Utf8 => "Utf8",
            Self::Legacy(_) => "Legacy",
            Self::Known { .. } => "Known",
        })
    }
}

/// Bytes without a line end that are held back before they are decoded without.
const MAX_HELD: usize = 1 << 20;
/// Text that is kept to show a sample of.
const SAMPLE_BYTES: usize = 4096;

impl Decoder {
    pub(super) fn new(beginning: &[u8], encoding: Option<TextEncoding>) -> Self {
        let has_utf8_mark = beginning.starts_with(b"\xEF\xBB\xBF");
        let known = match (utf_16(beginning), encoding) {
            (Some(utf_16), _) => Some((utf_16, None)),
            // A byte order mark in the file is surer than the encoding that was given.
            (None, Some(TextEncoding(encoding))) if encoding != UTF_8 && !has_utf8_mark => {
                Some((encoding, Some(Sample::default())))
            }
            (None, _) => None,
        };
        let state = match known {
            Some((encoding, sample)) => State::Known {
                decoder: encoding.new_decoder_with_bom_removal(),
                sample,
            },
            // If the given encoding is UTF-8, no other is guessed.
            None if encoding.is_some() => State::Utf8,
            None => State::AsciiSoFar,
        };
        Self {
            state,
            held: Vec::new(),
            line: 1,
            nuls: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<String, ReadError> {
        let text = match &mut self.state {
            State::Known { decoder, sample } => {
                let text = decode_known(decoder, bytes, false, self.line)?;
                if let Some(sample) = sample {
                    sample.add(&text);
                }
                text
            }
            State::Legacy(_) => self.push_legacy(bytes)?,
            State::AsciiSoFar | State::Utf8 => self.push_utf8(bytes)?,
        };
        Ok(self.passed_on(text))
    }

    /// Ends the text. Returns the rest of it, and warnings.
    pub(super) fn finish(&mut self) -> Result<(String, Vec<String>), ReadError> {
        let mut warnings = Vec::new();
        let held = std::mem::take(&mut self.held);
        if matches!(self.state, State::AsciiSoFar) && !held.is_ascii() {
            self.state = State::Legacy(Box::new(Legacy::new(self.line)));
        }
        let text = match &mut self.state {
            State::AsciiSoFar => in_utf8(held),
            State::Utf8 if held.is_empty() => String::new(),
            State::Utf8 => return Err(not_utf8(self.line)),
            State::Legacy(legacy) => {
                let text = legacy.decode(&held)?;
                warnings.push(legacy.finish()?);
                text
            }
            State::Known { decoder, sample } => {
                let text = decode_known(decoder, &[], true, self.line)?;
                let sample = sample.take().and_then(|mut sample| {
                    sample.add(&text);
                    sample.describe()
                });
                let encoding = name_of(decoder.encoding());
                let warning = |sample| format!("the file was read as {encoding}: {sample}");
                warnings.extend(sample.map(warning));
                text
            }
        };
        let text = self.passed_on(text);
        match self.nuls {
            0 => {}
            1 => warnings.push("1 NUL character was left out".to_owned()),
            count => warnings.push(format!("{count} NUL characters were left out")),
        }
        Ok((text, warnings))
    }

    fn push_utf8(&mut self, more: &[u8]) -> Result<String, ReadError> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(more);
        let error = std::str::from_utf8(&bytes).err();
        let valid = error.map_or(bytes.len(), |error| error.valid_up_to());
        if !bytes[..valid].is_ascii() {
            self.state = State::Utf8;
        }
        let is_ascii = matches!(self.state, State::AsciiSoFar);
        let line_start = memchr::memrchr(b'\n', &bytes[..valid]).map_or(0, |end| end + 1);
        if error.is_some_and(|error| error.error_len().is_some()) {
            let line = self.line + count_lines(&bytes[..valid]);
            if !is_ascii {
                return Err(not_utf8(line));
            }
            let strange = bytes.split_off(line_start);
            self.state = State::Legacy(Box::new(Legacy::new(line)));
            return Ok(in_utf8(bytes) + &self.push_legacy(&strange)?);
        }
        // The beginning of a line is kept for its neighbour, which may be the first strange character.
        let is_kept = is_ascii && bytes.len() - line_start <= MAX_HELD;
        self.held = bytes.split_off(if is_kept { line_start } else { valid });
        Ok(in_utf8(bytes))
    }

    /// Decodes complete lines, so that characters are judged by their neighbours.
    fn push_legacy(&mut self, bytes: &[u8]) -> Result<String, ReadError> {
        self.held.extend_from_slice(bytes);
        let end = memchr::memrchr2(b'\n', b'\r', &self.held).map_or(0, |end| end + 1);
        let end = if self.held.len() - end > MAX_HELD {
            self.held.len()
        } else {
            end
        };
        let rest = self.held.split_off(end);
        let lines = std::mem::replace(&mut self.held, rest);
        match &mut self.state {
            State::Legacy(legacy) => legacy.decode(&lines),
            _ => Ok(String::new()),
        }
    }

    fn passed_on(&mut self, mut text: String) -> String {
        self.line += count_lines(text.as_bytes());
        let nuls = memchr::memchr_iter(0, text.as_bytes()).count();
        if nuls > 0 {
            self.nuls += nuls;
            text.retain(|character| character != '\0');
        }
        text
    }
}

/// Returns the beginning of a text, as far as it can be told from that alone. What is cut off or wrong is left out.
pub(super) fn decode_beginning(beginning: &[u8], encoding: Option<TextEncoding>) -> String {
    let known = utf_16(beginning).or(encoding.map(|encoding| encoding.0));
    let is_utf8 = std::str::from_utf8(beginning).map_or_else(
        |error| error.valid_up_to() > 0 && error.error_len().is_none(),
        |_| true,
    );
    let encoding: &'static Encoding = match known {
        Some(encoding) => encoding,
        None if is_utf8 => UTF_8,
        None => WINDOWS_1252,
    };
    let (text, _, _) = encoding.decode(beginning);
    text.replace('\0', "")
}

fn decode_known(
    decoder: &mut encoding_rs::Decoder,
    bytes: &[u8],
    is_last: bool,
    line: usize,
) -> Result<String, ReadError> {
    let name = name_of(decoder.encoding());
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        text.reserve(
            decoder
                .max_utf8_buffer_length_without_replacement(rest.len())
                .unwrap_or(rest.len()),
        );
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, is_last);
        rest = &rest[read..];
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            // The next round reserves more.
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                let problem = format!(
                    "there are characters that are not {name}. Save the file again as “CSV UTF-8”."
                );
                return Err(ReadError::on_line(
                    line + count_lines(text.as_bytes()),
                    &problem,
                ));
            }
        }
    }
}

/// The first lines with characters outside ASCII.
#[derive(Default)]
struct Sample {
    lines: String,
    /// The line that has no end yet.
    open: String,
}

impl Sample {
    fn add(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            if self.lines.len() >= SAMPLE_BYTES {
                return;
            }
            if self.open.len() < SAMPLE_BYTES {
                self.open.push_str(piece);
            }
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.open);
                if !line.is_ascii() {
                    self.lines.push_str(&line);
                }
            }
        }
    }

    fn describe(self) -> Option<String> {
        describe_samples(&(self.lines + &self.open))
    }
}

fn not_utf8(line: usize) -> ReadError {
    let problem = "there are characters that are not UTF-8. Save the file again as “CSV UTF-8”.";
    ReadError::on_line(line, problem)
}

fn in_utf8(valid: Vec<u8>) -> String {
    String::from_utf8(valid).expect("it was found to be valid")
}

fn count_lines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}
