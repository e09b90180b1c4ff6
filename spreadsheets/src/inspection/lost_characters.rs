use std::collections::BTreeSet;

use super::occurrences::Occurrences;
use crate::text_reader::is_garbled;
use templates::text_messages::lost_characters;
use text::describe_characters;

/// Characters that are kept for a sentence.
const MAX_CHARACTERS: usize = 100;
/// Characters of a cell that are shown.
const CHARACTERS_SHOWN: usize = 40;

/// Characters that recipients will not see as they were meant.
#[derive(Debug)]
pub(super) struct LostCharacters {
    /// Whether messages are texts that replace characters by `?`.
    is_replacing: bool,
    replaced: Occurrences,
    characters: BTreeSet<char>,
    /// Rows in which a program has put U+FFFD in the place of what it could not read.
    lost_before: Occurrences,
    /// Rows with UTF-8 that was read in another encoding and saved so.
    garbled: Occurrences,
    /// The first such cell.
    garbled_cell: Option<String>,
}

impl LostCharacters {
    pub(super) fn new(is_replacing: bool) -> Self {
        Self {
            is_replacing,
            replaced: Occurrences::default(),
            characters: BTreeSet::new(),
            lost_before: Occurrences::default(),
            garbled: Occurrences::default(),
            garbled_cell: None,
        }
    }

    pub(super) fn add<'cell>(&mut self, row: usize, cells: impl Iterator<Item = &'cell str>) {
        let (mut is_replaced, mut was_lost, mut was_garbled) = (false, false, false);
        // Plain text has none of these, and is told from the rest at the cost of one look.
        for cell in cells.filter(|cell| !cell.is_ascii()) {
            was_lost |= cell.contains(char::REPLACEMENT_CHARACTER);
            if is_garbled(cell) {
                was_garbled = true;
                self.garbled_cell
                    .get_or_insert_with(|| cell.chars().take(CHARACTERS_SHOWN).collect());
            }
            if self.is_replacing {
                let lost = lost_characters(cell);
                is_replaced |= !lost.is_empty();
                if self.characters.len() < MAX_CHARACTERS {
                    self.characters.extend(lost);
                }
            }
        }
        if is_replaced {
            self.replaced.add(row);
        }
        if was_lost {
            self.lost_before.add(row);
        }
        if was_garbled {
            self.garbled.add(row);
        }
    }

    pub(super) fn sentences(&self, number_of: &impl Fn(usize) -> usize) -> Vec<String> {
        let characters: Vec<char> = self.characters.iter().copied().collect();
        let replaced = self.replaced.sentence(
            number_of,
            "has characters that a text message cannot carry and that are sent as “?”",
            "have characters that a text message cannot carry and that are sent as “?”",
        );
        let replaced =
            replaced.map(|sentence| format!("{sentence}: {}", describe_characters(&characters)));
        let lost = self.lost_before.sentence(
            number_of,
            "has the sign “\u{FFFD}” in the place of a character that was lost when the file was saved",
            "have the sign “\u{FFFD}” in the place of characters that were lost when the file was saved",
        );
        let garbled = self.garbled.sentence(
            number_of,
            "seems to have text that was saved in the wrong encoding",
            "seem to have text that was saved in the wrong encoding",
        );
        let cell = self.garbled_cell.as_deref().unwrap_or_default();
        let garbled = garbled.map(|sentence| format!("{sentence}: “{cell}”"));
        replaced.into_iter().chain(lost).chain(garbled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(is_replacing: bool, cells: &[&str]) -> Vec<String> {
        let mut lost = LostCharacters::new(is_replacing);
        for (row, cell) in cells.iter().enumerate() {
            lost.add(row, std::iter::once(*cell));
        }
        lost.sentences(&|row| row + 2)
    }

    #[test]
    fn characters_that_a_text_cannot_carry_are_named() {
        let cells = ["Ana", "李", "Zoe\u{308} “x”…", "😀李"];
        assert_eq!(
            sentences(true, &cells),
            [
                "rows 3 and 5 have characters that a text message cannot carry and that are sent as “?”: \
              李 (U+674E), 😀 (U+1F600)"
            ]
        );
        assert!(sentences(false, &cells).is_empty());
    }

    #[test]
    fn characters_that_were_lost_before_are_noticed() {
        assert_eq!(sentences(false, &["Zo\u{FFFD}"]).len(), 1);
    }

    #[test]
    fn text_that_was_garbled_before_is_noticed() {
        assert_eq!(
            sentences(false, &["Zoë", "ZoÃ« Oâ€™Neil", "ANDRÉ’S"]),
            ["row 3 seems to have text that was saved in the wrong encoding: “ZoÃ« Oâ€™Neil”"]
        );
    }
}
