//! Host names: conversion to ASCII by IDNA 2003 (RFC 3490), and validation (`docs/spec/recipients.md` §3).

use idna::punycode;

use super::nameprep::nameprep;

const MAX_HOST_CHARACTERS: usize = 253;
const MAX_LABEL_CHARACTERS: usize = 63;
/// Prefix of a label in Punycode.
const ACE_PREFIX: &str = "xn--";

/// Converts a host to ASCII; `None` if that is impossible.
///
/// Normalisation can produce full stops and spaces, so the result must still be validated.
pub fn to_ascii(host: &str) -> Option<String> {
    let is_dot = |character| matches!(character, '.' | '\u{3002}' | '\u{FF0E}' | '\u{FF61}');
    // A dot at the end denotes the root, and is not a label without characters.
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
        // RFC 3490, step 5: such a label would not convert back to itself.
        return None;
    } else if prepared.chars().nth(MAX_LABEL_CHARACTERS).is_some() {
        // Rejected early: each character becomes at least one in ASCII, and encoding takes quadratic time.
        return None;
    } else {
        format!("{ACE_PREFIX}{}", punycode::encode_str(&prepared)?)
    };
    (1..=MAX_LABEL_CHARACTERS)
        .contains(&ascii.len())
        .then_some(ascii)
}

/// Returns whether a host, given in ASCII, is accepted (rules 5 to 7).
pub(super) fn is_acceptable(host: &str) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else {
        return false;
    };
    host.len() <= MAX_HOST_CHARACTERS && host.split('.').all(is_label) && is_top_level(last)
}

/// Groups of letters and digits, joined by one or two hyphens.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_CHARACTERS).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        // Two hyphens in the middle are those of Punycode.
        && !label.contains("---")
}

/// Two letters or more, or a label in Punycode. `label` has passed [`is_label`].
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
