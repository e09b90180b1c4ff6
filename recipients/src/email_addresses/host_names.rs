//! Hosts: their form in ASCII by IDNA 2003 (RFC 3490), and which of them mail is sent to
//! (`docs/spec/recipients.md` §3).

use super::{nameprep::nameprep, punycode};

const MOST_HOST_CHARACTERS: usize = 253;
const MOST_LABEL_CHARACTERS: usize = 63;
/// With what a label begins that stands for one in other letters.
const ACE_PREFIX: &str = "xn--";

/// The host in ASCII, if it can be converted.
///
/// What comes out may have full stops and spaces that were not there before, so it is still to be judged.
pub(super) fn in_ascii(host: &str) -> Option<String> {
    let is_dot = |character| matches!(character, '.' | '\u{3002}' | '\u{FF0E}' | '\u{FF61}');
    let (host, end) = match host.strip_suffix(is_dot) {
        Some(host) => (host, "."),
        None => (host, ""),
    };
    let labels: Option<Vec<String>> = host.split(is_dot).map(label_in_ascii).collect();
    Some(labels?.join(".") + end)
}

fn label_in_ascii(label: &str) -> Option<String> {
    let prepared = if label.is_ascii() {
        label.to_owned()
    } else {
        nameprep(label)?
    };
    let ascii = if prepared.is_ascii() {
        prepared
    } else if prepared.starts_with(ACE_PREFIX) {
        return None;
    } else {
        format!("{ACE_PREFIX}{}", punycode::encode(&prepared)?)
    };
    (1..=MOST_LABEL_CHARACTERS)
        .contains(&ascii.len())
        .then_some(ascii)
}

/// Whether mail is sent to a host, given in ASCII (rules 5 to 7).
pub(super) fn is_acceptable(host: &str) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else {
        return false;
    };
    host.len() <= MOST_HOST_CHARACTERS && host.split('.').all(is_label) && is_top_level(last)
}

/// Groups of letters and digits, joined by one or two hyphens.
fn is_label(label: &str) -> bool {
    (1..=MOST_LABEL_CHARACTERS).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.contains("---")
}

/// Two letters or more, or a label that stands for one in other letters. It is known to be a label.
fn is_top_level(label: &str) -> bool {
    let is_letters = label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_letters || is_converted_top_level(label)
}

fn is_converted_top_level(label: &str) -> bool {
    label
        .split_at_checked(ACE_PREFIX.len())
        .is_some_and(|(prefix, rest)| {
            prefix.eq_ignore_ascii_case(ACE_PREFIX)
                && !rest.is_empty()
                && !rest.starts_with('-')
                && !rest.contains("--")
        })
}
