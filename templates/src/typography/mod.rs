//! Typography: curly quotes, spaced en dashes, no space before punctuation (`docs/spec/templates.md` §6).

mod quote_rules;
mod quotes;

use std::borrow::Cow;

pub use quotes::make_quotes_smart;

use text::is_any_space;
/// Removes spaces and tabs directly before a comma or full stop (`docs/spec/templates.md` §6.1).
pub use text::remove_whitespace_before_punctuation;

/// Applies [`remove_whitespace_before_punctuation`], [`make_quotes_smart`], [`straighten_quotes_in_email_addresses`]
/// and [`replace_hyphens_with_en_dashes`], in this order.
pub fn apply_typography(text: &str) -> String {
    let text = remove_whitespace_before_punctuation(text);
    // Each step relies on those before: quotes decide what looks like an address.
    let text = then(text, make_quotes_smart);
    let text = then(text, straighten_quotes_in_email_addresses);
    then(text, replace_hyphens_with_en_dashes).into_owned()
}

fn then(text: Cow<'_, str>, step: impl Fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => step(text),
        Cow::Owned(text) => match step(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(changed) => Cow::Owned(changed),
        },
    }
}

/// Makes curly single quotes straight in what looks like an email address (`docs/spec/templates.md` §6.3).
pub fn straighten_quotes_in_email_addresses(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut straightened = String::new();
    let (mut done, mut at) = (0, 0);
    // Only words with an `@` can change, and most texts have none.
    while let Some(found) = memchr::memchr(b'@', &bytes[at..]) {
        let before = &text[at..at + found];
        let start = at + before.len() - last_word(before).len();
        let word = first_word(&text[start..]);
        let end = start + word.len();
        // The whitespace before a word is part of the match, unless the previous address has consumed it: of two addresses
        // separated by one space only the first is recognised, as in the reference.
        let is_free = start > at || start == 0 || bytes[start - 1] == b'\n';
        at = end;
        if is_free && is_email_like(word) {
            at += gap_length(&text[end..]);
            if word.contains(CURLY) {
                straightened.push_str(&text[done..start]);
                straightened.extend(word.chars().map(straight));
                done = end;
            }
        }
    }
    with_rest(text, done, straightened)
}

const CURLY: [char; 2] = ['‘', '’'];

/// Returns the processed text up to `done` followed by the rest; the original text if nothing was processed.
fn with_rest(text: &str, done: usize, mut made: String) -> Cow<'_, str> {
    if done == 0 {
        return Cow::Borrowed(text);
    }
    made.push_str(&text[done..]);
    Cow::Owned(made)
}

fn straight(character: char) -> char {
    if CURLY.contains(&character) {
        '\''
    } else {
        character
    }
}

/// Returns the length of the whitespace character with which the text begins, or 0.
fn gap_length(text: &str) -> usize {
    text.chars()
        .next()
        .filter(|&first| is_any_space(first))
        .map_or(0, char::len_utf8)
}

/// Returns the text before the first whitespace.
fn first_word(text: &str) -> &str {
    &text[..text.find(is_any_space).unwrap_or(text.len())]
}

/// Returns the text after the last whitespace.
fn last_word(text: &str) -> &str {
    text.rsplit(is_any_space).next().unwrap_or(text)
}

/// Returns whether the word has an `@` with characters on both sides.
fn is_email_like(word: &str) -> bool {
    let mut inner = word.chars();
    inner.next();
    inner.next_back();
    inner.as_str().contains('@')
}

/// Replaces one to three hyphens or dashes between whitespace by an en dash between spaces (`docs/spec/templates.md`
/// §6.4). Line feeds are whitespace. A match consumes the whitespace after it, so the next one needs its own.
pub fn replace_hyphens_with_en_dashes(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut replaced = String::new();
    let mut done = 0;
    // Both dashes begin with the same byte.
    for place in memchr::memchr2_iter(b'-', DASH[0], bytes) {
        let is_inside_a_word = place > 0 && bytes[place - 1].is_ascii_graphic();
        if place < done || is_inside_a_word {
            continue;
        }
        // The cheap test comes first: other characters, some of them whitespace, begin with that byte too.
        let Some(after) = after_dash(&text[place..]) else {
            continue;
        };
        let before = &text[done..place];
        let until_gap = before.trim_end_matches(is_any_space);
        if until_gap.len() < before.len() {
            replaced.push_str(until_gap);
            replaced.push_str(" – ");
            done = text.len() - after.len();
        }
    }
    with_rest(text, done, replaced)
}

const DASH: &[u8] = "–".as_bytes();

/// Returns the text after a dash and whitespace, if the text begins with them.
fn after_dash(text: &str) -> Option<&str> {
    let is_dash = |character: char| matches!(character, '-' | '–' | '—');
    let length: usize = text
        .chars()
        .take(3)
        .take_while(|&c| is_dash(c))
        .map(char::len_utf8)
        .sum();
    if length == 0 {
        return None;
    }
    let after_dash = &text[length..];
    let after = after_dash.trim_start_matches(is_any_space);
    (after.len() < after_dash.len()).then_some(after)
}

/// Inserts a zero-width space after the dot of `GOV.UK`, to stop e-mail clients from making it a link
/// (`docs/spec/templates.md` §6.5). Applies at the start or after whitespace, optionally behind one `#`, `*` or `^`,
/// unless an address continues after it.
pub fn unlink_govuk(text: &str) -> Cow<'_, str> {
    let mut unlinked = String::new();
    let mut done = 0;
    for place in places_of_govuk(text) {
        let end = place + "gov.uk".len();
        // An address with a path is meant to be a link.
        if !text[end..].starts_with(['/', '?', '#']) && begins_a_word(&text[..place]) {
            let after_dot = place + "gov.".len();
            unlinked.push_str(&text[done..after_dot]);
            unlinked.push('\u{200B}');
            done = after_dot;
        }
    }
    with_rest(text, done, unlinked)
}

fn begins_a_word(before: &str) -> bool {
    let is_start = |before: &str| before.chars().next_back().is_none_or(is_any_space);
    is_start(before) || before.strip_suffix(['#', '*', '^']).is_some_and(is_start)
}

/// Iterates over the positions of `gov.uk`, in any case.
fn places_of_govuk(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'.', bytes).filter_map(|dot| {
        let place = dot.checked_sub("gov".len())?;
        let found = bytes.get(place..place + "gov.uk".len())?;
        found.eq_ignore_ascii_case(b"gov.uk").then_some(place)
    })
}

/// Removes U+2028 and U+3164, which some e-mail clients cannot display (`docs/spec/templates.md` §6.6).
pub fn strip_unsupported_characters(text: &str) -> Cow<'_, str> {
    let is_unsupported = ['\u{2028}', '\u{3164}'];
    if text.contains(is_unsupported) {
        Cow::Owned(text.replace(is_unsupported, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// Replaces a hyphen that must remain one (`docs/spec/templates.md` §11.2).
const HYPHEN_MARK: &str = "🛳️🐦🥴";

/// Replaces hyphens by non-breaking ones, as letters require (`docs/spec/templates.md` §11.2).
pub fn replace_hyphens_with_non_breaking_hyphens(text: &str) -> String {
    text.replace('-', "\u{2011}")
}

/// Replaces each hyphen by a mark, which [`restore_hyphens`] replaces back (`docs/spec/templates.md` §11.2).
pub fn protect_hyphens(text: &str) -> String {
    // QR codes must keep their hyphens, whatever is done to the text around them.
    text.replace('-', HYPHEN_MARK)
}

/// Restores the hyphens that [`protect_hyphens`] replaced.
pub fn restore_hyphens(text: &str) -> String {
    text.replace(HYPHEN_MARK, "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_addresses_on_a_line_keeps_its_quote() {
        for (text, straightened) in [
            ("o’x@y.z", "o'x@y.z"),
            ("‘a@b’ it’s", "'a@b' it’s"),
            ("a’b@c d’e@f", "a'b@c d’e@f"),
            ("a’b@c  d’e@f", "a'b@c  d'e@f"),
            ("a’b@c\nd’e@f", "a'b@c\nd'e@f"),
            (" \n a’b@c\u{2003}", " \n a'b@c\u{2003}"),
            ("’@ @’ ’@’ @", "’@ @’ '@' @"),
        ] {
            assert_eq!(
                straighten_quotes_in_email_addresses(text),
                straightened,
                "{text}"
            );
        }
    }

    #[test]
    fn a_dash_with_room_on_both_sides_becomes_an_en_dash() {
        for (text, replaced) in [
            ("a - b", "a – b"),
            ("a  ---\n b", "a – b"),
            ("a ---- b", "a ---- b"),
            ("a - - b", "a – - b"),
            ("a-b - ", "a-b – "),
            (" — x", " – x"),
            ("- x", "- x"),
            ("a -", "a -"),
            ("plain", "plain"),
            ("a\u{2028}\u{2028}-\u{2028}b", "a – b"),
            ("a\u{2028}\u{2014}\u{2014} –\u{2028}", "a – –\u{2028}"),
        ] {
            assert_eq!(replace_hyphens_with_en_dashes(text), replaced, "{text}");
        }
    }

    #[test]
    fn govuk_is_not_a_link() {
        for (text, unlinked) in [
            ("GOV.UK and gov.uk.", "GOV.\u{200B}UK and gov.\u{200B}uk."),
            (
                "#Gov.uk *GOV.UK ##gov.uk",
                "#Gov.\u{200B}uk *GOV.\u{200B}UK ##gov.uk",
            ),
            ("gov.uk/x gov.uk? www.gov.uk", "gov.uk/x gov.uk? www.gov.uk"),
            ("é gov.ukx", "é gov.\u{200B}ukx"),
        ] {
            assert_eq!(unlink_govuk(text), unlinked);
        }
    }

    #[test]
    fn unsupported_characters_vanish() {
        assert_eq!(
            strip_unsupported_characters("a\u{2028}b\u{3164}c\u{2029}"),
            "abc\u{2029}"
        );
    }

    #[test]
    fn all_steps_follow_each_other() {
        assert_eq!(
            apply_typography("o'x@example.org - \"q\" ,"),
            "o'x@example.org – “q”,"
        );
        assert_eq!(apply_typography("plain"), "plain");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_set_without_straight_quotes_outside_tags_and_code(
            text in r#"[-'"a1s.,@\\‘–&#8217; (\n\u{A0}é!]{0,40}"#,
        ) {
            let set = make_quotes_smart(&text);
            assert!(!set.contains(['\'', '"']));
            apply_typography(&text);
        }

        #[test]
        fn any_tags_give_an_answer(text in r#"([-<>!/a'"é ]|<!--|--|pre){0,30}"#) {
            let tags = |text: &str| text.matches(['<', '>']).count();
            assert_eq!(tags(&make_quotes_smart(&text)), tags(&text));
        }
    }
}
