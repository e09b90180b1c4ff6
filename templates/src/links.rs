//! Web addresses in plain text, and anchors for them (`docs/spec/templates.md` §11.1).

use std::{fmt::Write, ops::Range};

use text::{
    characters::{is_word, is_word_boundary},
    is_any_space,
};

/// Addresses that begin with one of these, in any case, are used unchanged; others get `http://` prepended.
const PROTOCOLS: [&str; 6] = ["ftp:", "file:", "http:", "https:", "mailto:", "tel:"];

/// An HTML anchor. Empty attributes are omitted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anchor<'text> {
    /// Target.
    pub address: &'text str,
    /// Classes, separated by spaces.
    pub classes: &'text str,
    /// Inline style.
    pub style: &'text str,
    /// Title; not escaped.
    pub title: &'text str,
    /// Text; not escaped. If empty, the address as given.
    pub text: &'text str,
}

impl Anchor<'_> {
    /// Renders the anchor. Characters that are not allowed in addresses are percent-encoded.
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(self.address.len() * 2 + self.text.len() + 32);
        html.push_str("<a ");
        for (name, value) in [("class", self.classes), ("style", self.style)] {
            if !value.is_empty() {
                html.extend([name, "=\"", value, "\" "]);
            }
        }
        html.push_str("href=\"");
        push_address(&mut html, self.address);
        html.push('"');
        if !self.title.is_empty() {
            html.extend([" title=\"", self.title, "\""]);
        }
        let text = if self.text.is_empty() {
            self.address
        } else {
            self.text
        };
        html.extend([">", text, "</a>"]);
        html
    }
}

fn push_address(html: &mut String, address: &str) {
    if !PROTOCOLS
        .iter()
        .any(|protocol| starts_with_ignoring_case(address, protocol))
    {
        // `http`, not `https`, as the contract requires.
        html.push_str("http://");
    }
    for byte in address.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~:/?#=&;%".contains(&byte) {
            html.push(char::from(byte));
        } else {
            write!(html, "%{byte:02X}").expect("a String takes all that is written");
        }
    }
}

/// Makes an anchor of a web address, leaving trailing punctuation outside it.
pub fn make_link(address: &str, classes: &str) -> String {
    let (address, trailing) = split_trailing(address);
    let mut html = Anchor {
        address,
        classes,
        ..Anchor::default()
    }
    .to_html();
    html.push_str(trailing);
    html
}

/// Splits an address from the trailing characters that do not belong to it: full stops, commas, colons, and unmatched
/// closing brackets.
pub fn split_trailing(address: &str) -> (&str, &str) {
    let count = |wanted: u8| address.bytes().filter(|&byte| byte == wanted).count();
    // An address may contain brackets in pairs; one too many belongs to the sentence around it.
    let mut unopened_round = count(b')').saturating_sub(count(b'('));
    let mut unopened_square = count(b']').saturating_sub(count(b'['));
    let mut end = address.len();
    while let Some(last) = address.as_bytes()[..end].last() {
        match last {
            b'.' | b',' | b':' => {}
            b')' if unopened_round > 0 => unopened_round -= 1,
            b']' if unopened_square > 0 => unopened_square -= 1,
            _ => break,
        }
        end -= 1;
    }
    address.split_at(end)
}

/// Replaces full stops by `%2E`, which stops e-mail clients from making links.
pub fn encode_full_stops(text: &str) -> String {
    text.replace('.', "%2E")
}

/// Replaces the web addresses of a text by anchors with these classes.
pub fn autolink(text: &str, classes: &str) -> String {
    replace_links(text, |link| make_link(link, classes))
}

/// Replaces each web address of a text.
pub(crate) fn replace_links(text: &str, mut replacement: impl FnMut(&str) -> String) -> String {
    let mut replaced = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for place in find_links(text) {
        replaced.push_str(&text[done..place.start]);
        replaced.push_str(&replacement(&text[place.clone()]));
        done = place.end;
    }
    replaced.push_str(&text[done..]);
    replaced
}

/// Iterates over the ranges of all web addresses: an optional protocol, labels that end in dots, a last label of 2–63
/// ASCII letters, and an optional path. None begins after `@` or `.`, or is followed by `@`.
pub fn find_links(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    let mut chain = Chain::EMPTY;
    std::iter::from_fn(move || {
        let (start, host_end) = text[from..]
            .char_indices()
            .map(|(place, character)| (from + place, character))
            .filter(|&(place, character)| may_begin_link(text, place, character))
            .find_map(|(place, _)| host_from(text, place, &mut chain).map(|end| (place, end)))?;
        from = host_end + path_length(&text[host_end..]);
        Some(start..from)
    })
}

fn may_begin_link(text: &str, place: usize, character: char) -> bool {
    let before = text[..place].chars().next_back();
    is_label(character)
        && !matches!(before, Some('@' | '.'))
        && is_word_boundary(before, Some(character))
}

/// Returns the end of the host that begins at `start`, if there is one.
fn host_from(text: &str, start: usize, chain: &mut Chain) -> Option<usize> {
    let protocol = ["https://", "http://"]
        .into_iter()
        .find(|protocol| starts_with_ignoring_case(&text[start..], protocol));
    let after_protocol = protocol
        .and_then(|protocol| Chain::read(text, start + protocol.len()).host_end_from(start));
    after_protocol.or_else(|| {
        // Each chain of labels is read once, however many of its labels could begin a link.
        if start >= chain.end {
            *chain = Chain::read(text, start);
        }
        chain.host_end_from(start)
    })
}

/// A sequence of labels, each but the last with its dot. Its end is shared by every start inside it, so it is parsed
/// only once.
struct Chain {
    end: usize,
    /// The last dot before a top-level label, and the end of that label.
    top_level: Option<(usize, usize)>,
}

impl Chain {
    const EMPTY: Self = Self {
        end: 0,
        top_level: None,
    };

    fn read(text: &str, start: usize) -> Self {
        let mut chain = Self {
            end: start,
            top_level: None,
        };
        loop {
            let rest = &text[chain.end..];
            let label = rest
                .find(|character| !is_label(character))
                .unwrap_or(rest.len());
            let dot = chain.end + label;
            if label == 0 || text.as_bytes().get(dot) != Some(&b'.') {
                chain.end = dot;
                return chain;
            }
            chain.end = dot + 1;
            if let Some(length) = top_level_length(&text[chain.end..]) {
                chain.top_level = Some((dot, chain.end + length));
            }
        }
    }

    /// Returns the end of the longest host that begins at `start`.
    fn host_end_from(&self, start: usize) -> Option<usize> {
        self.top_level
            .filter(|&(dot, _)| dot > start)
            .map(|(_, end)| end)
    }
}

fn top_level_length(rest: &str) -> Option<usize> {
    let letters = rest
        .bytes()
        .take(64)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let ends_there = rest[letters..]
        .chars()
        .next()
        .is_none_or(|next| next != '@' && !is_word(next));
    ((2..=63).contains(&letters) && ends_there).then_some(letters)
}

fn path_length(rest: &str) -> usize {
    if !rest.starts_with(['/', '?', '#']) {
        return 0;
    }
    rest.find(|character| character == '<' || is_any_space(character))
        .unwrap_or(rest.len())
}

fn is_label(character: char) -> bool {
    character == '-' || is_word(character)
}

fn starts_with_ignoring_case(text: &str, beginning: &str) -> bool {
    text.as_bytes()
        .get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        find_links(text).map(|place| &text[place]).collect()
    }

    #[test]
    fn addresses_are_found_with_or_without_a_protocol() {
        let cases: [(&str, &[&str]); 13] = [
            (
                "see www.example.org/dogs, or HTTPS://Example.gov.uk/p?x=1&y=2.",
                &["www.example.org/dogs,", "HTTPS://Example.gov.uk/p?x=1&y=2."],
            ),
            ("1.5 a..example x.y", &[]),
            ("user@my-example.com", &["-example.com"]),
            ("a.b@c.example d.example", &["d.example"]),
            ("a.example@b", &[]),
            ("ab.example.c1 é.example", &["ab.example", "é.example"]),
            ("my.co-op", &["my.co"]),
            ("http://localhost http://a.b.cd<br>", &["http://a.b.cd"]),
            ("xhttp://a.bc", &["a.bc"]),
            ("http://http://a.bc#\u{1C}x.yz", &["http://a.bc#", "x.yz"]),
            ("a.bc.de.1.fg_", &["a.bc.de"]),
            ("-.bc x-.bc", &["x-.bc"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn a_last_label_has_at_most_63_letters() {
        let (most, more) = (
            format!("a.{}", "b".repeat(63)),
            format!("a.{}", "b".repeat(64)),
        );
        assert_eq!(links(&most), [most.as_str()]);
        assert!(links(&more).is_empty());
    }

    #[test]
    fn punctuation_that_only_follows_is_left_outside() {
        for (address, link, trailing) in [
            ("a.bc/(d))", "a.bc/(d)", ")"),
            ("a.bc/[d].,:)", "a.bc/[d]", ".,:)"),
            ("a.bc/(d.", "a.bc/(d", "."),
            ("a.bc/)(", "a.bc/)(", ""),
            (".,", "", ".,"),
        ] {
            assert_eq!(split_trailing(address), (link, trailing));
        }
    }

    #[test]
    fn an_anchor_encodes_its_address_and_shows_its_text() {
        let anchor = Anchor {
            address: "x.example/é \"q\"",
            ..Anchor::default()
        };
        assert_eq!(
            anchor.to_html(),
            "<a href=\"http://x.example/%C3%A9%20%22q%22\">x.example/é \"q\"</a>"
        );
        let anchor = Anchor {
            address: "TEL:1",
            classes: "a b",
            style: "s",
            title: "t",
            text: "<x>",
        };
        assert_eq!(
            anchor.to_html(),
            "<a class=\"a b\" style=\"s\" href=\"TEL:1\" title=\"t\"><x></a>"
        );
    }

    #[test]
    fn a_text_keeps_all_that_is_not_linked() {
        assert_eq!(
            autolink("see a.bc/x. ok", "c"),
            "see <a class=\"c\" href=\"http://a.bc/x\">a.bc/x</a>. ok"
        );
    }

    #[test]
    fn long_chains_take_no_longer_than_their_length() {
        let text = "a-".repeat(200_000) + &"a.".repeat(200_000);
        assert!(links(&text).is_empty());
    }
}
