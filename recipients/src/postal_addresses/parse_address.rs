//! Parses a text into an address (`docs/spec/recipients.md` §6.1).

use std::borrow::Cow;

use super::{
    PostalAddress, UNITED_KINGDOM,
    bfpo::{BfpoLine, BfpoNumber},
};
use crate::{
    countries::{self, PostageZone},
    postcodes,
};

pub(super) fn parse(text: &str, international_letters_allowed: bool) -> PostalAddress {
    let mut lines = tidied_lines(text);
    let bfpo_number = extract_bfpo(&mut lines);
    let country = extract_country(&mut lines);
    let is_international = countries::postage_zone(country) != PostageZone::UnitedKingdom;
    let postcode = if is_international {
        None
    } else {
        lines
            .last()
            .and_then(|last| postcodes::formatted_or_none(last))
    };

    if let (Some(last), Some(postcode)) = (lines.last_mut(), &postcode) {
        last.clone_from(postcode);
    }
    // Printed last, whichever line it was on.
    lines.extend(bfpo_number.as_ref().map(|number| format!("BFPO {number}")));
    if is_international {
        lines.push(country.to_owned());
    }
    PostalAddress {
        international_letters_allowed,
        lines,
        country,
        postcode,
        bfpo_number,
    }
}

fn tidied_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text::lines(text)
        .filter_map(|line| {
            let mut line = text::normalise_spaces(line);
            line.truncate(line.trim_end_matches([' ', ',']).len());
            (!line.is_empty()).then(|| match text::remove_whitespace_before_punctuation(&line) {
                Cow::Borrowed(_) => line,
                Cow::Owned(closed) => closed,
            })
        })
        .collect();
    // Later steps look at the last line, so there always is one.
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// Removes all BFPO lines and returns the first number among them.
fn extract_bfpo(lines: &mut Vec<String>) -> Option<BfpoNumber> {
    let number = lines.iter().find_map(|line| match BfpoLine::parse(line)? {
        BfpoLine::WithNumber(number) => Some(number),
        BfpoLine::WithoutNumber => None,
    })?;
    lines.retain(|line| BfpoLine::parse(line).is_none());
    Some(number)
}

/// Removes the country on the last line, and as many lines as name the United Kingdom, and returns the country.
fn extract_country(lines: &mut Vec<String>) -> &'static str {
    let Some(country) = lines.last().and_then(|last| countries::find(last)) else {
        return UNITED_KINGDOM;
    };
    // Lines in between that are no countries do not end the count, so "England" near the top removes one line too many from
    // the bottom. The contract requires this.
    let names_of_home = lines
        .iter()
        .rev()
        .filter_map(|line| countries::find(line))
        .take_while(|&country| country == UNITED_KINGDOM)
        .count();
    lines.truncate(lines.len() - names_of_home.max(1));
    country
}
