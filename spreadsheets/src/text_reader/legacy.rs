use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

use super::{encodings::name_of, plausibility::score};
use crate::ReadError;

/// Lines with characters outside ASCII that are kept to be judged.
const CORPUS_BYTES: usize = 64 << 10;
/// Cells that are shown, and characters of each.
const CELLS_SHOWN: usize = 3;
const CHARACTERS_SHOWN: usize = 40;

/// The evidence about a text that is not UTF-8.
pub(super) struct Legacy {
    detector: EncodingDetector,
    /// The first line that is not UTF-8.
    line: usize,
    /// The first lines with characters outside ASCII.
    corpus: Vec<u8>,
    has_undefined: bool,
}

impl Legacy {
    pub(super) fn new(line: usize) -> Self {
        Self {
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            line,
            corpus: Vec::new(),
            has_undefined: false,
        }
    }

    /// Decodes lines as Windows-1252. Fails if there is UTF-8 in them too.
    pub(super) fn decode(&mut self, lines: &[u8]) -> Result<String, ReadError> {
        self.detector.feed(lines, false);
        for line in lines.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            if line.is_ascii() {
                continue;
            }
            if has_utf8(line) {
                return Err(self.refusal(
                    "there are characters that are not UTF-8, and elsewhere in the file some that are. \
                     Save the file again as “CSV UTF-8”.",
                ));
            }
            self.has_undefined |= line.iter().any(|byte| UNDEFINED.contains(byte));
            if self.corpus.len() < CORPUS_BYTES {
                self.corpus.extend_from_slice(line);
            }
        }
        Ok(decode(WINDOWS_1252, lines))
    }

    /// Returns the warning that names the encoding, with a sample. Fails if Windows-1252 is not the best guess.
    pub(super) fn finish(&mut self) -> Result<String, ReadError> {
        self.detector.feed(&[], true);
        let text = decode(WINDOWS_1252, &self.corpus);
        let own = score(&text, false);
        let in_mac_roman = decode(MACINTOSH, &self.corpus);
        let guess = self.detector.guess(None, Utf8Detection::Deny);
        let guessed = decode(guess, &self.corpus);
        // Where both read the same, it does not matter which it is. Of equals the guess is better: it knows languages.
        let of_guess = score(&guessed, true);
        let guess_is_better = guessed != text && of_guess >= own && of_guess > 0;
        let better = if guess_is_better {
            Some((guess, guessed))
        } else {
            (score(&in_mac_roman, false) > own.max(0)).then_some((MACINTOSH, in_mac_roman))
        };
        if let Some((encoding, text)) = better {
            let (name, sample) = (
                name_of(encoding),
                describe_samples(&text).unwrap_or_default(),
            );
            return Err(self.refusal(&format!(
                "there are characters that are not UTF-8 but may be {name}: {sample}. \
                 Save the file again as “CSV UTF-8”, or name its encoding."
            )));
        }
        if self.has_undefined || own < 0 {
            return Err(self.refusal(
                "there are characters that are neither UTF-8 nor Windows-1252. \
                 Save the file again as “CSV UTF-8”, or name its encoding.",
            ));
        }
        let sample = describe_samples(&text).unwrap_or_default();
        Ok(format!(
            "the file is not UTF-8 and was read as Windows-1252: {sample}; if that is wrong, save it again as \
             “CSV UTF-8” or name its encoding"
        ))
    }

    fn refusal(&self, problem: &str) -> ReadError {
        ReadError::on_line(self.line, problem)
    }
}

/// Bytes that mean nothing in Windows-1252.
const UNDEFINED: &[u8] = &[0x81, 0x8D, 0x8F, 0x90, 0x9D];

fn decode(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Checks whether a line has a character in UTF-8 that would be nonsense in Windows-1252.
pub(super) fn has_utf8(line: &[u8]) -> bool {
    line.utf8_chunks().any(|chunk| {
        let others = chunk
            .valid()
            .chars()
            .filter(|character| !character.is_ascii());
        others.into_iter().any(is_telling)
    })
}

/// Returns whether a character is evidence of UTF-8. Two capitals such as `É` with a closing quotation mark after
/// them look like those that are not.
fn is_telling(character: char) -> bool {
    match character {
        '\u{80}'..='\u{9F}' => false,
        // Of these blocks only Romanian and Vietnamese letters occur in names.
        '\u{180}'..='\u{2FF}' => matches!(
            character,
            '\u{1A0}' | '\u{1A1}' | '\u{1AF}' | '\u{1B0}' | '\u{218}'..='\u{21B}'
        ),
        _ => true,
    }
}

/// Returns the first cells outside ASCII in quotation marks: `“Zoë”, “Müller”`; nothing if there are none.
pub(super) fn describe_samples(text: &str) -> Option<String> {
    let mut shown: Vec<String> = Vec::new();
    let cells = text.split([',', ';', '\t', '|', '"', '\n', '\r']);
    for cell in cells.filter(|cell| !cell.is_ascii()) {
        let sample: String = cell.trim().chars().take(CHARACTERS_SHOWN).collect();
        let sample = format!("“{sample}”");
        if !shown.contains(&sample) {
            shown.push(sample);
        }
        if shown.len() == CELLS_SHOWN {
            break;
        }
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}
