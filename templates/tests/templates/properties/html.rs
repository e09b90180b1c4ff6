//! Escaping is done once, and web addresses stand in anchors as they should (`docs/spec/templates.md` §4, §11).

use pillarbox_templates::{links, sanitise, typography};
use text::{self, html_escape};

/// Sends any text through every function that takes one.
pub(crate) fn promises_hold(given: &str) {
    escaping_is_done_once(given);
    links_stand_in_anchors(given);
    normalised_text_stays(given);
    sanitise::safe_email_local_part(given);
    sanitise::safe_id(given);
    sanitise::sanitise_public_text(given);
    typography::apply_typography(given);
    typography::unlink_govuk(given);
    assert!(!links::encode_full_stops(given).contains('.'));
}

fn escaping_is_done_once(given: &str) {
    let escaped = html_escape::escape(given);
    assert!(!escaped.contains(['<', '>']));
    for (place, _) in escaped.match_indices('&') {
        assert!(
            ["&amp;", "&lt;", "&gt;", "&nbsp;"]
                .iter()
                .any(|reference| escaped[place..].starts_with(reference)),
            "{given:?} is escaped as {escaped:?}"
        );
    }
    assert_eq!(html_escape::escape(&escaped), escaped, "from {given:?}");
    assert!(html_escape::may_need_escaping(given) || escaped == given);
    html_escape::decode_strict(given);
    html_escape::decode_lenient(given);
}

fn links_stand_in_anchors(given: &str) {
    let escaped = html_escape::escape(given);
    let linked = links::autolink(&escaped, "");
    assert_eq!(
        linked.matches("<a href=\"").count(),
        links::find_links(&escaped).count()
    );
    assert_eq!(
        linked.matches('<').count(),
        2 * linked.matches("</a>").count()
    );
    let mut end = 0;
    for place in links::find_links(given) {
        assert!(place.start >= end && place.end > place.start);
        end = place.end;
    }
}

fn normalised_text_stays(given: &str) {
    let level = text::normalise_spaces(given);
    assert_eq!(text::normalise_spaces(&level), level);
    let lines = sanitise::normalise_lines(given);
    assert!(text::lines(&lines).all(|line| text::normalise_spaces(line) == line));
    let few = sanitise::normalise_multiple_newlines(given);
    assert_eq!(sanitise::normalise_multiple_newlines(&few), few);
    for change in [
        text::trim,
        text::remove_whitespace,
        text::remove_whitespace_before_punctuation,
        text::ascii,
        text::sms,
    ] {
        let once = change(given);
        assert_eq!(change(&once), once, "from {given:?}");
    }
    assert!(
        sanitise::newlines_to_breaks(given)
            .find(['\n', '\r'])
            .is_none()
    );
    assert_eq!(
        typography::restore_hyphens(&typography::protect_hyphens(given)),
        typography::restore_hyphens(given)
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn what_is_done_once_is_done(
            text in r"(&amp;|&nbsp;|&#?x?[0-9a-z]{1,5};?|👾🐦🥴|➕🐦🥴|[a-c<>&;#.,@:/ \t\n\u{A0}\u{200B}é]|https?://|\PC){0,20}"
        ) {
            super::promises_hold(&text);
        }
    }
}
