//! Rules for curling the quotes of one piece of text (`docs/spec/templates.md` §6.2, steps 1 to 12).
//!
//! Matches of one step do not overlap.

use text::{
    characters::{is_digit, is_word},
    is_any_space,
};

const OPENERS: [&str; 6] = [
    "&nbsp;",
    "--",
    "&mdash;",
    "&ndash;",
    "&&#x2013;",
    "&&#x2014;",
];

/// References that are replaced by the characters they denote.
const DECODED: [(&str, char); 7] = [
    ("&#8211;", '–'),
    ("&#8212;", '—'),
    ("&#8216;", '‘'),
    ("&#8217;", '’'),
    ("&#8220;", '“'),
    ("&#8221;", '”'),
    ("&#8230;", '…'),
];

/// Returns false if [`curl`] certainly leaves this text unchanged.
pub(super) fn may_need_curling(text: &str) -> bool {
    text.contains(['\'', '"', '\\']) || text.contains("&#8")
}

/// Appends a text with its quotes curled. `previous` is the last character before the text.
pub(super) fn curl(text: &str, previous: Option<char>, out: &mut String) {
    let mut piece = Piece {
        characters: with_escapes(text),
    };
    // A quote alone between two tags: only what came before can tell which one it is.
    match piece.characters.as_slice() {
        ['\''] => out.push(if follows_something(previous) {
            '’'
        } else {
            '‘'
        }),
        ['"'] => out.push(if follows_something(previous) {
            '”'
        } else {
            '“'
        }),
        _ => {
            piece.curl();
            push_decoded(out, piece.characters);
        }
    }
}

fn follows_something(previous: Option<char>) -> bool {
    previous.is_some_and(|character| !is_any_space(character))
}

/// Splits the text into characters, replacing each backslash pair by a reference (step 1).
fn with_escapes(text: &str) -> Vec<char> {
    let mut characters = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let reference = if character == '\\' {
            reference_for(rest.clone().next())
        } else {
            None
        };
        match reference {
            Some(reference) => {
                characters.extend(reference.chars());
                rest.next();
            }
            None => characters.push(character),
        }
    }
    characters
}

fn reference_for(escaped: Option<char>) -> Option<&'static str> {
    match escaped? {
        '\\' => Some("&#92;"),
        '"' => Some("&#34;"),
        '\'' => Some("&#39;"),
        '.' => Some("&#46;"),
        '-' => Some("&#45;"),
        '`' => Some("&#96;"),
        _ => None,
    }
}

fn push_decoded(out: &mut String, characters: Vec<char>) {
    let start = out.len();
    out.extend(characters);
    if !out[start..].contains("&#8") {
        return;
    }
    let mut decoded = out.split_off(start);
    for (reference, character) in DECODED {
        if decoded.contains(reference) {
            decoded = decoded.replace(reference, character.encode_utf8(&mut [0; 4]));
        }
    }
    out.push_str(&decoded);
}

struct Piece {
    characters: Vec<char>,
}

impl Piece {
    fn curl(&mut self) {
        // Each step processes the whole piece before the next begins, because later ones depend on its replacements.
        self.close_quotes_before_a_stray_assertion();
        self.open_double_then_single();
        self.open_single_then_double();
        self.close_before_decades();

        if self.characters.contains(&'\'') {
            self.open_after_openers('\'', '‘');
            self.close_single_inside_words();
            self.close_single_at_word_ends();
            self.replace_rest('\'', '‘');
        }
        if self.characters.contains(&'"') {
            self.open_after_openers('"', '“');
            self.close_double_before_whitespace();
            self.close_double_at_the_start();
            self.close_double_after_solid_characters();
            self.replace_rest('"', '“');
        }
    }

    /// Step 3, which practically never applies: the reference's pattern ends in the two characters `\B`.
    fn close_quotes_before_a_stray_assertion(&mut self) {
        if let [quote @ ('\'' | '"'), punctuation, '\\', 'B', ..] = self.characters.as_mut_slice()
            && is_punctuation(*punctuation)
        {
            *quote = if *quote == '"' { '”' } else { '’' };
        }
    }

    /// First half of step 4.
    fn open_double_then_single(&mut self) {
        self.open_pairs(['"', '\''], ['“', '‘']);
    }

    /// Second half of step 4.
    fn open_single_then_double(&mut self) {
        self.open_pairs(['\'', '"'], ['‘', '“']);
    }

    fn open_pairs(&mut self, straight: [char; 2], curly: [char; 2]) {
        for place in 1..self.characters.len() {
            if self.characters[place - 1..=place] == straight
                && self.at(place + 1).is_some_and(is_word)
            {
                self.characters[place - 1..=place].copy_from_slice(&curly);
            }
        }
    }

    /// Step 5: `the ’90s`, but in the reference's pattern without the space.
    fn close_before_decades(&mut self) {
        for place in 1..self.characters.len() {
            if let ['\'', tens, ones, 's', ..] = self.characters[place..]
                && is_digit(tens)
                && is_digit(ones)
                && is_word(self.characters[place - 1])
            {
                self.characters[place] = '’';
            }
        }
    }

    /// Step 6, and the beginning of step 10.
    fn open_after_openers(&mut self, straight: char, curly: char) {
        for place in 1..self.characters.len() {
            if self.characters[place] == straight
                && self.at(place + 1).is_some_and(is_word)
                && ends_with_opener(&self.characters[..place])
            {
                self.characters[place] = curly;
            }
        }
    }

    /// Step 7.
    fn close_single_inside_words(&mut self) {
        self.close_after_solid('\'', '’', |after| {
            let goes_on = match after {
                [] => true,
                [first, ..] => !is_any_space(*first) && !is_digit(*first) && !is_final_s(after),
            };
            goes_on.then_some(0)
        });
    }

    /// Step 8. The characters after the quote are part of the match.
    fn close_single_at_word_ends(&mut self) {
        self.close_after_solid('\'', '’', |after| {
            let first = after.first()?;
            (is_any_space(*first) || is_final_s(after)).then_some(1)
        });
    }

    /// Second part of step 10.
    fn close_double_before_whitespace(&mut self) {
        for place in 0..self.characters.len() {
            if self.characters[place] == '"' && self.at(place + 1).is_some_and(is_any_space) {
                self.characters[place] = '”';
            }
        }
    }

    /// Third part of step 10.
    fn close_double_at_the_start(&mut self) {
        if let [quote @ '"', punctuation, ..] = self.characters.as_mut_slice()
            && is_punctuation(*punctuation)
        {
            *quote = '”';
        }
    }

    /// Last part of step 10.
    fn close_double_after_solid_characters(&mut self) {
        self.close_after_solid('"', '”', |_| Some(0));
    }

    /// Closes quotes that follow a solid character. `matched_after` returns how many of the following characters
    /// belong to the match. The solid character belongs to it too, so it cannot be part of another match.
    fn close_after_solid(
        &mut self,
        straight: char,
        curly: char,
        matched_after: impl Fn(&[char]) -> Option<usize>,
    ) {
        let mut free_from = 0;
        for place in 1..self.characters.len() {
            if self.characters[place] == straight
                && place > free_from
                && is_solid(self.characters[place - 1])
                && let Some(more) = matched_after(&self.characters[place + 1..])
            {
                self.characters[place] = curly;
                free_from = place + 1 + more;
            }
        }
    }

    /// Steps 9 and 11.
    fn replace_rest(&mut self, straight: char, curly: char) {
        for character in &mut self.characters {
            if *character == straight {
                *character = curly;
            }
        }
    }

    fn at(&self, place: usize) -> Option<char> {
        self.characters.get(place).copied()
    }
}

/// Returns whether the character is ASCII punctuation other than `&`.
fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() && character != '&'
}

/// Returns whether the character is anything but a space, an opening bracket or a hyphen.
fn is_solid(character: char) -> bool {
    !matches!(character, ' ' | '\t' | '\r' | '\n' | '[' | '{' | '(' | '-')
}

/// Returns whether the text begins with an `s` that ends its word.
fn is_final_s(after: &[char]) -> bool {
    matches!(after, ['s', rest @ ..] if rest.first().is_none_or(|&next| !is_word(next)))
}

fn ends_with_opener(before: &[char]) -> bool {
    before.last().is_some_and(|&last| is_any_space(last))
        || OPENERS.iter().any(|opener| {
            before
                .iter()
                .rev()
                .copied()
                .zip(opener.chars().rev())
                .all(|(a, b)| a == b)
                && before.len() >= opener.len()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curled(text: &str) -> String {
        let mut out = String::new();
        curl(text, None, &mut out);
        out
    }

    #[test]
    fn quotes_curl_by_what_stands_around_them() {
        for (text, expected) in [
            ("\"a\"", "“a”"),
            ("it's 'so', isn't it", "it’s ‘so’, isn’t it"),
            ("\"'a' b\" '\"c\" d'", "“‘a’ b” ‘“c” d’"),
            ("the1'90s '90s", "the1’90s ‘90s"),
            (
                "x&nbsp;'a x--'a x&mdash;'a x&&#x2013;'a",
                "x&nbsp;‘a x--‘a x&mdash;‘a x&&#x2013;‘a",
            ),
            ("a''b x's's", "a’‘b x’s‘s"),
            ("a'1 (' ['s", "a‘1 (‘ [‘s"),
            ("James' a's as' 'sx a'sx", "James’ a’s as’ ‘sx a’sx"),
            ("a\"\"b \"\" \".\"", "a”“b “” “.”"),
        ] {
            assert_eq!(curled(text), expected, "{text}");
        }
    }

    #[test]
    fn a_quote_at_the_start_before_punctuation_closes_if_double() {
        assert_eq!(curled("\".x"), "”.x");
        assert_eq!(curled("\"&x"), "“&x");
        assert_eq!(curled("'.x"), "‘.x");
        assert_eq!(curled("'.\\Bx"), "’.\\Bx");
    }

    #[test]
    fn a_backslash_keeps_a_character_as_a_reference() {
        assert_eq!(
            curled(r#"\\ \" \' \. \- \` \x \\'"#),
            "&#92; &#34; &#39; &#46; &#45; &#96; \\x &#92;’"
        );
    }

    #[test]
    fn references_to_quotes_and_dashes_are_decoded() {
        assert_eq!(curled("&#8211;&#8217;'&#8230;&#8240;"), "–’’…&#8240;");
    }

    #[test]
    fn a_quote_alone_looks_back() {
        for (text, previous, expected) in [
            ("'", Some('a'), "’"),
            ("'", Some(' '), "‘"),
            ("\"", None, "“"),
            ("\"", Some('.'), "”"),
        ] {
            let mut out = String::new();
            curl(text, previous, &mut out);
            assert_eq!(out, expected);
        }
    }
}
