//! Typography: quotes that curl, dashes with room, stops that stand close (`templates.md` §6).

mod quote_rules;
mod quotes;

use std::borrow::Cow;

pub use quotes::make_quotes_smart;

/// Without the spaces and tabs directly before a comma or a full stop (§6.1).
pub use crate::text::close_up as remove_whitespace_before_punctuation;
use crate::text::is_any_space;

/// All of it: [`remove_whitespace_before_punctuation`], [`make_quotes_smart`], [`straighten_quotes_in_email_addresses`],
/// [`replace_hyphens_with_en_dashes`], in this order.
pub fn nice(text: &str) -> String {
    let text = remove_whitespace_before_punctuation(text);
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

/// Makes curly single quotes straight in what looks like an email address (§6.3).
///
/// Of two addresses with one space between them only the first is seen; across a line feed both are.
pub fn straighten_quotes_in_email_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') || !text.contains(['‘', '’']) {
        return Cow::Borrowed(text);
    }
    let mut straightened = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let at_line_start = at == 0 || text.as_bytes()[at - 1] == b'\n';
        let gap = gap_length(rest);
        let starts = [at_line_start.then_some(0), (gap > 0).then_some(gap)];
        let start = starts
            .into_iter()
            .flatten()
            .find(|&start| is_email_like(first_word(&rest[start..])));
        let taken = if let Some(start) = start {
            let word = first_word(&rest[start..]);
            let end = start + word.len();
            let after = end + gap_length(&rest[end..]);
            straightened.push_str(&rest[..start]);
            straightened.extend(word.chars().map(straight));
            straightened.push_str(&rest[end..after]);
            after
        } else {
            // Nothing can begin inside a word.
            let passed = if gap > 0 { gap } else { first_word(rest).len() };
            straightened.push_str(&rest[..passed]);
            passed
        };
        at += taken;
    }
    Cow::Owned(straightened)
}

fn straight(character: char) -> char {
    if matches!(character, '‘' | '’') {
        '\''
    } else {
        character
    }
}

/// The length of the one whitespace character with which this begins, if it does.
fn gap_length(text: &str) -> usize {
    text.chars()
        .next()
        .filter(|&first| is_any_space(first))
        .map_or(0, char::len_utf8)
}

/// All up to the first whitespace.
fn first_word(text: &str) -> &str {
    &text[..text.find(is_any_space).unwrap_or(text.len())]
}

/// Whether there is an `@` with something on either side.
fn is_email_like(word: &str) -> bool {
    let mut inner = word.chars();
    inner.next();
    inner.next_back();
    inner.as_str().contains('@')
}

/// One to three hyphens or dashes between whitespace become an en dash between two spaces (§6.4). Line feeds are
/// whitespace; what follows a dash is used up, so the next one needs whitespace of its own.
pub fn replace_hyphens_with_en_dashes(text: &str) -> Cow<'_, str> {
    if !text.contains(['-', '–', '—']) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(is_any_space) {
        let (before, from_gap) = rest.split_at(place);
        replaced.push_str(before);
        rest = if let Some(after) = after_spaced_dash(from_gap) {
            replaced.push_str(" – ");
            after
        } else {
            let after = from_gap.trim_start_matches(is_any_space);
            replaced.push_str(&from_gap[..from_gap.len() - after.len()]);
            after
        };
    }
    replaced.push_str(rest);
    Cow::Owned(replaced)
}

/// What comes after whitespace, a dash and whitespace, if this begins so.
fn after_spaced_dash(text: &str) -> Option<&str> {
    let from_dash = text.trim_start_matches(is_any_space);
    let is_dash = |character: char| matches!(character, '-' | '–' | '—');
    let length: usize = from_dash
        .chars()
        .take(3)
        .take_while(|&c| is_dash(c))
        .map(char::len_utf8)
        .sum();
    let after_dash = &from_dash[length..];
    let after = after_dash.trim_start_matches(is_any_space);
    (length > 0 && after.len() < after_dash.len()).then_some(after)
}

/// Puts a zero-width space after the dot of `GOV.UK`, lest mail programs make a link of it (§6.5). Where it stands at the
/// start or after whitespace, perhaps behind one `#`, `*` or `^`, and no address goes on after it.
pub fn unlink_govuk(text: &str) -> Cow<'_, str> {
    let mut unlinked = String::new();
    let mut done = 0;
    for place in places_ignoring_case(text, b"gov.uk") {
        let end = place + "gov.uk".len();
        if !text[end..].starts_with(['/', '?', '#']) && begins_a_word(&text[..place]) {
            let after_dot = place + "gov.".len();
            unlinked.push_str(&text[done..after_dot]);
            unlinked.push('\u{200B}');
            done = after_dot;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    unlinked.push_str(&text[done..]);
    Cow::Owned(unlinked)
}

fn begins_a_word(before: &str) -> bool {
    let is_start = |before: &str| before.chars().next_back().is_none_or(is_any_space);
    is_start(before) || before.strip_suffix(['#', '*', '^']).is_some_and(is_start)
}

/// Where an ASCII text occurs in another, in any case.
fn places_ignoring_case(text: &str, wanted: &'static [u8]) -> impl Iterator<Item = usize> {
    let found = move |&(_, window): &(usize, &[u8])| window.eq_ignore_ascii_case(wanted);
    text.as_bytes()
        .windows(wanted.len())
        .enumerate()
        .filter(found)
        .map(|(place, _)| place)
}

/// Without U+2028 and U+3164, which some mail programs cannot show (§6.6).
pub fn strip_unsupported_characters(text: &str) -> Cow<'_, str> {
    let is_unsupported = ['\u{2028}', '\u{3164}'];
    if text.contains(is_unsupported) {
        Cow::Owned(text.replace(is_unsupported, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands for a hyphen that is to stay one (§11.2).
const HYPHEN_MARK: &str = "🛳️🐦🥴";

/// With hyphens at which no line breaks, as letters have them (§11.2).
pub fn replace_hyphens_with_non_breaking_hyphens(text: &str) -> String {
    text.replace('-', "\u{2011}")
}

/// With a mark for each hyphen, which [`restore_hyphens`] turns back (§11.2).
pub fn protect_hyphens(text: &str) -> String {
    text.replace('-', HYPHEN_MARK)
}

/// With the hyphens that [`protect_hyphens`] put aside.
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
        assert_eq!(nice("o'x@example.org - \"q\" ,"), "o'x@example.org – “q”,");
        assert_eq!(nice("plain"), "plain");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_set_without_straight_quotes_outside_tags_and_code(
            text in r#"[-'"a1s.,@\\‘–&#8217; (\n\u{A0}é!]{0,40}"#,
        ) {
            let set = make_quotes_smart(&text);
            assert!(!set.contains(['\'', '"']));
            nice(&text);
        }

        #[test]
        fn any_tags_give_an_answer(text in r#"([-<>!/a'"é ]|<!--|--|pre){0,30}"#) {
            let tags = |text: &str| text.matches(['<', '>']).count();
            assert_eq!(tags(&make_quotes_smart(&text)), tags(&text));
        }
    }
}
