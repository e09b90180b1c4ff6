//! What a text message abroad costs, in units of one at home, and what carriers there support.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

/// What is known of text messages to one dialling prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// How many messages at home one message there costs as much as.
    pub(super) multiplier: u32,
    /// Senders with letters in their name cannot be used at all.
    pub(super) needs_numeric_sender: bool,
    /// Somebody there says whether a message has arrived.
    pub(super) reports_delivery: bool,
}

/// The rate of a dialling prefix, if one is set.
pub(super) fn rate_of(prefix: u16) -> Option<Rate> {
    RATES.get(&prefix).copied()
}

static RATES: LazyLock<HashMap<u16, Rate>> = LazyLock::new(|| {
    let table: HashMap<String, RateEntry> =
        serde_json::from_str(include_str!("../../data/international_billing_rates.json"))
            .expect("the table of rates has the shape that its README gives");
    table
        .into_iter()
        .map(|(prefix, entry)| {
            let prefix = prefix
                .parse()
                .expect("a dialling prefix is a number of up to four digits");
            let needs_numeric_sender = entry.attributes.alpha.as_deref() == Some("NO");
            (
                prefix,
                Rate {
                    multiplier: entry.rate_multiplier,
                    needs_numeric_sender,
                    reports_delivery: entry
                        .attributes
                        .dlr
                        .is_some_and(|dlr| dlr.eq_ignore_ascii_case("yes")),
                },
            )
        })
        .collect()
});

#[derive(Deserialize)]
struct RateEntry {
    rate_multiplier: u32,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    alpha: Option<String>,
    dlr: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_the_table_has_a_rate() {
        assert_eq!(RATES.len(), 223);
        assert_eq!(rate_of(44).map(|rate| rate.multiplier), Some(2));
        assert!(rate_of(1).is_some_and(|rate| rate.needs_numeric_sender));
        assert!(rate_of(999).is_none());
    }
}
