//! Web addresses in plain text (`docs/spec/templates.md` §7.4, rule 4).

use text::is_any_space;

/// Splits a text whose next character is a colon into the text before a web address, its protocol, and its rest from
/// the colon on; `None` if the colon belongs to no address.
pub(super) fn around_colon<'text>(
    before_colon: &'text str,
    from_colon: &'text str,
) -> Option<(&'text str, &'text str, &'text str)> {
    let rest = from_colon.strip_prefix("://")?;
    let before = ["https", "http"]
        .into_iter()
        .find_map(|protocol| before_colon.strip_suffix(protocol))?;
    let run = &rest[..rest
        .find(|character| character == '<' || is_any_space(character))
        .unwrap_or(rest.len())];
    // Punctuation at the end belongs to the sentence around the address.
    let address = run.trim_end_matches(['.', ',', ':', '"', '\'', ')', ']']);
    (address.chars().nth(1).is_some()).then(|| {
        (
            before,
            &before_colon[before.len()..],
            &from_colon[..address.len() + "://".len()],
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_before_punctuation() {
        for (before, from, expected) in [
            (
                "see http",
                "://a.b/c). d",
                Some(("see ", "http", "://a.b/c")),
            ),
            ("https", "://a.b;</p>", Some(("", "https", "://a.b;"))),
            ("http", "://a.", None),
            ("http", "://..ab'", Some(("", "http", "://..ab"))),
            ("HTTP", "://a.b", None),
            ("ftp", "://a.b", None),
        ] {
            assert_eq!(around_colon(before, from), expected);
        }
    }
}
