//! Rates of international text messages in units of a domestic one, and features of the carriers.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

/// Rate and features of one dialling prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Cost of one message in domestic messages.
    pub(super) multiplier: u32,
    /// Whether alphanumeric senders are impossible.
    pub(super) needs_numeric_sender: bool,
    /// Whether delivery is reported.
    pub(super) reports_delivery: bool,
}

/// Returns the rate of a dialling prefix, if one is set.
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
