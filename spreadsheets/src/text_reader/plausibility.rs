/// The accented letters that are common in names of western Europe.
const COMMON: &str = "àáâäåæçèéêëìíîïñòóôöøùúûüýÿßœÀÁÂÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜÝŒ";

/// Scores how well the characters of a text outside ASCII fit their neighbours. In the wrong encoding, words have
/// capitals and signs inside.
///
/// `knows_language` says that any letter is as likely as the common ones.
pub(super) fn score(text: &str, knows_language: bool) -> i64 {
    let characters: Vec<char> = text.chars().collect();
    let scores = characters.iter().enumerate().map(|(at, &character)| {
        if character.is_ascii() {
            return 0;
        }
        let before = at.checked_sub(1).map_or(' ', |before| characters[before]);
        let after = characters.get(at + 1).copied().unwrap_or(' ');
        score_of(before, character, after, knows_language)
    });
    scores.sum()
}

fn score_of(before: char, character: char, after: char, knows_language: bool) -> i64 {
    // Letters to Unicode, and never part of a word.
    let is_sign = matches!(character, 'ƒ' | 'ª' | 'º' | 'µ');
    if character.is_alphabetic() && !is_sign {
        return score_of_letter(before, character, after, knows_language);
    }
    let (follows_letter, precedes_letter) = (before.is_alphabetic(), after.is_alphabetic());
    // A sign in its usual place speaks for the encoding, and one inside a word against it
    // (`docs/decisions/spreadsheet-encodings.md`).
    match character {
        '’' if follows_letter => 2,
        '‘' | '“' if follows_letter => -2,
        '‘' | '’' | '“' => i64::from(after.is_alphanumeric()),
        '”' if precedes_letter => -2,
        '”' => i64::from(!before.is_whitespace()),
        '£' | '€' if after.is_ascii_digit() => 2,
        '–' | '—' | '\u{A0}' | '\u{AD}' => 0,
        '°' | '²' | '³' | 'º' if before.is_ascii_digit() => 2,
        '½' | '¼' | '¾' if !follows_letter => 1,
        '•' | '…' | '©' | '®' | '™' | '«' | '»' => {
            -2 * i64::from(follows_letter && precedes_letter)
        }
        _ if character.is_control() => -3,
        _ if follows_letter || precedes_letter => -2,
        _ => -1,
    }
}

fn score_of_letter(before: char, letter: char, after: char, knows_language: bool) -> i64 {
    let is_alone = !before.is_alphabetic() && !after.is_alphabetic();
    let is_capital_inside = letter.is_uppercase() && before.is_lowercase();
    let is_small_between_capitals =
        letter.is_lowercase() && before.is_uppercase() && after.is_uppercase();
    if is_alone {
        -i64::from(before.is_ascii_digit() || after.is_ascii_digit())
    } else if is_capital_inside {
        -2
    } else if is_small_between_capitals {
        -1
    } else if knows_language || COMMON.contains(letter) {
        2
    } else {
        1
    }
}
